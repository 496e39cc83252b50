"""The plan: a table, one row an image, in which all randomness of a dataset is spent.

Every factor draws from a stream of its own, seeded by the dataset's seed and the factor's key, so
that no factor's values depend on which others vary, and a longer plan begins with the shorter one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod

import numpy as np

from dmldata.errors import InputError
from dmldata.factors import Factor, Value
from dmlgen.factors import find_group
from dmlgen.recipe import Recipe

MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Sweep:
    """Base scenes, each rendered several times with only one group of factors changed."""

    group: str
    scenes: int
    variants: int


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
        sweep: for a sweep instead.

    Raises:
        InputError: a number out of range, or more variants than the group has combinations.
    """
    if seed < 0:
        raise InputError(f"--seed {seed}: has to be 0 or above")
    if sweep is not None:
        return _sweep_plan(recipe, seed, sweep)
    count = recipe.count if count is None else count
    if count < 1:
        raise InputError(f"--count {count}: has to be 1 or above")
    factors = recipe.factors()
    columns = {key: _draw(factor, seed, count) for key, factor in factors.items()}
    images = [
        _image(index, recipe, index, 0, seed, {k: column[index] for k, column in columns.items()})
        for index in range(count)
    ]
    return Plan(recipe, seed, None, tuple(factors.values()), tuple(images))


def _sweep_plan(recipe: Recipe, seed: int, sweep: Sweep) -> Plan:
    for option, number in (("--scenes", sweep.scenes), ("--variants", sweep.variants)):
        if number < 1:
            raise InputError(f"{option} {number}: has to be 1 or above")
    factors = recipe.factors()
    group = [_swept(factor, factors) for factor in find_group(sweep.group)]
    factors |= {factor.key: factor for factor in group}
    variants = _variants(group, seed, sweep)
    columns = {key: _draw(factor, seed, sweep.scenes) for key, factor in factors.items()}
    images = [
        _image(
            scene * sweep.variants + variant,
            recipe,
            scene,
            variant,
            seed,
            {key: column[scene] for key, column in columns.items()} | values,
        )
        for scene in range(sweep.scenes)
        for variant, values in enumerate(variants)
    ]
    order = _stream(seed, "order").permutation(len(images))
    return Plan(recipe, seed, sweep, tuple(factors.values()), tuple(images[i] for i in order))


def _swept(factor: Factor, in_recipe: dict[str, Factor]) -> Factor:
    """The recipe's values of a swept factor, or the catalogue's where the recipe holds it still."""
    recipes_own = in_recipe[factor.key]
    return recipes_own if recipes_own.varies else factor


def _variants(group: list[Factor], seed: int, sweep: Sweep) -> list[dict[str, Value]]:
    """Distinct combinations of the group's values, drawn uniformly."""
    sizes = [len(factor.values) for factor in group]
    combinations = prod(sizes)
    if sweep.variants > combinations:
        raise InputError(
            f"--variants {sweep.variants}: group '{sweep.group}' has {combinations} combinations "
            f"({', '.join(f'{f.key}: {n}' for f, n in zip(group, sizes, strict=True))})"
        )
    drawn = _stream(seed, f"variants:{sweep.group}").permutation(combinations)[: sweep.variants]
    indices = np.unravel_index(drawn, sizes)
    return [
        {
            factor.key: factor.values[int(bins[v])]
            for factor, bins in zip(group, indices, strict=True)
        }
        for v in range(sweep.variants)
    ]


def _draw(factor: Factor, seed: int, count: int) -> list[Value]:
    bins = _stream(seed, factor.key).integers(len(factor.values), size=count)
    return [factor.values[int(b)] for b in bins]


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
) -> PlannedImage:
    sequence = np.random.SeedSequence(seed, spawn_key=(scene,))
    noise = int(sequence.generate_state(1)[0]) & MAX_SEED
    return PlannedImage(
        key=f"{index:06d}",
        split=recipe.split,
        scene_id=scene,
        variant_id=variant,
        seed=noise,
        values=_without_inapplicable(values),
    )


def _without_inapplicable(values: dict[str, Value]) -> dict[str, Value | None]:
    """A background colour means nothing where no backdrop is seen."""
    if values["environment"] == "backdrop":
        return dict(values)
    return {key: None if key.startswith("background_") else v for key, v in values.items()}
