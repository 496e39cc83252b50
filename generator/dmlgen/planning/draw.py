"""The plan: a table, one row per image, in which all randomness of a dataset is spent.

Every factor draws from a stream of its own, seeded by the dataset's seed and the factor's key, so
that no factor's values depend on which others vary, and a longer plan begins with the shorter one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from html import escape
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from dmldata.common.arrays import Ints
from dmldata.common.errors import FieldError, InputError
from dmldata.common.extras import MissingPackageError, require_extras
from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.labels import BODY_TYPE, LabelColumn, label_columns
from dmlgen.catalog.places import load_environment
from dmlgen.factors.registry import (
    CAR_MODEL,
    DECLARATIONS,
    DEFAULTS,
    ENVIRONMENT,
    INAPPLICABLE,
    NEEDS,
    factor_catalog,
    with_values,
)
from dmlgen.planning.images import Column, PlannedImage, PlannedImages
from dmlgen.planning.recipe import ResolvedRecipe
from dmlgen.planning.recipe_file import MAX_IMAGES, RecipeFile, Sweep
from dmlgen.planning.table import plan_table

if TYPE_CHECKING:
    import pandas as pd

MAX_SEED = 2**31 - 1
"""Largest seed of the renderer's noise."""
MAX_DATASET_SEED = 2**63 - 1
MAX_COMBINATIONS = 10_000_000
"""Combinations of the values of a swept group's factors, among which variants are drawn."""


@dataclass(frozen=True, repr=False)
class Plan:
    """All images of a dataset, in the order of its shards.

    Attributes:
        recipe: the recipe that it was drawn from, as it is written to the manifest.
        seed: seed of the dataset.
        sweep: group, scenes and variants of a sweep, None for an independent dataset.
        factors: the columns of the rows, labels last.
        images: the rows.
    """

    recipe: RecipeFile
    seed: int
    sweep: Sweep | None
    factors: tuple[Factor, ...]
    images: Sequence[PlannedImage]

    @property
    def meaningless(self) -> tuple[str, ...]:
        """Keys of the factors that the recipe varies, but that mean nothing in any image."""
        columns = {factor.key for factor in self.factors}
        return tuple(key for key in self.recipe.vary if key not in columns)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows: key, split, scene_id, variant_id, seed and the factors' values.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        require_extras("pandas")
        frame: pd.DataFrame = plan_table(self).to_pandas()
        return frame

    def __repr__(self) -> str:
        what = f"sweep of {self.sweep.group}" if self.sweep else "independent factors"
        varied = sum(factor.varies for factor in self.factors)
        return (
            f"<Plan of {len(self.images)} images: recipe {self.recipe.name}, {what}, "
            f"{varied} factors vary, seed {self.seed}>"
        )

    def _repr_html_(self) -> str | None:
        try:
            rows = self.to_frame().to_html(max_rows=10, max_cols=20, border=0)
        except MissingPackageError:
            # A notebook then shows the line of `repr`.
            return None
        return f"<p>{escape(repr(self)[1:-1])}</p>{rows}"


def make_plan(
    recipe: ResolvedRecipe, *, seed: int, count: int | None = None, sweep: Sweep | None = None
) -> Plan:
    """Draw the plan of a dataset.

    Args:
        seed: seed of the dataset, 0 or above; the same seed gives the same plan.
        count: number of images of an independent dataset; None: as many as the recipe says.
        sweep: makes it a sweep, whatever the recipe is; None: as the recipe says.

    Raises:
        FieldError: a number out of range, or more variants than the group has combinations.
        InputError: a group that has too many combinations, or means nothing in the recipe's places.

    >>> from dmlgen.planning.recipe import load_recipe
    >>> plan = make_plan(load_recipe("paper"), seed=0, count=3)
    >>> [image.key for image in plan.images]
    ['000000', '000001', '000002']
    """
    if not 0 <= seed <= MAX_DATASET_SEED:
        raise FieldError({"seed": seed}, f"has to be 0 to {MAX_DATASET_SEED}")
    sweep = sweep or recipe.sweep
    if sweep is not None:
        if count is not None:
            raise FieldError(
                {"count": count},
                "is for datasets that are no sweep; a sweep has scenes times variants images",
            )
        return _sweep_plan(recipe, seed, sweep)
    count = recipe.count if count is None else count
    if not 1 <= count <= MAX_IMAGES:
        raise FieldError({"count": count}, f"has to be 1 to {MAX_IMAGES}")
    factors = _meaningful(recipe.factors)
    columns = {key: _draw(f, recipe.weights(f), seed, count) for key, f in factors.items()}
    if recipe.car_splits is not None:
        columns[CAR_MODEL] = _draw_in_rounds(factors[CAR_MODEL], seed, count)
    labels = label_columns(recipe.labels, factors[CAR_MODEL].values, recipe.car_splits)
    scenes = np.arange(count)
    images = _images(recipe, seed, labels, columns, scenes, np.zeros_like(scenes))
    columns_of_plan = (*factors.values(), *(label.factor() for label in labels))
    return Plan(recipe.document, seed, None, columns_of_plan, images)


