"""`python -m dmlgen`: the same as the command `dmlgen`."""

from dmlgen.cli import main

if __name__ == "__main__":
    main()
