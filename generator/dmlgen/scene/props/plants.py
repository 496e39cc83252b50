"""Hedges, bushes and trees: thousands of leaves over a dark core."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from bpy.types import Object

from dmldata.common.arrays import Floats
from dmlgen.scene.props.materials import leaf, plain
from dmlgen.scene.props.shape import Shape

Place = Callable[[Floats, Floats], tuple[Floats | float, ...]]
"""Returns the points (x, y, z) of a surface at two coordinates [N] in 0..1."""
GREEN = {"leaf_dark": 0.36, "leaf": 0.40, "leaf_light": 0.20, "leaf_yellow": 0.04}
FALLEN = {"leaf_brown": 0.40, "leaf_dead": 0.36, "leaf_yellow": 0.16, "leaf_light": 0.08}
"""Shares of the materials of leaves on a plant and below it."""


def hedge(length: float, height: float, depth: float, rng: np.random.Generator) -> list[Object]:
    """Build a clipped hedge along y, its front towards +x."""
    shape = Shape("hedge")
    inset = min(0.12, depth / 4)
    low = (-depth / 2 + inset, -length / 2 + inset, 0.0)
    shape.box(low, (depth / 2 - inset, length / 2 - inset, height - inset), plain("earth"))
    sides: list[tuple[float, Place, tuple[float, float, float]]] = [
        (length * height, lambda a, b: (depth / 2, (a - 0.5) * length, b * height), (1, 0, 0.2)),
        (length * height, lambda a, b: (-depth / 2, (a - 0.5) * length, b * height), (-1, 0, 0.2)),
        (length * depth, lambda a, b: ((b - 0.5) * depth, (a - 0.5) * length, height), (0, 0, 1)),
        (depth * height, lambda a, b: ((a - 0.5) * depth, length / 2, b * height), (0, 1, 0.2)),
        (depth * height, lambda a, b: ((a - 0.5) * depth, -length / 2, b * height), (0, -1, 0.2)),
    ]
    area = sum(side[0] for side in sides)
    density = min(420.0, 42000 / area)
    size = 0.9 / math.sqrt(density)
    for side_area, place, outward in sides:
        count = int(side_area * density)
        a, b = rng.random(count), rng.random(count)
        points = np.stack(np.broadcast_arrays(*place(a, b)), axis=1)
        # Clipping leaves waves of a few centimeters over half a meter.
        waves = 0.03 * np.sin(points[:, 1] * 5.1 + 3 * points[:, 2]) * np.sin(points[:, 2] * 4.3)
        normal = np.array(outward, dtype=float)
        points = points + (waves + rng.normal(0, 0.035, count))[:, None] * normal
        _leaves(shape, points, np.tile(normal, (count, 1)), size, rng)
    return [shape.finish()]


def bush(height: float, rng: np.random.Generator) -> list[Object]:
    """Build a loose shrub."""
    shape = Shape("bush")
    middles = np.column_stack(
        [rng.normal(0, height * 0.22, 9), rng.normal(0, height * 0.22, 9), np.zeros(9)]
    )
    middles[:, 2] = height * rng.uniform(0.25, 0.68, 9)
    _crown(shape, middles, height * 0.33, 7000, 0.055, rng)
    return [shape.finish()]


def tree(height: float, rng: np.random.Generator) -> list[Object]:
    """Build a broad-leaved tree with a bare trunk."""
    shape = Shape("tree")
    fork = height * 0.28
    shape.tube((0, 0, 0), (0.05, 0.03, fork), (height * 0.024, height * 0.017), plain("bark"))
    middles = []
    for branch in range(17):
        angle = branch * 2.4 + rng.normal(0, 0.4)
        z = height * rng.uniform(0.42, 0.90)
        reach = height * rng.uniform(0.08, 0.34) * (1.25 - z / height)
        end = (reach * math.cos(angle), reach * math.sin(angle), z)
        shape.tube(
            (0.05, 0.03, fork * 0.96), end, (height * 0.011, height * 0.003), plain("bark"), 6
        )
        middles.append(end)
    middles.append((0.0, 0.0, height * 0.85))
    _crown(shape, np.array(middles), height * 0.125, 19000, height * 0.015, rng)
    return [shape.finish()]


def treeline(radius: float, height: float, rng: np.random.Generator) -> list[Object]:
    """Build a closed ring of crowns over a dark core."""
    shape = Shape("treeline")
    steps = round(2 * math.pi * radius / 2.0)
    angle = np.arange(steps) * (2 * math.pi / steps)
    knots = rng.uniform(0.45, 1.0, steps)
    tops = height * (0.6 * knots + 0.2 * np.roll(knots, 1) + 0.2 * np.roll(knots, -1))
    middles = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), tops * 0.55])
    turned = np.roll(middles, -1, axis=0)
    ground = np.array([1.0, 1.0, 0.0])
    up = np.array([0.0, 0.0, 1.0])
    low, high = middles * ground, middles * ground + up * tops[:, None] * 0.75
    low_next, high_next = turned * ground, turned * ground + up * np.roll(tops, -1)[:, None] * 0.75
    shape.quads(np.stack([low, high, high_next, low_next], axis=1), plain("earth"))
    count = 34000
    which = rng.integers(steps, size=count)
    direction = rng.normal(0, 1, (count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    # Only the half that is visible from the middle of the ring.
    inward = -middles[which] * ground
    direction *= np.where((direction * inward).sum(axis=1) < 0, -1.0, 1.0)[:, None] * ground + up
    spread = np.stack([np.full(count, 2.0), np.full(count, 2.0), tops[which] * 0.5], axis=1)
    points = middles[which] + direction * spread * rng.random(count)[:, None] ** 0.3
    _leaves(shape, points, direction, 0.34, rng)
    return [shape.finish()]


def litter(length: float, width: float, leaves: int, rng: np.random.Generator) -> list[Object]:
    """Scatter fallen leaves in drifts, with scraps and pebbles, over a rectangle, length along y.

    No ground of a place is swept; a clean one is the first thing that looks rendered.
    """
    shape = Shape("litter")
    half = np.array([width, length]) / 2
    drifts = max(1, leaves // 16)
    middles = rng.uniform(-half, half, (drifts, 2))
    spread = np.minimum(rng.uniform(0.3, 1.6, (drifts, 1)), half / 2)
    which = rng.integers(drifts, size=leaves)
    flat = middles[which] + rng.normal(0, 1, (leaves, 2)) * spread[which]
    points = np.column_stack([flat, np.full(leaves, 0.012)])
    upright = np.tile([0.0, 0.0, 2.2], (leaves, 1))
    _leaves(shape, points, upright, 0.032, rng, FALLEN)
    for x, y in rng.uniform(-half, half, (1 + leaves // 50, 2)):
        radius, height = rng.uniform(0.012, 0.04), rng.uniform(0.004, 0.025)
        scrap = plain(str(rng.choice(["trim", "stone", "stone", "bark"])))
        shape.box((x - radius, y - 0.7 * radius, 0), (x + radius, y + 0.7 * radius, height), scrap)
    return [shape.finish()]


def _crown(
    shape: Shape,
    middles: Floats,
    radius: float,
    count: int,
    size: float,
    rng: np.random.Generator,
) -> None:
    """Add leaves on and in balls around `middles` [K, 3]."""
    direction = rng.normal(0, 1, (count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    which = rng.integers(len(middles), size=count)
    reach = radius * (0.75 + 0.3 * rng.random(len(middles)))[which]
    # A leaf far outside the others is a black speck before the sky.
    reach = (
        reach * rng.random(count) ** 0.25 * (1 + 0.12 * np.minimum(rng.normal(0, 1, count), 0.6))
    )
    points = middles[which] + direction * reach[:, None] * [1.0, 1.0, 0.8]
    points[:, 2] = np.maximum(points[:, 2], 0.03)
    _leaves(shape, points, direction + np.array([0, 0, 0.35]), size, rng)


def _leaves(
    shape: Shape,
    points: Floats,
    normals: Floats,
    size: float,
    rng: np.random.Generator,
    kinds: dict[str, float] = GREEN,
) -> None:
    """Add pointed leaves at `points` [N, 3], rotated at random about `normals` [N, 3].

    `kinds` are the shares of the materials in LEAVES.
    """
    count = len(points)
    normal = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    normal = normal + rng.normal(0, 0.55, (count, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    u = np.cross(normal, rng.normal(0, 1, (count, 3)))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(normal, u)
    long = (size * rng.uniform(0.7, 1.3, count))[:, None]
    corners = np.stack(
        [
            points - u * long,
            points + v * long * 0.45 + normal * long * 0.1,
            points + u * long,
            points - v * long * 0.45 + normal * long * 0.1,
        ],
        axis=1,
    )
    kind = rng.choice(len(kinds), size=count, p=list(kinds.values()))
    for index, name in enumerate(kinds):
        shape.quads(corners[kind == index], leaf(name))