def _sweep_plan(recipe: ResolvedRecipe, seed: int, sweep: Sweep) -> Plan:
    for field, number in (("scenes", sweep.scenes), ("variants", sweep.variants)):
        if not 1 <= number <= MAX_IMAGES:
            raise FieldError({field: number}, f"has to be 1 to {MAX_IMAGES}")
    if sweep.scenes * sweep.variants > MAX_IMAGES:
        raise FieldError(
            {"scenes": sweep.scenes, "variants": sweep.variants},
            f"are {sweep.scenes * sweep.variants} images; valid: at most {MAX_IMAGES}",
        )
    swept, factors = _factors_of_sweep(recipe, sweep.group)
    names = recipe.labels if sweep.group != BODY_TYPE else (*recipe.labels, BODY_TYPE)
    labels = label_columns(names, factors[CAR_MODEL].values, recipe.car_splits)
    variants = _variants(swept, factors, seed, sweep)
    columns = {
        key: _draw(factor, recipe.weights(factor), seed, sweep.scenes)
        for key, factor in factors.items()
    }
    scene = np.repeat(np.arange(sweep.scenes), sweep.variants)
    variant = np.tile(np.arange(sweep.variants), sweep.scenes)
    columns = {key: column.take(scene) for key, column in columns.items()}
    for key in (factor.key for factor in swept):
        values = [values_of_variant[key] for values_of_variant in variants]
        columns[key] = Column.of(values, variant)
    images = _images(recipe, seed, labels, columns, scene, variant)
    order = _stream(seed, "order").permutation(len(images))
    columns_of_plan = (*factors.values(), *(label.factor() for label in labels))
    return Plan(recipe.document, seed, sweep, columns_of_plan, images.take(order))


def most_variants(recipe: ResolvedRecipe, group: str, limit: int) -> int:
    """Return how many variants a sweep of a factor group can have, `limit` at most.

    Raises:
        InputError: a group that has too many combinations, or means nothing in the recipe's places.

    >>> from dmlgen.planning.recipe import load_recipe
    >>> most_variants(load_recipe("paper"), "lights", 6)
    2
    """
    swept, factors = _factors_of_sweep(recipe, group)
    return len(_combinations(swept, factors, 0, group, limit))


def _factors_of_sweep(recipe: ResolvedRecipe, group: str) -> tuple[list[Factor], dict[str, Factor]]:
    """Return the swept factors, and all that mean something, with their values in the sweep."""
    swept = {factor.key: _swept(recipe, factor) for factor in factor_catalog().group(group)}
    where = {
        key: _where_it_matters(recipe.factors[key], swept.keys(), group) for key in MEANINGLESS_IN
    }
    factors = _meaningful({**recipe.factors, **where, **_needed(recipe, swept), **swept})
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


def _meaningful(factors: Mapping[str, Factor]) -> dict[str, Factor]:
    """Return the factors that mean something in an environment, and for a car, of the recipe."""
    nowhere = {k for k, need in NEEDS.items() if need.value not in factors[need.factor].values}
    for key, meaningless in MEANINGLESS_IN.items():
        nowhere |= frozenset.intersection(*map(meaningless, factors[key].values))
    return {key: factor for key, factor in factors.items() if key not in nowhere}


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


def _variants(
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
    drawn = _stream(seed, f"variants:{group}").permutation(prod(sizes))
    scenes = _meaningless_in_scenes(factors, {factor.key for factor in swept})
    seen: set[tuple[object, ...]] = set()
    distinct: list[dict[str, Value]] = []
    for bins in zip(*np.unravel_index(drawn, sizes), strict=True):
        values = {f.key: f.values[int(b)] for f, b in zip(swept, bins, strict=True)}
        if group == BODY_TYPE:
            shown: set[tuple[object, ...]] = {(load_car(str(values[CAR_MODEL])).body_type,)}
        else:
            shown = {(scene, *_without(values, scene)) for scene in scenes}
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


def _without(values: Mapping[str, Value], meaningless: frozenset[str]) -> list[Value | None]:
    """Return the swept factors' values, None for what means nothing in a scene or with them."""
    for key in values.keys() & MEANINGLESS_IN.keys():
        meaningless |= MEANINGLESS_IN[key](values[key])
    meaningless |= {
        key for key, need in NEEDS.items() if values.get(need.factor, need.value) != need.value
    }
    return [None if key in meaningless else value for key, value in values.items()]


def _sizes(swept: list[Factor]) -> str:
    return ", ".join(f"{factor.key}: {len(factor.values)}" for factor in swept)


def _draw(factor: Factor, weights: tuple[float, ...] | None, seed: int, count: int) -> Column:
    stream = _stream(seed, factor.key)
    if weights is None:
        bins = stream.integers(len(factor.values), size=count)
    else:
        bins = stream.choice(len(factor.values), size=count, p=weights)
    return Column.of(factor.values, bins)


def _draw_in_rounds(factor: Factor, seed: int, count: int) -> Column:
    """Draw all values in random order, again and again: each is drawn about equally often."""
    stream = _stream(seed, factor.key)
    rounds = -(-count // len(factor.values))
    order = np.concatenate([stream.permutation(len(factor.values)) for _ in range(rounds)])
    return Column.of(factor.values, order[:count])


def _stream(seed: int, name: str) -> np.random.Generator:
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))
    return np.random.Generator(np.random.PCG64(sequence))


