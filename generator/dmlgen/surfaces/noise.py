"""Periodic patterns on a square tile: what surfaces are composed of. All arrays are [N, N]."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

Array = NDArray[np.float64]


def fractal(size: int, slope: float, rng: np.random.Generator, low: float = 1.0) -> Array:
    """Return noise whose power falls with frequency as f^-slope; mean 0, standard deviation 1.

    Args:
        low: lowest frequency, in cycles per tile.
    """
    frequency = np.fft.fftfreq(size) * size
    radius = np.hypot(frequency[:, None], frequency[None, :])
    amplitude = np.where(radius >= low, np.maximum(radius, 1.0) ** (-slope / 2), 0.0)
    amplitude[0, 0] = 0.0
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) * amplitude).real
    result: Array = noise / noise.std()
    return result


def warp(image: Array, right: Array, down: Array) -> Array:
    """Return `image` sampled `right` and `down` pixels away."""
    y, x = np.mgrid[: len(image), : len(image)]
    result: Array = map_coordinates(image, [y + down, x + right], order=1, mode="grid-wrap")
    return result


class Cells(NamedTuple):
    """A Voronoi tessellation.

    Attributes:
        cell: the cell that each pixel lies in.
        inside: distance to the nearest other cell's border, in tiles; 0 on the border.
        center: distance to the cell's own point, in tiles.
    """

    cell: Array
    inside: Array
    center: Array


def cells(size: int, points: Array, jitter: Array | None = None) -> Cells:
    """Return the Voronoi cells of `points` [K, 2] (x, y in 0..1) on the periodic tile.

    Args:
        jitter: [N, N, 2], in tiles, by which pixels are moved first, so that borders are rough.
    """
    grid = (np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1) + 0.5) / size
    if jitter is not None:
        grid = grid + jitter
    tree = cKDTree(points % 1.0, boxsize=1.0)
    distance, index = tree.query((grid % 1.0).reshape(-1, 2), k=2)
    inside = (distance[:, 1] - distance[:, 0]) / 2
    shape = (size, size)
    return Cells(index[:, 0].reshape(shape), inside.reshape(shape), distance[:, 0].reshape(shape))


def scattered(count: int, rng: np.random.Generator, spread: float = 0.8) -> Array:
    """Return about `count` points [K, 2] that keep some distance: a grid, moved at random."""
    side = round(count**0.5)
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    points: Array = (grid + 0.5 + spread * (rng.random((side * side, 2)) - 0.5)) / side
    return points


class Bricks(NamedTuple):
    """Rectangular stones.

    Attributes:
        cell: the stone that each pixel lies in.
        inside: distance to its border, meters.
    """

    cell: Array
    inside: Array


def bricks(size: int, tile: float, rows: int, columns: int, shifted: bool = True) -> Bricks:
    """Return stones in rows, each shifted by half a stone against the next; `rows` is even."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    row = np.floor(y * rows)
    across = x * columns + (0.5 * (row % 2) if shifted else 0.0)
    column = np.floor(across) % columns
    dx = (0.5 - np.abs(across % 1.0 - 0.5)) * tile / columns
    dy = (0.5 - np.abs((y * rows) % 1.0 - 0.5)) * tile / rows
    return Bricks((row * columns + column).astype(int), np.minimum(dx, dy))


def smoothstep(value: Array, low: float, high: float) -> Array:
    """Return 0 below `low`, 1 above `high`, and a smooth step between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    result: Array = t * t * (3 - 2 * t)
    return result


def normals(height: Array, tile: float) -> Array:
    """Return tangent-space normals [N, N, 3] of a height map in meters, x right, y up."""
    pixel = tile / len(height)
    right = (np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)) / (2 * pixel)
    up = (np.roll(height, 1, axis=0) - np.roll(height, -1, axis=0)) / (2 * pixel)
    normal = np.stack([-right, -up, np.ones_like(height)], axis=-1)
    result: Array = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    return result
