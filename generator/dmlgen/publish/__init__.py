"""Publishing: check a dataset, upload it, and check the published copy."""
