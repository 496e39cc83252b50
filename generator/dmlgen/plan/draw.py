"""The plan: a table, one row an image, in which all randomness of a dataset is spent.

Every factor draws from a stream of its own, seeded by the dataset's seed and the factor's key, so
that no factor's values depend on which others vary, and a longer plan begins with the shorter one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from dmldata.common.errors import InputError
from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.labels import BODY_TYPE, LabelColumn, label_columns
from dmlgen.catalog.places import load_environment
from dmlgen.factors.catalogue import find_group
from dmlgen.plan.recipe import MAX_IMAGES, Recipe, Sweep, with_values

MAX_SEED = 2**31 - 1
"""Of the renderer's noise."""
MAX_DATASET_SEED = 2**63 - 1
MAX_COMBINATIONS = 10_000_000
"""Of the values of a swept group's factors: the variants are drawn among them."""


@dataclass(frozen=True)
class PlannedImage:
    """One row of the plan.

    Attributes:
        key: name of the image in its dataset.
        scene_id: images of a scene differ in the swept group only.
        variant_id: images of a variant have the same values of the swept group, in every scene.
        seed: of the renderer's noise, 0 .. 2^31 - 1; the same for all variants of a scene.
        values: factor -> value, None where the factor does not apply.
    """

    key: str
    split: str
    scene_id: int
    variant_id: int
    seed: int
    values: dict[str, Value | None]


@dataclass(frozen=True)
class Plan:
    """All images of a dataset, in the order in which they stand in its shards."""

    recipe: Recipe
    seed: int
    sweep: Sweep | None
    factors: tuple[Factor, ...]
    images: tuple[PlannedImage, ...]


def make_plan(
    recipe: Recipe, *, seed: int, count: int | None = None, sweep: Sweep | None = None
) -> Plan:
    """Draws the plan of a dataset.

    Args:
        seed: of the dataset, 0 or above; the same seed gives the same plan.
        count: images of an independent dataset, the recipe's own where None.
        sweep: makes it a sweep, whatever the recipe is; the recipe's own where None.

    Raises:
        InputError: a number out of range, or more variants than the group has combinations.
    """
    if not 0 <= seed <= MAX_DATASET_SEED:
        raise InputError(f"seed {seed}: has to be 0 to {MAX_DATASET_SEED}")
    sweep = sweep or recipe.sweep
    if sweep is not None:
        if count is not None:
            raise InputError(
                f"count {count}: is for datasets that are no sweep; a sweep has scenes times "
                f"variants images"
            )
        return _sweep_plan(recipe, seed, sweep)
    count = recipe.count if count is None else count
    if not 1 <= count <= MAX_IMAGES:
        raise InputError(f"count {count}: has to be 1 to {MAX_IMAGES}")
    factors = _meaningful(recipe.factors())
    columns = {key: _draw(f, recipe.weights(f), seed, count) for key, f in factors.items()}
    if recipe.car_splits is not None:
        columns["car_model"] = _draw_in_rounds(factors["car_model"], seed, count)
    labels = label_columns(recipe.labels, factors["car_model"].values, recipe.car_splits)
    images = [
        _image(
            *(index, recipe, index, 0, seed),
            {key: column[index] for key, column in columns.items()},
            labels,
        )
        for index in range(count)
    ]
    every = (*factors.values(), *(label.factor() for label in labels))
    return Plan(recipe, seed, None, every, tuple(images))


def _sweep_plan(recipe: Recipe, seed: int, sweep: Sweep) -> Plan:
    for field, number in (("scenes", sweep.scenes), ("variants", sweep.variants)):
        if not 1 <= number <= MAX_IMAGES:
            raise InputError(f"{field} {number}: has to be 1 to {MAX_IMAGES}")
    if sweep.scenes * sweep.variants > MAX_IMAGES:
        raise InputError(
            f"scenes {sweep.scenes}, variants {sweep.variants}: are {sweep.scenes * sweep.variants}"
            f" images; valid: at most {MAX_IMAGES}"
        )
    factors = recipe.factors()
    group = [_swept(factor, factors) for factor in find_group(sweep.group)]
    factors["environment"] = _where_it_matters(factors["environment"], group, sweep)
    factors = _meaningful(factors | {factor.key: factor for factor in group})
    names = recipe.labels if sweep.group != BODY_TYPE else (*recipe.labels, BODY_TYPE)
    labels = label_columns(names, factors["car_model"].values, recipe.car_splits)
    variants = _variants(group, seed, sweep)
    columns = {
        key: _draw(factor, recipe.weights(factor), seed, sweep.scenes)
        for key, factor in factors.items()
    }
    images = [
        _image(
            scene * sweep.variants + variant,
            recipe,
            scene,
            variant,
            seed,
            {key: values.get(key, column[scene]) for key, column in columns.items()},
            labels,
        )
        for scene in range(sweep.scenes)
        for variant, values in enumerate(variants)
    ]
    order = _stream(seed, "order").permutation(len(images))
    every = (*factors.values(), *(label.factor() for label in labels))
    return Plan(recipe, seed, sweep, every, tuple(images[i] for i in order))


