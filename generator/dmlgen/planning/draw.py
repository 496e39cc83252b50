"""The plan: a table, one row per image, in which all randomness of a dataset is spent.

Every factor draws from a stream of its own (`streams`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from dmldata.common.arrays import Ints
from dmldata.common.errors import FieldError
from dmldata.common.extras import MissingPackageError, require_extras
from dmldata.contract.factors import Factor
from dmlgen.catalog.labels import BODY_TYPE, LabelColumn, label_columns
from dmlgen.factors.registry import (
    CAR_MODEL,
)
from dmlgen.planning.images import Column, PlannedImage, PlannedImages
from dmlgen.planning.meaning import MEANINGLESS_IN, meaningful, where_it_applies
from dmlgen.planning.recipe import ResolvedRecipe
from dmlgen.planning.recipe_file import MAX_IMAGES, RecipeFile, Sweep
from dmlgen.planning.streams import draw, draw_in_rounds, noise_seeds, stream_of
from dmlgen.planning.sweep import draw_variants, factors_of_sweep
from dmlgen.planning.table import plan_table

if TYPE_CHECKING:
    import pandas as pd

MAX_DATASET_SEED = 2**63 - 1


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
    factors = meaningful(recipe.factors)
    columns = {key: draw(f, recipe.weights(f), seed, count) for key, f in factors.items()}
    if recipe.car_splits is not None:
        columns[CAR_MODEL] = draw_in_rounds(factors[CAR_MODEL], seed, count)
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
    swept, factors = factors_of_sweep(recipe, sweep.group)
    names = recipe.labels if sweep.group != BODY_TYPE else (*recipe.labels, BODY_TYPE)
    labels = label_columns(names, factors[CAR_MODEL].values, recipe.car_splits)
    variants = draw_variants(swept, factors, seed, sweep)
    columns = {
        key: draw(factor, recipe.weights(factor), seed, sweep.scenes)
        for key, factor in factors.items()
    }
    scene = np.repeat(np.arange(sweep.scenes), sweep.variants)
    variant = np.tile(np.arange(sweep.variants), sweep.scenes)
    columns = {key: column.take(scene) for key, column in columns.items()}
    for key in (factor.key for factor in swept):
        values = [values_of_variant[key] for values_of_variant in variants]
        columns[key] = Column.of(values, variant)
    images = _images(recipe, seed, labels, columns, scene, variant)
    order = stream_of(seed, "order").permutation(len(images))
    columns_of_plan = (*factors.values(), *(label.factor() for label in labels))
    return Plan(recipe.document, seed, sweep, columns_of_plan, images.take(order))


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
        noise_seeds(seed, int(scenes.max()) + 1)[scenes],
        Column.of([recipe.split_of(car) for car in cars], codes),
        {
            **{key: where_it_applies(key, columns, meaningless_in) for key in columns},
            **{
                label.key: Column.of([label.of_car[car] for car in cars], codes) for label in labels
            },
        },
    )
