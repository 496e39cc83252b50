"""`python -m dmlbench`: the same as the command `dmlbench`."""

from dmlbench.cli.main import main

if __name__ == "__main__":
    main()
