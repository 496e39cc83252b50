"""What a dataset on disk is: its manifest, samples, factors and shards."""
