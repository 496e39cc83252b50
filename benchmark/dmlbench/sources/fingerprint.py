"""Telling sources apart without reading every image."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

from dmlbench.sources.properties import ImageProperty


def fingerprint_of(
    keys: Sequence[str],
    sizes: Sequence[int],
    properties: Mapping[str, ImageProperty],
    scenes: Sequence[int] | None,
) -> str:
    """16 hex digits by which results on a source are kept.

    They depend on the order and the keys of the images, on the lengths of their files in bytes, on
    every label, and on the kind, the period and the bins of each property; not on where the source
    is. What they do not notice: an image that changed and kept its key and the length of its file
    (a re-encoded photograph nearly always changes in length, pixels painted over in a BMP do not).
    After such a change, remove the results.

    Args:
        sizes: length of each image's file, bytes.
    """
    digest = hashlib.sha256()
    columns = [[_json(value) for value in one.values.tolist()] for one in properties.values()]
    described = [(one.key, one.kind, one.period) for one in properties.values()]
    binned = [one.labels.tolist() for one in properties.values() if one.binned is not None]
    digest.update(json.dumps([described, binned, scenes]).encode())
    for key, size, *labels in zip(keys, sizes, *columns, strict=True):
        digest.update(json.dumps([key, size, *labels]).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]


def _json(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
