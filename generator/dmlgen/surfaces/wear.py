"""What use leaves on a ground: patches, cracks, oil, tire tracks and dust, over tens of meters."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from dmlgen.surfaces.grounds import Surface
from dmlgen.surfaces.noise import Array, fractal

TILE = 26.0
"""Side of the tile in meters."""
OVERSAMPLING = 2
"""Lines are drawn that many times larger and then reduced, so that they have smooth edges."""


class _Layer:
    """A periodic gray picture, drawn in meters."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._side = size * OVERSAMPLING
        self._scale = self._side / TILE
        self._image = Image.new("L", (self._side, self._side), 0)
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: Array, width: float, amount: float) -> None:
        """Draw a line through `points` [N, 2]."""
        for shifted in self._copies(points):
            self._draw.line(
                [tuple(point) for point in shifted],
                fill=round(255 * amount),
                width=max(1, round(width * self._scale)),
                joint="curve",
            )

    def polygon(self, points: Array, amount: float) -> None:
        """Fill the polygon with the corners `points` [N, 2]."""
        for shifted in self._copies(points):
            self._draw.polygon([tuple(point) for point in shifted], fill=round(255 * amount))

    def values(self, blur: float = 0.0) -> Array:
        """Return the picture [N, N], 0 to 1, blurred by so many meters."""
        border = self._side // 8
        wrapped = np.pad(np.asarray(self._image), border, mode="wrap")
        smooth = Image.fromarray(wrapped).filter(ImageFilter.GaussianBlur(blur * self._scale))
        inside = np.asarray(smooth, dtype=float)[border:-border, border:-border] / 255
        shape = (self._size, OVERSAMPLING, self._size, OVERSAMPLING)
        result: Array = inside.reshape(shape).mean(axis=(1, 3))
        return result

    def _copies(self, points: Array) -> list[Array]:
        """Return `points` in pixels, and their copies beyond each edge of the tile."""
        shifts = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]
        return [points * self._scale + self._side * np.array(shift) for shift in shifts]


def wear(size: int, rng: np.random.Generator) -> Surface:
    """Generate the wear of a ground, 0 to 1 each.

    Red: cracks and patches of what is cast in one piece. Green: oil. Blue: 0.5 where the ground is
    as it was laid, less where it is dark from tires and damp, more where it is pale with dust.
    """
    broken, oil = _broken(size, rng), _oil(size, rng)
    cloud = fractal(size, 2.6, rng, 2)
    dust = 0.10 * cloud + 0.05 * fractal(size, 1.4, rng, 24) - 0.16 * _tracks(size, rng)
    specks = fractal(size, 0.2, rng, 60)
    dust = dust + 0.30 * (specks > np.quantile(specks, 0.9985))
    return Surface(np.stack([broken, oil, np.clip(0.5 + dust, 0, 1)], axis=-1))


def _broken(size: int, rng: np.random.Generator) -> Array:
    patches, seams, cracks = _Layer(size), _Layer(size), _Layer(size)
    for _ in range(20):
        low = rng.uniform(0, TILE, 2)
        high = low + rng.uniform(0.6, 3.2, 2)
        corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
        corners += rng.normal(0, 0.03, (4, 2))
        amount = rng.uniform(0.08, 0.28)
        patches.polygon(corners, amount)
        seams.line(np.concatenate([corners, corners[:2]]), 0.05, amount + 0.3)
    for _ in range(40):
        path = _walk(rng, steps=60, step=0.12, wander=0.25)
        seams.line(path, rng.uniform(0.025, 0.06), rng.uniform(0.4, 0.75))
    for _ in range(45):
        cracks.line(_walk(rng, steps=50, step=0.05, wander=0.6), 0.012, 0.85)
    layers = (patches.values(0.01), seams.values(0.008), cracks.values())
    result: Array = np.maximum.reduce(layers)
    return result


def _oil(size: int, rng: np.random.Generator) -> Array:
    """Return stains where cars stand."""
    layer = _Layer(size)
    angle = np.linspace(0, 2 * math.pi, 17)[:-1]
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    for _ in range(170):
        middle = rng.uniform(0, TILE, 2)
        for _ in range(rng.integers(1, 9)):
            radius = 0.015 + rng.exponential(0.06)
            lobes = radius * (1 + 0.2 * rng.normal(0, 1, (16, 1)))
            layer.polygon(middle + rng.normal(0, 0.22, 2) + lobes * circle, rng.uniform(0.25, 0.8))
    return layer.values(0.02)


def _tracks(size: int, rng: np.random.Generator) -> Array:
    """Return the tracks of tires, in pairs."""
    layer = _Layer(size)
    for _ in range(12):
        path = _walk(rng, steps=26, step=0.4, wander=0.04)
        along = np.gradient(path, axis=0)
        aside = np.column_stack([-along[:, 1], along[:, 0]])
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        amount = rng.uniform(0.25, 0.8)
        for distance in (-0.75, 0.75):
            layer.line(path + distance * aside, 0.18, amount)
    return layer.values(0.05)


def _walk(rng: np.random.Generator, steps: int, step: float, wander: float) -> Array:
    """Return a path [steps + 1, 2] that begins anywhere and turns at random at every step."""
    angle = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, wander, steps))
    moves = step * np.column_stack([np.cos(angle), np.sin(angle)])
    start = rng.uniform(0, TILE, 2)
    path: Array = np.concatenate([[start], start + np.cumsum(moves, axis=0)])
    return path
