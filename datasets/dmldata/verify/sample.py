"""Checks of one sample of a shard."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dmldata.common.errors import DatasetError
from dmldata.contract.decode import decode_depth, decode_image, decode_mask, decode_normals
from dmldata.contract.manifest import MANIFEST_FILE, Manifest
from dmldata.contract.samples import SAMPLES_FILE, Row
from dmldata.contract.shards import Sample


def sample_problems(sample: Sample, row: Row | None, manifest: Manifest) -> Iterator[str]:
    """Yield the problems of a sample, in words.

    Args:
        row: its row of samples.parquet; {} if it has none, None if rows are not checked.
    """
    for extension in sample.files:
        if extension != "json":
            yield from _picture_problems(sample, extension, manifest.image_size)
    if set(sample.files) != set(manifest.sample_files):
        stated = list(manifest.sample_files)
        yield f"sample '{sample.key}' has files {list(sample.files)}, {MANIFEST_FILE} says {stated}"
    if row is not None:
        yield from (f"{sample.key}.json: {what}" for what in _json_problems(sample, row))


def _picture_problems(sample: Sample, extension: str, size: tuple[int, int]) -> Iterator[str]:
    data, where = sample.files[extension], f"{sample.key}.{extension}"
    try:
        if extension == "mask.png":
            decode_mask(data, size, where)
        elif extension == "depth.png":
            decode_depth(data, size, where)
        elif extension == "normal.png":
            decode_normals(data, size, where)
        else:
            decode_image(data, extension, size, where)
    except DatasetError as error:
        yield str(error)


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
