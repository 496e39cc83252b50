"""The regions of an image that formats with objects describe: the car and its visible parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmldata.contract.decode import decode_mask
from dmldata.contract.parts import Part
from dmldata.contract.shards import Sample
from dmldata.dataset import Dataset

PARTS = tuple(part for part in Part if part is not Part.BACKGROUND)
CAR = max(Part) + 1
CATEGORIES = {**{int(part): part.name.lower() for part in PARTS}, CAR: "car"}
"""Names of the categories by number: for a part its value in a mask, and `CAR`."""


class Region(NamedTuple):
    """Pixels of one category.

    Attributes:
        category: one of `CATEGORIES`.
        pixels: bool [H, W].
        box: left, top, width and height of their bounding box, in pixels.
    """

    category: int
    pixels: NDArray[np.bool_]
    box: tuple[int, int, int, int]


def regions_of(dataset: Dataset, sample: Sample) -> Iterator[Region]:
    """Yield the regions of a sample with any pixel, the car first.

    Raises:
        DatasetError: the mask is missing, damaged, or has another size than the images.
    """
    mask = decode_mask(
        sample.files["mask.png"], dataset.manifest.image_size, f"{sample.key}.mask.png"
    )
    yield from regions(mask)


def regions(mask: NDArray[np.uint8]) -> Iterator[Region]:
    """Yield the regions of a mask [H, W] with any pixel, the car first.

    >>> mask = np.array([[0, 1, 1], [0, 0, 3]], np.uint8)
    >>> [(CATEGORIES[region.category], region.box) for region in regions(mask)]
    [('car', (1, 0, 2, 2)), ('paint', (1, 0, 2, 1)), ('wheel', (2, 1, 1, 1))]
    """
    for category in (CAR, *PARTS):
        pixels = mask > 0 if category == CAR else mask == category
        if pixels.any():
            yield Region(int(category), pixels, _box(pixels))


def _box(pixels: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top
