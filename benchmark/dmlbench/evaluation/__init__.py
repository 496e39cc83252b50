"""The protocol for models on one dataset: properties, and what the models look at."""
