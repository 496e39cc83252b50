"""Faces of four corners: boxes, cones and turned profiles, and the smooth mesh made of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Point = tuple[float, float, float]

_SAME = 1e-5
"""Distance in meters below which two corners are the same."""


class Mesh(NamedTuple):
    """Triangles [T, 3] of vertices with points and unit normals [V, 3]."""

    points: Values
    normals: Values
    triangles: NDArray[np.int64]


def box(low: Point, high: Point) -> Values:
    """Return the faces [6, 4, 3] of an axis-aligned box between two corners."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    p = np.array([[x, y, z] for x in (x0, x1) for y in (y0, y1) for z in (z0, z1)], dtype=float)
    faces = [(4, 6, 7, 5), (0, 1, 3, 2), (2, 3, 7, 6), (0, 4, 5, 1), (1, 5, 7, 3), (0, 2, 6, 4)]
    return p[np.array(faces)]


def tube(start: Point, end: Point, radii: tuple[float, float], sides: int = 12) -> Values:
    """Return the faces [2 * sides, 4, 3] of a cone or cylinder, closed at its end."""
    begin, finish = np.array(start), np.array(end)
    axis = (finish - begin) / np.linalg.norm(finish - begin)
    not_parallel = np.array([1.0, 0, 0]) if abs(axis[0]) < 0.9 else np.array([0, 1.0, 0])
    u = np.cross(axis, not_parallel)
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    angle = np.arange(sides + 1) * (2 * math.pi / sides)
    ring = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
    low, high = begin + radii[0] * ring, finish + radii[1] * ring
    top = np.broadcast_to(finish, (sides, 3))
    return np.concatenate(
        [
            np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1),
            np.stack([high[:-1], high[1:], top, top], axis=1),
        ]
    )


def lathe(profile: Values, steps: int = 64) -> Values:
    """Return the faces of a profile [N, 2], y and distance from the y axis, turned about it.

    Seen with the axis to the right, the profile runs from right to left on the outside.
    """
    angle = np.arange(steps + 1) * (2 * math.pi / steps)
    across = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    points = np.empty((len(profile), steps + 1, 3))
    points[:, :, 0] = profile[:, 1:] * across[:, 0]
    points[:, :, 1] = profile[:, :1]
    points[:, :, 2] = profile[:, 1:] * across[:, 1]
    a, b = points[:-1], points[1:]
    return np.stack([a[:, :-1], b[:, :-1], b[:, 1:], a[:, 1:]], axis=2).reshape(-1, 4, 3)


def smooth(quads: Values, crease: float) -> Mesh:
    """Return the mesh of faces [N, 4, 3], counter-clockwise seen from outside.

    Where faces share a corner and their normals lie less than `crease` degrees apart, they share a
    normal: the mean of theirs, weighted by area.
    """
    areas = np.cross(quads[:, 2] - quads[:, 0], quads[:, 3] - quads[:, 1])
    size = np.linalg.norm(areas, axis=1)
    quads, areas, size = quads[size > 0], areas[size > 0], size[size > 0]
    corners = quads.reshape(-1, 3)
    _, place = np.unique(np.round(corners / _SAME).astype(np.int64), axis=0, return_inverse=True)
    place = place.ravel()
    first_corner, second_corner = _pairs(place)
    unit = areas / size[:, None]
    near = (unit[first_corner // 4] * unit[second_corner // 4]).sum(axis=1) > math.cos(
        math.radians(crease)
    )
    normals = np.empty(corners.shape)
    for axis in range(3):
        weights = areas[second_corner[near] // 4, axis]
        normals[:, axis] = np.bincount(first_corner[near], weights, minlength=len(corners))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    key = np.column_stack([place, np.round(normals * 1e4).astype(np.int64)])
    _, first, vertex = np.unique(key, axis=0, return_index=True, return_inverse=True)
    around = vertex.reshape(-1, 4)
    triangles = np.concatenate([around[:, [0, 1, 2]], around[:, [0, 2, 3]]])
    at = place[first][triangles]
    flat = (at[:, 0] == at[:, 1]) | (at[:, 1] == at[:, 2]) | (at[:, 0] == at[:, 2])
    return Mesh(corners[first], normals[first], triangles[~flat])


def _pairs(place: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all ordered pairs of entries with the same value, including each entry with itself."""
    order = np.argsort(place, kind="stable")
    counts = np.bincount(place)
    starts = np.cumsum(counts) - counts
    many = counts[place[order]]
    first_entry = np.repeat(order, many)
    within = np.arange(len(first_entry)) - np.repeat(np.cumsum(many) - many, many)
    return first_entry, order[np.repeat(starts[place[order]], many) + within]
