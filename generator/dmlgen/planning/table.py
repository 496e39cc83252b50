"""A plan as rows and as a parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dmldata.common.files import atomic_file
from dmlgen.planning.images import Column, PlannedImage, PlannedImages

if TYPE_CHECKING:
    import pyarrow as pa

    from dmlgen.planning.draw import Plan

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


def plan_table(plan: Plan) -> pa.Table:
    """Return the plan as an Arrow table, with the columns of `plan_rows`."""
    import pyarrow as pa

    return pa.concat_tables(list(_parts(plan)))


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan as a parquet file, part by part."""
    import pyarrow.parquet as pq

    with atomic_file(path) as file:
        writer = None
        for table in _parts(plan):
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()


def _parts(plan: Plan) -> Iterator[pa.Table]:
    import pyarrow as pa

    images = plan.images
    if not isinstance(images, PlannedImages):
        raise TypeError("the images of the plan are not those of make_plan")
    for start in range(0, len(images), ROW_GROUP):
        part = images[start : start + ROW_GROUP]
        numbers = {"scene_id": part.scenes, "variant_id": part.variants, "seed": part.seeds}
        yield pa.table(
            {
                "key": part.keys(),
                "split": _array(part.splits),
                **{key: pa.array(column.astype(np.int64)) for key, column in numbers.items()},
                **{key: _array(column) for key, column in part.values.items()},
            }
        )


def _array(column: Column) -> pa.Array:
    """Return a column as an Arrow array, whose type all parts share."""
    import pyarrow as pa

    return pa.array(column.values).take(pa.array(column.codes))
