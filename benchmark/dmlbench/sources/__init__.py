"""Where images come from: datasets of this project, and photographs in the layouts of others."""

from dmlbench.sources.opening import open_source
from dmlbench.sources.protocol import ImageSource

__all__ = ["ImageSource", "open_source"]
