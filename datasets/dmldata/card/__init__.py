"""The card of a dataset: README, licenses, credits, checksums."""
