"""A plan as rows and as a parquet file."""

from __future__ import annotations

from pathlib import Path

from dmldata.common.files import atomic_file
from dmlgen.plan.draw import Plan


def plan_rows(plan: Plan) -> list[dict[str, object]]:
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
        for image in plan.images
    ]


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan as a parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with atomic_file(path) as file:
        pq.write_table(pa.Table.from_pylist(plan_rows(plan)), file)
