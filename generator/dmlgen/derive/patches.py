"""Patches of a car's surface: connected triangles of one material, such as the lens of a lamp."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dmlgen.derive.glb import Part, Values

Indices = NDArray[np.int64]

_SAME = 2e-4
"""Distance in meters below which two corners are the same."""


@dataclass(frozen=True)
class Circle:
    """A circle on a patch: its center [3] on the surface, and its radius in meters."""

    center: Values
    radius: float


@dataclass(frozen=True)
class Patch:
    """A connected piece of a part.

    Attributes:
        part: the triangles alone, with material and image coordinates.
        edges: ends [E, 2, 3] of the edges on its border, meters.
        outward: unit normal [3] of the whole patch, away from the car.
    """

    part: Part
    edges: Values
    outward: Values

    def border_distance(self, points: Values) -> Values:
        """Return the distances [V] of points [V, 3] from the patch's border, in meters."""
        start, end = self.edges[:, 0], self.edges[:, 1]
        along = end - start
        length = np.maximum((along**2).sum(axis=1), 1e-12)
        nearest = np.full(len(points), np.inf)
        for a, d, size in zip(start, along, length, strict=True):
            share = np.clip((points - a) @ d / size, 0.0, 1.0)
            nearest = np.minimum(nearest, np.linalg.norm(points - a - share[:, None] * d, axis=1))
        return nearest

    def circles(self, count: int, smallest: float) -> list[Circle]:
        """Return up to `count` circles that touch neither the border nor each other.

        Each is the largest that fits beside those before it, down to the radius `smallest` meters.
        """
        points = self.part.points[self.part.triangles]
        candidates = np.concatenate([points.mean(axis=1), self.part.points])
        room = self.border_distance(candidates)
        chosen: list[Circle] = []
        while len(chosen) < count:
            best = int(room.argmax())
            if room[best] < smallest:
                break
            chosen.append(Circle(candidates[best], float(room[best])))
            apart = np.linalg.norm(candidates - candidates[best], axis=1) - room[best]
            room = np.minimum(room, apart)
        return chosen


def patches(part: Part) -> list[Patch]:
    """Return the connected pieces of a part, in the order of their first triangles."""
    _, same = np.unique(np.round(part.points / _SAME).astype(np.int64), axis=0, return_inverse=True)
    corners = same.reshape(-1)[part.triangles]
    count = int(corners.max(initial=-1)) + 1
    pairs = np.concatenate([corners[:, :2], corners[:, 1:]])
    graph = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), (count, count))
    label = connected_components(graph, directed=False)[1][corners[:, 0]]
    _, first = np.unique(label, return_index=True)
    return [_patch(part, corners, label == label[at]) for at in np.sort(first)]


def _patch(part: Part, corners: Indices, inside: NDArray[np.bool_]) -> Patch:
    triangles = part.triangles[inside]
    used, renumbered = np.unique(triangles, return_inverse=True)
    piece = Part(
        part.material,
        part.points[used],
        part.normals[used],
        renumbered.reshape(-1, 3),
        None if part.uv is None else part.uv[used],
    )
    ends = np.stack([corners[inside], np.roll(corners[inside], -1, axis=1)], axis=2)
    flat = np.sort(ends.reshape(-1, 2), axis=1)
    _, index, times = np.unique(flat, axis=0, return_index=True, return_counts=True)
    at = index[times == 1]
    places = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2)[at]
    return Patch(piece, part.points[places], _outward(piece))


def _outward(part: Part) -> Values:
    """Return the mean normal, on the side away from the middle of the car."""
    a, b, c = (part.points[part.triangles[:, corner]] for corner in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    normal = (part.normals[part.triangles].mean(axis=1) * areas[:, None]).sum(axis=0)
    normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
    middle = part.points.mean(axis=0)
    return normal if normal @ [middle[0], middle[1], 0.0] > 0 else -normal
