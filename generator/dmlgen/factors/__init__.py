"""The properties of an image that the generator controls."""