def _swept(factor: Factor, in_recipe: dict[str, Factor]) -> Factor:
    """The recipe's values of a swept factor, or the catalogue's where the recipe holds it still."""
    recipes_own = in_recipe[factor.key]
    return recipes_own if recipes_own.varies else factor


def _meaningful(factors: dict[str, Factor]) -> dict[str, Factor]:
    """The factors that mean something in at least one of the environments."""
    environments = [load_environment(str(name)) for name in factors["environment"].values]
    nowhere = frozenset.intersection(*(e.inapplicable for e in environments))
    return {key: factor for key, factor in factors.items() if key not in nowhere}


def _where_it_matters(environment: Factor, group: list[Factor], sweep: Sweep) -> Factor:
    """The environments in which at least one factor of the swept group means something."""
    keys = {factor.key for factor in group}
    if environment.key in keys:
        return environment
    names = [n for n in environment.values if not keys <= load_environment(str(n)).inapplicable]
    if not names:
        raise InputError(
            f"group {sweep.group}: means nothing in the environments of this recipe "
            f"({', '.join(map(str, environment.values))})"
        )
    return with_values(environment, tuple(names))


def _variants(group: list[Factor], seed: int, sweep: Sweep) -> list[dict[str, Value]]:
    """Distinct combinations of the group's values, drawn uniformly.

    Combinations that differ only in factors that mean nothing in their environment are one; of body
    types, so are cars of one type.
    """
    sizes = [len(factor.values) for factor in group]
    if prod(sizes) > MAX_COMBINATIONS:
        raise InputError(
            f"group '{sweep.group}' has {prod(sizes)} combinations "
            f"({', '.join(f'{f.key}: {n}' for f, n in zip(group, sizes, strict=True))}); a sweep "
            f"takes at most {MAX_COMBINATIONS}; give its factors fewer values in the recipe"
        )
    drawn = _stream(seed, f"variants:{sweep.group}").permutation(prod(sizes))
    distinct: dict[tuple[Value | None, ...], dict[str, Value]] = {}
    for bins in zip(*np.unravel_index(drawn, sizes), strict=True):
        values = {f.key: f.values[int(b)] for f, b in zip(group, bins, strict=True)}
        if sweep.group == BODY_TYPE:
            distinct.setdefault((load_car(str(values["car_model"])).body_type,), values)
        else:
            distinct.setdefault(tuple(_without_inapplicable(values).values()), values)
        if len(distinct) == sweep.variants:
            return list(distinct.values())
    if sweep.group == BODY_TYPE:
        types = ", ".join(sorted(str(name) for (name,) in distinct))
        raise InputError(
            f"variants {sweep.variants}: the cars of this recipe have {len(distinct)} body types "
            f"({types})"
        )
    raise InputError(
        f"variants {sweep.variants}: group '{sweep.group}' has {len(distinct)} combinations "
        f"({', '.join(f'{f.key}: {n}' for f, n in zip(group, sizes, strict=True))})"
    )


def _draw(factor: Factor, weights: tuple[float, ...] | None, seed: int, count: int) -> list[Value]:
    stream = _stream(seed, factor.key)
    if weights is None:
        bins = stream.integers(len(factor.values), size=count)
    else:
        bins = stream.choice(len(factor.values), size=count, p=weights)
    return [factor.values[int(b)] for b in bins]


def _draw_in_rounds(factor: Factor, seed: int, count: int) -> list[Value]:
    """Every value once in random order, and again, so that no value is drawn much more often."""
    stream = _stream(seed, factor.key)
    rounds = -(-count // len(factor.values))
    order = np.concatenate([stream.permutation(len(factor.values)) for _ in range(rounds)])
    return [factor.values[int(b)] for b in order[:count]]


def _stream(seed: int, name: str) -> np.random.Generator:
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))
    return np.random.Generator(np.random.PCG64(sequence))


def _image(
    index: int,
    recipe: Recipe,
    scene: int,
    variant: int,
    seed: int,
    values: dict[str, Value],
    labels: Sequence[LabelColumn],
) -> PlannedImage:
    sequence = np.random.SeedSequence(seed, spawn_key=(scene,))
    noise = int(sequence.generate_state(1)[0]) & MAX_SEED
    return PlannedImage(
        key=f"{index:06d}",
        split=recipe.split_of(values["car_model"]),
        scene_id=scene,
        variant_id=variant,
        seed=noise,
        values=_without_inapplicable(values)
        | {label.key: label.of_car[str(values["car_model"])] for label in labels},
    )


def _without_inapplicable(values: dict[str, Value]) -> dict[str, Value | None]:
    """None for what means nothing in the environment, like a backdrop's colour outdoors."""
    if "environment" not in values:
        return dict(values)
    inapplicable = load_environment(str(values["environment"])).inapplicable
    return {key: None if key in inapplicable else value for key, value in values.items()}
