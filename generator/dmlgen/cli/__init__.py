"""The command dmlgen."""
