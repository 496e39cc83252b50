"""From a model and a dataset to scores: what a deep metric learning model has learned to look at.

`dmlbench.load_model` and `dmlbench.embed` are functions, `dmlbench.scores`,
`dmlbench.saliency` and `dmlbench.maps` packages. All are imported at first use: a command answers
`--help` without waiting for torch, and what reads results never needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dmldata.version import __version__ as __version__

if TYPE_CHECKING:
    from dmlbench.embed import embed as embed
    from dmlbench.models import load_model as load_model

_FUNCTIONS = {"embed": "dmlbench.embed", "load_model": "dmlbench.models"}
_PACKAGES = ("maps", "saliency", "scores")


def __getattr__(name: str) -> Any:
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    if name in _PACKAGES:
        return importlib.import_module(f"dmlbench.{name}")
    raise AttributeError(f"module 'dmlbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS, *_PACKAGES})
