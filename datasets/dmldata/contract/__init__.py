"""The format of a dataset on disk: its manifest, samples, factors and shards."""
