"""Checks of the rows of samples.parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING

from dmldata.contract.checks import columns_problem, order_problem
from dmldata.contract.factors import Factor
from dmldata.contract.manifest import Manifest
from dmldata.contract.samples import Row, key_problem

if TYPE_CHECKING:
    import pyarrow as pa


def row_problems(table: pa.Table, manifest: Manifest) -> Iterator[str]:
    """Yield the problems of samples.parquet as a whole and of its rows, in words.

    If the columns are wrong, nothing else is checked.
    """
    problem = columns_problem(table, manifest.factors)
    if problem:
        yield problem
        return
    problem = order_problem(table, manifest)
    if problem:
        yield problem
    keys = table["key"].to_pylist()
    for key, count in Counter(keys).items():
        if count > 1:
            yield f"key '{key}' occurs {count} times"
        if problem := key_problem(key):
            yield problem
    for factor in manifest.factors:
        yield from _bin_problems(table, factor)
    if manifest.design == "sweep":
        yield from _sweep_problems(table, manifest)
    credits = {credit.id for credit in manifest.credits}
    for row in table.to_pylist():
        yield from (f"sample '{row['key']}': {what}" for what in _of_row(row, credits, manifest))


def _bin_problems(table: pa.Table, factor: Factor) -> Iterator[str]:
    names = [factor.key, f"{factor.key}_bin", "key"]
    columns = [table[name].to_pylist() for name in names]
    for value, number, key in zip(*columns, strict=True):
        if value is None and number is None:
            continue
        known = number is not None and 0 <= number < len(factor.values)
        if not known or factor.values[number] != value:
            yield f"sample '{key}': {factor.key} is {value!r}, its bin {number} is another value"


def _sweep_problems(table: pa.Table, manifest: Manifest) -> Iterator[str]:
    """Yield what differs within a scene though another group is swept, and variants that repeat."""
    scenes, variants = table["scene_id"].to_pylist(), table["variant_id"].to_pylist()
    for (scene, variant), count in Counter(zip(scenes, variants, strict=True)).items():
        if count > 1:
            yield f"variant {variant} of scene {scene} occurs {count} times"
    of_car = {"car_model", *manifest.of_car}
    swept = of_car if of_car & {*manifest.swept} else set()
    for key in manifest.varied:
        if key in swept or manifest.factor(key).group == manifest.sweep_group:
            continue
        values: dict[object, set[object]] = {}
        for scene, value in zip(scenes, table[key].to_pylist(), strict=True):
            values.setdefault(scene, set()).add(value)
        scene = next(
            (scene for scene, of_scene in values.items() if len(of_scene - {None}) > 1), None
        )
        if scene is not None:
            yield (
                f"{key} differs within scene {scene}, though the group "
                f"'{manifest.sweep_group}' is swept"
            )


def _of_row(row: Row, credits: set[str], manifest: Manifest) -> Iterator[str]:
    for credit in (row["credits_id"] or "").split(";"):
        if credit and credit not in credits:
            yield f"credits_id '{credit}' is not among the credits"
    box = [row[name] for name in ("car_x0", "car_y0", "car_x1", "car_y1")]
    width, height = manifest.image_size
    if box != [None] * 4 and not _inside(box, width, height):
        yield f"car box {box} is not inside {width} x {height}"
    matrix = row["camera_matrix"] or ()
    if len(matrix) != 16 or not all(x is not None and isfinite(x) for x in matrix):
        yield f"camera_matrix {matrix}: has to be 16 finite numbers"
    elif matrix[12:] != [0, 0, 0, 1]:
        yield f"camera_matrix: its last row is {matrix[12:]}, has to be 0, 0, 0, 1"
    area = row["car_area"]
    if area is not None and not 0 <= area <= 1:
        yield f"car_area {area} is not within 0 and 1"


def _inside(box: list[int | None], width: int, height: int) -> bool:
    if None in box:
        return False
    x0, y0, x1, y1 = (int(end or 0) for end in box)
    return 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
