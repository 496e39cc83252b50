"""The card of a dataset: README, licenses, credits and checksums."""
