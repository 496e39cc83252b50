"""Publishing: a dataset checked, carried to where others find it, and checked there."""
