"""The command dmlbench."""
