"""Checks of the rows of samples.parquet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dmldata.contract.checks import columns_problem, order_problem
from dmldata.contract.factors import Factor
from dmldata.contract.manifest import Manifest
from dmldata.contract.samples import KEY, Row

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
        if not isinstance(key, str) or not KEY.fullmatch(key):
            yield f"key '{key}': letters, digits, '-' and '_' only, no dots"
    for factor in manifest.factors:
        yield from _bin_problems(table, factor)
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


def _of_row(row: Row, credits: set[str], manifest: Manifest) -> Iterator[str]:
    for credit in (row["credits_id"] or "").split(";"):
        if credit and credit not in credits:
            yield f"credits_id '{credit}' is not among the credits"
    box = [row[name] for name in ("car_x0", "car_y0", "car_x1", "car_y1")]
    width, height = manifest.image_size
    if box != [None] * 4 and not _inside(box, width, height):
        yield f"car box {box} is not inside {width} x {height}"
    area = row["car_area"]
    if area is not None and not 0 <= area <= 1:
        yield f"car_area {area} is not within 0 and 1"


def _inside(box: list[int | None], width: int, height: int) -> bool:
    if None in box:
        return False
    x0, y0, x1, y1 = (int(end or 0) for end in box)
    return 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
