"""The variants of a sweep: distinct combinations of the values of a group's factors."""

from __future__ import annotations

from collections.abc import Mapping, Set
from itertools import product
from math import prod

import numpy as np

from dmldata.common.errors import FieldError, InputError
from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.labels import BODY_TYPE
from dmlgen.factors.registry import CAR_MODEL, NEEDS, factor_catalog, with_values
from dmlgen.planning.meaning import MEANINGLESS_IN, meaningful, without_meaningless
from dmlgen.planning.recipe import ResolvedRecipe
from dmlgen.planning.recipe_file import Sweep
from dmlgen.planning.streams import stream_of

MAX_COMBINATIONS = 10_000_000
"""Combinations of the values of a swept group's factors, among which variants are drawn."""


def most_variants(recipe: ResolvedRecipe, group: str, limit: int) -> int:
    """Return how many variants a sweep of a factor group can have, `limit` at most.

    Raises:
        InputError: a group that has too many combinations, or means nothing in the recipe's places.

    >>> from dmlgen.planning.recipe import load_recipe
    >>> most_variants(load_recipe("paper"), "lights", 6)
    2
    """
    swept, factors = factors_of_sweep(recipe, group)
    return len(_combinations(swept, factors, 0, group, limit))


def factors_of_sweep(recipe: ResolvedRecipe, group: str) -> tuple[list[Factor], dict[str, Factor]]:
    """Return the swept factors, and all that mean something, with their values in the sweep."""
    swept = {factor.key: _swept(recipe, factor) for factor in factor_catalog().group(group)}
    where = {
        key: _where_it_matters(recipe.factors[key], swept.keys(), group) for key in MEANINGLESS_IN
    }
    factors = meaningful({**recipe.factors, **where, **_needed(recipe, swept), **swept})
    return [factor for key, factor in swept.items() if key in factors], factors


def _swept(recipe: ResolvedRecipe, factor: Factor) -> Factor:
    """Return a swept factor with the values that the recipe varies, or its default set.

    Of cars that belong to splits there are no others: they would belong to none.
    """
    fixed_by_split = factor.key == CAR_MODEL and recipe.car_splits is not None
    is_varied = factor.key in recipe.document.vary
    return recipe.factors[factor.key] if is_varied or fixed_by_split else factor


def _needed(recipe: ResolvedRecipe, swept: Mapping[str, Factor]) -> dict[str, Factor]:
    """Return the factors that the swept ones need, held at the values that they need."""
    return {
        need.factor: with_values(recipe.factors[need.factor], (need.value,))
        for need in (NEEDS[key] for key in swept if key in NEEDS)
        if need.factor not in swept
    }


def _where_it_matters(where: Factor, keys: Set[str], group: str) -> Factor:
    """Return the environments, or the cars, for which at least one of the swept factors applies."""
    if where.key in keys:
        return where
    meaningless = MEANINGLESS_IN[where.key]
    names = [name for name in where.values if not keys <= meaningless(name)]
    if not names:
        raise InputError(
            f"group {group}: means nothing with the {where.key} of this recipe "
            f"({', '.join(map(str, where.values))})"
        )
    return with_values(where, tuple(names))


def draw_variants(
    swept: list[Factor], factors: Mapping[str, Factor], seed: int, sweep: Sweep
) -> list[dict[str, Value]]:
    """Return as many combinations of the swept factors' values as the sweep has variants."""
    variants = _combinations(swept, factors, seed, sweep.group, sweep.variants)
    if len(variants) == sweep.variants:
        return variants
    if sweep.group == BODY_TYPE:
        types = ", ".join(sorted(load_car(str(car[CAR_MODEL])).body_type for car in variants))
        raise FieldError(
            {"variants": sweep.variants},
            f"the cars of this recipe have {len(variants)} body types ({types})",
        )
    raise FieldError(
        {"variants": sweep.variants},
        f"group '{sweep.group}' has {len(variants)} combinations ({_sizes(swept)})",
    )


def _combinations(
    swept: list[Factor], factors: Mapping[str, Factor], seed: int, group: str, limit: int
) -> list[dict[str, Value]]:
    """Return distinct combinations of the swept factors' values, drawn uniformly, `limit` at most.

    They are distinct in every scene: in none of its environments and for none of its cars do two
    differ only in factors that mean nothing there. Of each body type there is one car where these
    are swept.
    """
    sizes = [len(factor.values) for factor in swept]
    if prod(sizes) > MAX_COMBINATIONS:
        raise InputError(
            f"group '{group}' has {prod(sizes)} combinations "
            f"({_sizes(swept)}); a sweep takes at most {MAX_COMBINATIONS}; give its factors fewer "
            f"values in the recipe"
        )
    drawn = stream_of(seed, f"variants:{group}").permutation(prod(sizes))
    scenes = _meaningless_in_scenes(factors, {factor.key for factor in swept})
    seen: set[tuple[object, ...]] = set()
    distinct: list[dict[str, Value]] = []
    for bins in zip(*np.unravel_index(drawn, sizes), strict=True):
        values = {f.key: f.values[int(b)] for f, b in zip(swept, bins, strict=True)}
        if group == BODY_TYPE:
            shown: set[tuple[object, ...]] = {(load_car(str(values[CAR_MODEL])).body_type,)}
        else:
            shown = {(scene, *without_meaningless(values, scene)) for scene in scenes}
        if not shown & seen:
            seen |= shown
            distinct.append(values)
        if len(distinct) == limit:
            break
    return distinct


def _meaningless_in_scenes(factors: Mapping[str, Factor], swept: Set[str]) -> set[frozenset[str]]:
    """Return the sets of factors that mean nothing in a scene of a sweep, as all variants share
    what is not swept.
    """
    fixed = [
        {meaningless(value) for value in factors[key].values}
        for key, meaningless in MEANINGLESS_IN.items()
        if key not in swept
    ]
    return {frozenset().union(*sets) for sets in product(*fixed)}


def _sizes(swept: list[Factor]) -> str:
    return ", ".join(f"{factor.key}: {len(factor.values)}" for factor in swept)
