"""Cut a part of a car in two along a curve, where a function of its points changes sign."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dmlgen.derive.glb import Part, Values

Level = Callable[[Values], Values]
"""Maps points [V, 3] to their approximate signed distance [V] from the curve in meters; above 0 is
inside."""
Indices = NDArray[np.int64]

CHORD = 0.03
"""Maximum length of a straight piece of a cut, in meters."""
AT_LEVEL = 1e-5
"""Distance in meters within which a corner counts as on the curve: avoids slivers beside it."""
ROUNDS = 12
"""Maximum number of times that an edge is halved."""


def cut(part: Part, level: Level, chord: float = CHORD) -> tuple[Part, Part]:
    """Return the triangles of `part` inside and outside of the curve where `level` is 0.

    Edges near the curve that are longer than `chord` meters are halved first, so that the cut
    bends with the curve; triangles that cross it are divided there. The surface does not change:
    new corners lie on edges, and their normals (of length 1) and image coordinates are between
    those of the ends. Either part may have no triangles.
    """
    triangles, corners = part.triangles, _corners(part)
    if not len(triangles):
        return _part(part, corners, triangles), _part(part, corners, triangles)
    values = level(part.points)
    for _ in range(ROUNDS):
        long = _long_edges(corners[:, :3], triangles, values, chord)
        if not long.any():
            break
        triangles, ends, shares = _divided(triangles, long, np.full(len(corners), 1.0))
        new = _between(corners, ends, shares)
        corners = np.concatenate([corners, new])
        values = np.concatenate([values, level(new[:, :3])])
    values = np.where(np.abs(values) < AT_LEVEL, 0.0, values)
    at = values[triangles]
    crossed = at * np.roll(at, -1, axis=1) < 0
    triangles, ends, shares = _divided(triangles, crossed, np.abs(values))
    corners = np.concatenate([corners, _between(corners, ends, shares)])
    values = np.concatenate([values, np.zeros(len(ends))])
    inside = values[triangles].sum(axis=1) > 0
    return _part(part, corners, triangles[inside]), _part(part, corners, triangles[~inside])


def _corners(part: Part) -> Values:
    """Return points, normals and image coordinates side by side [V, 6 or 8]."""
    return np.concatenate([part.points, part.normals, *([] if part.uv is None else [part.uv])], 1)


def _part(like: Part, corners: Values, triangles: Indices) -> Part:
    used, renumbered = np.unique(triangles, return_inverse=True)
    part_corners = corners[used]
    return Part(
        like.material,
        part_corners[:, :3],
        part_corners[:, 3:6],
        renumbered.reshape(-1, 3),
        None if like.uv is None else part_corners[:, 6:],
    )


def _long_edges(
    points: Values, triangles: Indices, values: Values, chord: float
) -> NDArray[np.bool_]:
    """Return whether the edge from each corner to the next has to be halved [T, 3]."""
    at = points[triangles]
    length = np.linalg.norm(np.roll(at, -1, axis=1) - at, axis=2)
    near = np.abs(values[triangles]).min(axis=1) < length.max(axis=1)
    to_halve: NDArray[np.bool_] = (length > chord) & near[:, None]
    return to_halve


def _divided(
    triangles: Indices, chosen: NDArray[np.bool_], weights: Values
) -> tuple[Indices, Indices, Values]:
    """Divide the chosen edges [T, 3] of `triangles`, also in the adjacent triangles.

    Returns:
        Triangles, whose new corners count on after the V old ones; the two ends [N, 2] of the edge
        of each new corner; and the share [N] of the second end: the weights [V] say how far from
        each end.
    """
    count = len(weights)
    following = np.roll(triangles, -1, axis=1)
    keys = np.minimum(triangles, following) * count + np.maximum(triangles, following)
    edges = np.unique(keys[chosen])
    ends = np.stack([edges // count, edges % count], axis=1)
    shares = weights[ends[:, 0]] / weights[ends].sum(axis=1)
    if not len(edges):
        return triangles, ends, shares
    edge_index = np.searchsorted(edges, keys)
    hit = edges[np.minimum(edge_index, len(edges) - 1)] == keys
    new = np.where(hit, count + edge_index, -1)
    divided = [triangles[~hit.any(axis=1)]]
    for kind in ((True, False, False), (True, True, False), (True, True, True)):
        for turn in range(3 if not all(kind) else 1):
            these = (hit == np.roll(kind, turn)).all(axis=1)
            a, b, c = np.roll(triangles[these], -turn, axis=1).T
            ab, bc, ca = np.roll(new[these], -turn, axis=1).T
            pieces = {
                1: [(a, ab, c), (ab, b, c)],
                2: [(ab, b, bc), (a, ab, bc), (a, bc, c)],
                3: [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)],
            }[sum(kind)]
            divided += [np.stack(piece, axis=1) for piece in pieces]
    return np.concatenate(divided), ends, shares


def _between(corners: Values, ends: Indices, shares: Values) -> Values:
    first, second = corners[ends[:, 0]], corners[ends[:, 1]]
    new = first + shares[:, None] * (second - first)
    length = np.linalg.norm(new[:, 3:6], axis=1, keepdims=True)
    # Where opposite normals cancel, the first end's is as good as any.
    new[:, 3:6] = np.where(length > 1e-6, new[:, 3:6] / np.maximum(length, 1e-6), first[:, 3:6])
    return new
