"""Fingerprint a source without reading every image."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

from dmlbench.sources.properties import ImageProperty


def seed_of(fingerprint: str) -> int:
    """Return the seed of what is drawn of a dataset: the same for all models, which are compared.

    >>> seed_of("00000000000000ff")
    255
    """
    return int(fingerprint, 16)


def fingerprint_of(
    keys: Sequence[str],
    sizes: Sequence[int],
    properties: Mapping[str, ImageProperty],
    scenes: Sequence[int] | None,
) -> str:
    """Return the 16 hex digits that identify a source in the folder of its results.

    They depend on the order and the keys of the images, on the sizes of their files, on every
    label, and on the kind, the period and the bins of each property, but not on the location of the
    source. They do not change if an image changes while its key and file size stay the same (a
    re-encoded photograph nearly always changes its size, an edited BMP does not). After such a
    change, remove the results.

    Args:
        keys: [N] keys of the images.
        sizes: [N] size of each image's file in bytes.
        properties: properties of the images, by name.
        scenes: [N] scene of each image; None without scenes.
    """
    digest = hashlib.sha256()
    columns = [
        [_json(value) for value in image_property.values.tolist()]
        for image_property in properties.values()
    ]
    described = [
        (image_property.key, image_property.kind, image_property.period)
        for image_property in properties.values()
    ]
    binned = [
        image_property.labels.tolist()
        for image_property in properties.values()
        if image_property.binned is not None
    ]
    digest.update(json.dumps([described, binned, scenes]).encode())
    for key, size, *labels in zip(keys, sizes, *columns, strict=True):
        digest.update(json.dumps([key, size, *labels]).encode())
        digest.update(b"\n")
    return digest.hexdigest()[:16]


def _json(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value
