"""The version of the distribution dml-prism, declared here alone."""

__version__ = "0.1.0"
