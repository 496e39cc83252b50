"""Options that select a plan, shared by the commands that draw one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from dmldata.common.console import path_or_url
from dmldata.common.errors import FieldError, InputError

if TYPE_CHECKING:
    from dmlgen.plan.draw import Plan
    from dmlgen.plan.presets import Engine

DEFAULT_RECIPE = "paper"

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="Name of a recipe (see 'dmlgen recipes'), or path of a .yaml file.",
        callback=path_or_url,
    ),
]
Group = Annotated[
    str | None,
    typer.Option("--factor", metavar="GROUP", help="Factor group to sweep (see 'dmlgen factors')."),
]
Scenes = Annotated[
    int | None,
    typer.Option(
        help="Number of base scenes of a sweep; the default is the recipe's, or 4 with --factor."
    ),
]
Variants = Annotated[
    int | None,
    typer.Option(
        help="Number of images per base scene of a sweep; the default is the recipe's, or 6 with "
        "--factor."
    ),
]
Count = Annotated[
    int | None,
    typer.Option(
        help="Number of images of a dataset that is not a sweep; the default is the recipe's."
    ),
]
Seed = Annotated[
    int, typer.Option(help="Seed of all random choices: the same seed gives the same dataset.")
]
Size = Annotated[
    str,
    typer.Option(
        help="Size of the images in pixels: 256 for square ones, or 384x288 for width and height."
    ),
]
PresetName = Annotated[
    str, typer.Option("--preset", help="Render quality: draft, standard or final.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, without progress bars.")
]


def plan_of(
    name: str,
    group: str | None,
    scenes: int | None,
    variants: int | None,
    count: int | None,
    seed: int,
) -> Plan:
    """Return the plan that the options ask for.

    Raises:
        InputError: the recipe or group is unknown, a number is out of range, or two options
            contradict each other.
    """
    from dmlgen.factors.registry import factor_catalog
    from dmlgen.plan.draw import make_plan
    from dmlgen.plan.recipe import load_recipe
    from dmlgen.plan.recipe_file import Sweep

    recipe = load_recipe(name)
    sweep = recipe.sweep
    if group is not None:
        factor_catalog().group(group)
        sweep = Sweep(group, 4, 6)
    if sweep is not None:
        sweep = Sweep(
            sweep.group,
            sweep.scenes if scenes is None else scenes,
            sweep.variants if variants is None else variants,
        )
    elif scenes is not None or variants is not None:
        option = "--variants" if scenes is None else "--scenes"
        raise InputError(f"{option}: recipe '{name}' is not a sweep; name a group with --factor")
    options = {"seed": seed, "count": count, "scenes": scenes, "variants": variants}
    set_by = {field: f"--{field}" for field, value in options.items() if value is not None}
    try:
        return make_plan(recipe, seed=seed, count=count, sweep=sweep)
    except InputError as error:
        if isinstance(error, FieldError) and error.values.keys() & set_by.keys():
            raise error.renamed(set_by) from error
        raise InputError(f"recipe {name}: {error}") from error


def engine_of(preset: str, size: str, device: str = "auto") -> Engine:
    """Return the engine that the options ask for.

    Raises:
        InputError: an unknown preset or device, or a size that is not valid.
    """
    from dmlgen.plan.presets import Engine, parse_size

    with option_names("size"):
        return Engine(preset, parse_size(size), device)


@contextmanager
def option_names(*fields: str) -> Iterator[None]:
    """Name in errors about these fields the options of the same names, which set them."""
    try:
        yield
    except FieldError as error:
        raise error.renamed({field: f"--{field}" for field in fields}) from error


def folder_name(recipe: str, group: str | None) -> str:
    """Return the default name of the folder that a recipe is rendered into.

    Args:
        recipe: name in the recipe's file.
        group: factor group that --factor names, if any.

    >>> folder_name("paper", "color"), folder_name("wet", None), folder_name("wet", "color")
    ('color', 'wet', 'wet-color')
    """
    if group is None or group == recipe:
        return recipe
    return group if recipe == DEFAULT_RECIPE else f"{recipe}-{group}"
