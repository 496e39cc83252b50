"""From a recipe to a finished dataset whose images show what the recipe says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmldata.common.lazy import lazy_exports
from dmldata.version import __version__

if TYPE_CHECKING:
    from dmlgen.api import plan, render
    from dmlgen.planning.draw import make_plan
    from dmlgen.planning.recipe import load_recipe

__all__ = ["__version__", "load_recipe", "make_plan", "plan", "render"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "load_recipe": "dmlgen.planning.recipe",
        "make_plan": "dmlgen.planning.draw",
        "plan": "dmlgen.api",
        "render": "dmlgen.api",
    },
)
