"""A page to look through a dataset."""
