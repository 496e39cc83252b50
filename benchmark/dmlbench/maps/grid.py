"""Resample maps of models with different crops or input sizes to one grid (protocol, section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.maps.geometry import Box, Geometry


def common_grid(
    a: ArrayLike,
    b: ArrayLike,
    geometries_a: Sequence[Geometry],
    geometries_b: Sequence[Geometry],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Resample maps of the same images to the intersection of both crops, on the coarser grid.

    Each map is constant within its pixels and is averaged by area; nothing is interpolated. Along
    each axis, the coarser grid is the one with larger pixels in the original image; if images
    differ in size, the coarsest of all. If the geometries of both sides are equal, the maps are
    returned unchanged.

    Args:
        a: [N, H, W] maps.
        b: [N, H', W'] maps of the same images.
        geometries_a, geometries_b: [N] where each map lies in its image.

    Returns:
        Two arrays [N, h, w].

    Raises:
        ValueError: the two geometries of an image disagree on its size, or the crops do not
            overlap.
    """
    maps_a, maps_b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    pairs = list(zip(geometries_a, geometries_b, strict=True))
    if all(first == second for first, second in pairs):
        return maps_a, maps_b
    boxes = {pair: _intersection(*pair) for pair in set(pairs)}
    sides = [_cells(box, *pair) for pair, box in boxes.items()]
    cells = min(rows for rows, _ in sides), min(columns for _, columns in sides)
    averaged_a, averaged_b = np.empty((2, len(pairs), *cells))
    for (first, second), box in boxes.items():
        rows = [row for row, pair in enumerate(pairs) if pair == (first, second)]
        averaged_a[rows] = _average(maps_a[rows], first, box, cells)
        averaged_b[rows] = _average(maps_b[rows], second, box, cells)
    return averaged_a, averaged_b


def _intersection(first: Geometry, second: Geometry) -> Box:
    if first.image != second.image:
        raise ValueError(f"images of different size: {first.image} and {second.image}")
    a, b = first.box, second.box
    box = Box(
        max(a.left, b.left), max(a.top, b.top), min(a.right, b.right), min(a.bottom, b.bottom)
    )
    if box.left >= box.right or box.top >= box.bottom:
        raise ValueError(f"crops do not overlap: {a} and {b}")
    return box


def _cells(box: Box, *geometries: Geometry) -> tuple[int, int]:
    """Return the numbers of rows and columns of the coarser grid in `box`."""
    heights = [geometry.image[0] / geometry.resized[0] for geometry in geometries]
    widths = [geometry.image[1] / geometry.resized[1] for geometry in geometries]
    rows = round((box.bottom - box.top) / max(heights))
    columns = round((box.right - box.left) / max(widths))
    return max(rows, 1), max(columns, 1)


def _average(
    maps: NDArray[np.float64], geometry: Geometry, box: Box, cells: tuple[int, int]
) -> NDArray[np.float64]:
    crop = geometry.box
    vertical = _overlaps(crop.top, crop.bottom, maps.shape[1], box.top, box.bottom, cells[0])
    horizontal = _overlaps(crop.left, crop.right, maps.shape[2], box.left, box.right, cells[1])
    return np.einsum("ih,nhw,jw->nij", vertical, maps, horizontal, optimize=True)


def _overlaps(
    source_low: float, source_high: float, pixels: int, low: float, high: float, cells: int
) -> NDArray[np.float64]:
    """Return the share [cells, pixels] of each source pixel in each target cell; rows sum to 1."""
    source = np.linspace(source_low, source_high, pixels + 1)
    target = np.linspace(low, high, cells + 1)
    upper = np.minimum(target[1:, None], source[None, 1:])
    lower = np.maximum(target[:-1, None], source[None, :-1])
    length = np.clip(upper - lower, 0, None)
    return length / length.sum(axis=1, keepdims=True)
