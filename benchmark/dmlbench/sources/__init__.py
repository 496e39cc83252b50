"""Image sources: datasets of this project, and photographs in common dataset layouts."""

from dmlbench.sources.opening import open_source
from dmlbench.sources.protocol import ImageSource

__all__ = ["ImageSource", "open_source"]
