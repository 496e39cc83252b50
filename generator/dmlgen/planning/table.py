"""A plan as rows and as a parquet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dmldata.common.files import atomic_file
from dmlgen.planning.draw import Plan
from dmlgen.planning.images import Column, PlannedImage, PlannedImages

ROW_GROUP = 100_000
"""Rows that are written at once."""


def plan_rows(images: Sequence[PlannedImage]) -> list[dict[str, object]]:
    """Return one mapping per image: key, split, scene_id, variant_id, seed and factor values."""
    return [
        {
            "key": image.key,
            "split": image.split,
            "scene_id": image.scene_id,
            "variant_id": image.variant_id,
            "seed": image.seed,
            **image.values,
        }
        for image in images
    ]


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan as a parquet file, part by part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = plan.images
    if not isinstance(images, PlannedImages):
        raise TypeError("the images of the plan are not those of make_plan")
    with atomic_file(path) as file:
        writer = None
        for start in range(0, len(images), ROW_GROUP):
            part = images[start : start + ROW_GROUP]
            numbers = {"scene_id": part.scenes, "variant_id": part.variants, "seed": part.seeds}
            table = pa.table(
                {
                    "key": part.keys(),
                    "split": _array(part.splits),
                    **{key: pa.array(column.astype(np.int64)) for key, column in numbers.items()},
                    **{key: _array(column) for key, column in part.values.items()},
                }
            )
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _array(column: Column) -> object:
    """Return a column as an Arrow array, whose type all parts share."""
    import pyarrow as pa

    return pa.array(column.values).take(pa.array(column.codes))
