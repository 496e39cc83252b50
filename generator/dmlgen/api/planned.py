"""Draw the plan of a dataset from a recipe's name and a few numbers."""

from __future__ import annotations

from operator import index
from pathlib import Path

from dmldata.common.errors import FieldError, InputError
from dmlgen.factors.registry import factor_catalog
from dmlgen.planning.draw import Plan, make_plan
from dmlgen.planning.recipe import ResolvedRecipe, load_recipe
from dmlgen.planning.recipe_file import Sweep
from dmlgen.planning.sweep import most_variants

NO_SWEEP = "valid: with a factor group to sweep, such as color"
SCENES, VARIANTS = 4, 6
"""Size of a sweep of a named group, where nothing else is said; a group may have fewer variants."""


def plan(
    recipe: str | Path = "paper",
    *,
    factor: str | None = None,
    scenes: int | None = None,
    variants: int | None = None,
    count: int | None = None,
    seed: int = 0,
) -> Plan:
    """Draw the plan of a dataset, as `dmlgen plan` does: a row for every image, nothing rendered.

    Args:
        recipe: name of a recipe of the project, or path of a YAML file.
        factor: factor group to sweep, such as "color"; by default what the recipe says.
        scenes: number of base scenes of a sweep; by default the recipe's, or 4 with `factor`.
        variants: number of images per base scene; by default the recipe's, or with `factor` 6,
            where the group has as many combinations of values.
        count: number of images of a dataset that is no sweep; by default the recipe's.
        seed: seed of all random choices; the same seed gives the same plan.

    Raises:
        UnknownNameError: there is no such recipe or factor group.
        FieldError: a number is out of range, or does not fit the recipe.
        InputError: the recipe is not valid (file, line, field).

    >>> color = plan(factor="color", scenes=2, variants=3)
    >>> len(color.images), color.to_frame()["paint_hue"].nunique() > 1
    (6, True)
    """
    seed = _whole("seed", seed)
    scenes, variants, count = (
        None if number is None else _whole(field, number)
        for field, number in (("scenes", scenes), ("variants", variants), ("count", count))
    )
    resolved = load_recipe(str(recipe))
    if factor is not None:
        factor_catalog().group(factor)
    numbers = {"seed": seed, "count": count, "scenes": scenes, "variants": variants}
    of_caller = {field for field, number in numbers.items() if number is not None}
    try:
        sweep = _sweep(resolved, str(recipe), factor, scenes, variants)
        return make_plan(resolved, seed=seed, count=count, sweep=sweep)
    except InputError as error:
        if isinstance(error, FieldError) and error.values.keys() & of_caller:
            raise
        raise InputError(f"recipe {recipe}: {error}") from error


def _whole(field: str, number: int) -> int:
    """Return a number as Python's own, such as NumPy's."""
    try:
        return index(number)
    except TypeError:
        raise FieldError({field: number}, "has to be a whole number") from None


def _sweep(
    recipe: ResolvedRecipe,
    name: str,
    factor: str | None,
    scenes: int | None,
    variants: int | None,
) -> Sweep | None:
    sweep = recipe.sweep
    if factor is not None:
        sweep = Sweep(factor, SCENES, most_variants(recipe, factor, VARIANTS))
    if sweep is not None:
        return Sweep(
            sweep.group,
            sweep.scenes if scenes is None else scenes,
            sweep.variants if variants is None else variants,
        )
    for field, number in (("scenes", scenes), ("variants", variants)):
        if number is not None:
            raise FieldError({field: number}, f"recipe '{name}' is not a sweep; {NO_SWEEP}")
    return None