def _images(
    recipe: ResolvedRecipe,
    seed: int,
    labels: Sequence[LabelColumn],
    columns: Mapping[str, Column],
    scenes: Ints,
    variants: Ints,
) -> PlannedImages:
    """Return the images of drawn columns [N], numbered in this order."""
    cars = [str(car) for car in columns[CAR_MODEL].values]
    codes = columns[CAR_MODEL].codes
    meaningless_in = {
        key: [meaningless(value) for value in columns[key].values]
        for key, meaningless in MEANINGLESS_IN.items()
    }
    return PlannedImages(
        np.arange(len(scenes)),
        scenes,
        variants,
        _noise_seeds(seed, int(scenes.max()) + 1)[scenes],
        Column.of([recipe.split_of(car) for car in cars], codes),
        {
            **{key: _where_it_applies(key, columns, meaningless_in) for key in columns},
            **{
                label.key: Column.of([label.of_car[car] for car in cars], codes) for label in labels
            },
        },
    )


def _noise_seeds(seed: int, scenes: int) -> Ints:
    """Return the seed of the renderer's noise of each scene [N].

    They are `SeedSequence(seed, spawn_key=(scene,)).generate_state(1)`, all at once: the number of
    the scene is the last word that is mixed into a pool, which is otherwise that of the seed. After
    the algorithm of NumPy's SeedSequence (M. O'Neill's seed_seq_fe), which NumPy keeps stable.
    """
    first, multiplier = 0x43B0D7E5, 0x931E8875
    mixed_before = 4 + 4 * 3
    constant = np.uint32(first * pow(multiplier, mixed_before, 2**32) % 2**32)
    pool = np.uint32(np.random.SeedSequence(seed).pool[0])
    with np.errstate(over="ignore"):
        word = np.arange(scenes, dtype=np.uint32) ^ constant
        word *= constant * np.uint32(multiplier)
        word ^= word >> np.uint32(16)
        state = pool * np.uint32(0xCA01F9DD) - word * np.uint32(0x4973F715)
        state ^= state >> np.uint32(16)
        state = (state ^ np.uint32(0x8B51F9DD)) * np.uint32(0x8B51F9DD * 0x58F38DED % 2**32)
        state ^= state >> np.uint32(16)
    return state.astype(np.int64) & MAX_SEED


def _where_it_applies(
    key: str, columns: Mapping[str, Column], meaningless_in: Mapping[str, list[frozenset[str]]]
) -> Column:
    """Return a drawn column with None for what does not apply, like a backdrop's color outdoors.

    A car that a factor does not change has the value that changes no car.

    Args:
        meaningless_in: what means nothing with each value of the columns of these factors.
    """
    column = columns[key]
    null = np.zeros(len(column.codes), bool)
    for where, meaningless in meaningless_in.items():
        if where == CAR_MODEL and tuple(column.values) == (DEFAULTS[key],):
            continue
        null |= np.array([key in keys for keys in meaningless])[columns[where].codes]
    if key in NEEDS:
        needed = columns[NEEDS[key].factor]
        lacks_it = [value != NEEDS[key].value for value in needed.values]
        null |= np.array(lacks_it)[needed.codes]
    if not null.any():
        return column
    return Column.of((*column.values, None), np.where(null, len(column.values), column.codes))


def _in_place(environment: Value | None) -> frozenset[str]:
    """Return the keys of the factors that mean nothing in an environment."""
    return INAPPLICABLE[load_environment(str(environment)).kind]


def _for_car(car: Value | None) -> frozenset[str]:
    """Return the keys of the factors that change nothing of a car.

    Without wheels of its own, which say where its arches are, its proportions stay as well.
    """
    spec = load_car(str(car))
    return frozenset(spec.fixed) if spec.wheels else _NEED_WHEELS


_NEED_WHEELS = frozenset(
    key for key, factor in DECLARATIONS.items() if factor.group in {"shape", "wheels"}
)
MEANINGLESS_IN: Mapping[str, Callable[[Value | None], frozenset[str]]] = {
    ENVIRONMENT: _in_place,
    CAR_MODEL: _for_car,
}
"""Factor -> the factors that mean nothing with a value of it."""
