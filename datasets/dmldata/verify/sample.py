"""Checks of one sample of a shard."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dmldata.common.errors import DatasetError
from dmldata.contract.decode import decode_depth, decode_image, decode_mask, decode_normals
from dmldata.contract.manifest import MANIFEST_FILE, Manifest
from dmldata.contract.parts import Part
from dmldata.contract.samples import SAMPLES_FILE, Row
from dmldata.contract.shards import Sample

AREA_TOLERANCE = 1e-6


def sample_problems(sample: Sample, row: Row | None, manifest: Manifest) -> Iterator[str]:
    """Yield the problems of a sample, in words.

    Args:
        row: its row of samples.parquet; {} if it has none, None if rows are not checked.
    """
    for extension in sample.files:
        if extension != "json":
            yield from _picture_problems(sample, extension, manifest.image_size, row)
    if set(sample.files) != set(manifest.sample_files):
        stated = list(manifest.sample_files)
        yield f"sample '{sample.key}' has files {list(sample.files)}, {MANIFEST_FILE} says {stated}"
    if row is not None:
        yield from (f"{sample.key}.json: {what}" for what in _json_problems(sample, row))


def _picture_problems(
    sample: Sample, extension: str, size: tuple[int, int], row: Row | None
) -> Iterator[str]:
    data, where = sample.files[extension], f"{sample.key}.{extension}"
    try:
        if extension == "mask.png":
            yield from _car_problems(decode_mask(data, size, where), row or {}, where)
        elif extension == "depth.png":
            decode_depth(data, size, where)
        elif extension == "normal.png":
            decode_normals(data, size, where)
        else:
            decode_image(data, extension, size, where)
    except DatasetError as error:
        yield str(error)


def _car_problems(mask: NDArray[np.uint8], row: Row, where: str) -> Iterator[str]:
    """Yield where a row says of the car what its mask [H, W] does not show.

    Where a row says neither its box nor its area, it says nothing of it.
    """
    car = mask != Part.BACKGROUND
    box = [row.get(name) for name in ("car_x0", "car_y0", "car_x1", "car_y1")]
    stated = None if box == [None] * 4 else box
    area = row.get("car_area")
    is_said = stated is not None or area is not None
    if is_said and stated != (seen := _box_of(car)):
        yield f"{where}: shows the car in {seen}, {SAMPLES_FILE} says {stated}"
    if is_said and (area is None or not abs(area - car.mean()) <= AREA_TOLERANCE):
        said = None if area is None else f"{area:.6f}"
        yield f"{where}: the car covers {car.mean():.6f} of it, {SAMPLES_FILE} says {said}"


def _box_of(car: NDArray[np.bool_]) -> list[int] | None:
    """Return left, top, right and bottom of what is seen of a car, the latter two exclusive."""
    rows, columns = (np.flatnonzero(car.any(axis=axis)).tolist() for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] if rows else None


def _json_problems(sample: Sample, row: Row) -> Iterator[str]:
    if not row:
        yield f"the sample has no row in {SAMPLES_FILE}"
        return
    try:
        stated = json.loads(sample.files["json"])
    except (ValueError, RecursionError) as error:
        yield f"not valid JSON: {error}"
        return
    if not isinstance(stated, dict):
        yield "not a JSON object"
        return
    for name in sorted(stated.keys() | row.keys()):
        if name not in stated or name not in row or stated[name] != row[name]:
            yield f"'{name}' is not what {SAMPLES_FILE} says"
