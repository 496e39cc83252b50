"""`python -m dmlgen`: the same as the command `dmlgen`."""

from dmlgen.cli.main import main

if __name__ == "__main__":
    main()
