"""From a recipe to a finished dataset: what is in a picture is decided here, and known."""

from dmldata.version import __version__ as __version__
