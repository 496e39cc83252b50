"""Both steps of the protocol for models on one dataset."""
