"""Lamps with depth, made from the patches of a car's surface that are their lenses.

A head lamp gets a clear cover, a housing behind it and bowls or projectors; a tail lamp is divided
into fields along smooth curves, before a bright housing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from dmlgen.derive.cut import Level, cut
from dmlgen.derive.glb import Part, Values
from dmlgen.derive.patches import Circle, Patch
from dmlgen.derive.quads import lathe, smooth

CREASE = 35.0
"""Degrees between two faces from which their edge is sharp."""
CHORD = 0.025
"""Maximum length of a straight piece of a cut through a lens, in meters."""
BORDER = 0.006
"""Width of the dark border of a tail lamp, in meters."""
DOME = 0.34
"""How far the lens of a projector stands out, in radii of its edge."""
GAP = 0.006
"""Distance of a bowl's edge behind the lens, in meters."""


class HeadLamp(NamedTuple):
    """A design: role of the housing, number of bowls, depth in meters, and whether they are
    projectors, whose lens is a dome before a dark ring."""

    housing: str
    bowls: int
    depth: float = 0.07
    projectors: bool = False


HEAD_LAMPS = {
    "bowls": HeadLamp("metal_dark", 2),
    "single_bowl": HeadLamp("metal_dark", 1),
    "dark_bowls": HeadLamp("gloss_black", 2),
    "projectors": HeadLamp("gloss_black", 2, projectors=True),
    "triple": HeadLamp("metal_dark", 3),
    "single_projector": HeadLamp("metal_dark", 1, projectors=True),
}

Fields = Callable[[Patch], Iterator[tuple[str, Level]]]
"""Yields roles, and levels that are above 0 where a tail lamp has the role; earlier ones count."""


def head_lamp(patch: Patch, design: str) -> list[Part]:
    """Return the parts of a head lamp whose lens is `patch`; `design` is a key of HEAD_LAMPS."""
    look = HEAD_LAMPS[design]
    lens = patch.part
    parts = [
        Part("lamp_clear", lens.points, lens.normals, lens.triangles),
        *housing(patch, look.depth, look.housing),
    ]
    ahead = np.array([math.copysign(1.0, lens.points[:, 0].mean()), 0.0, 0.0])
    for circle in patch.circles(look.bowls, 0.018):
        facing = 0.55 * ahead + 0.45 * patch.outward
        parts += _bowl(circle, facing / np.linalg.norm(facing), patch.outward, look.projectors)
    return parts


def housing(patch: Patch, depth: float, role: str) -> list[Part]:
    """Return the back of a lamp, `depth` meters behind its lens, and walls to the lens' border."""
    back = patch.part
    moved = back.points - depth * patch.outward
    ends = patch.edges
    walls = np.stack(
        [
            ends[:, 0],
            ends[:, 1],
            ends[:, 1] - depth * patch.outward,
            ends[:, 0] - depth * patch.outward,
        ],
        axis=1,
    )
    mesh = smooth(walls, CREASE)
    return [
        Part(role, moved, back.normals, back.triangles),
        Part(role, mesh.points, mesh.normals, mesh.triangles),
    ]


def _bowl(circle: Circle, facing: Values, outward: Values, projector: bool) -> list[Part]:
    """Return a reflector with bulb, or a projector, whose edge lies inside the lens."""
    cosine = max(float(facing @ outward), 0.4)
    radius = 0.92 * circle.radius
    behind = radius * math.sqrt(1 - min(cosine, 1.0) ** 2) + GAP + projector * DOME * radius
    center = circle.center - behind * facing
    shapes: list[tuple[str, list[tuple[float, float]]]]
    if projector:
        dome = [(DOME * math.cos(a), 0.62 * math.sin(a)) for a in np.linspace(0.0, 1.5, 8)]
        shapes = [
            ("lamp_clear", dome),
            ("reflector", [(-0.5, 0.0), (-0.35, 0.4), (-0.02, 0.62)]),
            ("metal_dark", [(0.0, 0.62), (0.05, 0.68), (0.02, 0.8), (-0.25, 0.84)]),
            ("chrome", [(-0.25, 0.84), (0.0, 0.9), (0.0, 1.0), (-0.12, 1.0)]),
        ]
    else:
        dish = [(-0.55 + 0.55 * r**2, r) for r in np.linspace(0.1, 0.93, 9)]
        bulb = [(-0.15, 0.0), (-0.18, 0.1), (-0.3, 0.13), (-0.55, 0.12)]
        shapes = [
            ("reflector", dish),
            ("chrome", [(-0.08, 0.93), (0.0, 0.95), (0.0, 1.0), (-0.3, 1.0)]),
            ("metal_dark", bulb),
        ]
    turn = _frame(facing)
    parts = []
    for role, profile in shapes:
        mesh = smooth(lathe(radius * np.array(profile), 28), CREASE)
        parts.append(Part(role, mesh.points @ turn + center, mesh.normals @ turn, mesh.triangles))
    return parts


def _frame(facing: Values) -> Values:
    """Return the rotation [3, 3], for rows, that turns the y axis to `facing`."""
    side = np.cross(facing, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    return np.stack([side, facing, np.cross(side, facing)])


def tail_lamp(patch: Patch, design: str) -> list[Part]:
    """Return the parts of a tail lamp whose lens is `patch`; `design` is a key of TAIL_LAMPS."""
    rest = Part("lamp_red", patch.part.points, patch.part.normals, patch.part.triangles)
    parts = [*housing(patch, 0.03, "reflector")]
    for role, level in TAIL_LAMPS[design](patch):
        inside, rest = cut(rest, level, CHORD)
        inside.material = role
        parts.append(inside)
    return [part for part in [*parts, rest] if len(part.triangles)]


Levels = Iterator[tuple[str, Level]]


def _border(patch: Patch) -> Levels:
    yield "gloss_black", lambda points: BORDER - patch.border_distance(points)


def _rings(patch: Patch) -> Levels:
    """Round fields with a bright edge, the second one clear for reversing."""
    yield from _border(patch)
    for index, circle in enumerate(patch.circles(2, 0.02)):
        inner, outer = 0.86 * circle.radius, 0.94 * circle.radius
        if index:
            yield "lamp_white", _ring(circle, -1.0, inner)
        yield "chrome", _ring(circle, inner, outer)


def _ring(circle: Circle, inner: float, outer: float) -> Level:
    """Return a level above 0 between two distances from the center of a circle."""

    def level(points: Values) -> Values:
        distance = np.linalg.norm(points - circle.center, axis=1)
        return np.minimum(outer - distance, distance - inner)

    return level


def _bands(*fields: tuple[str, float, float]) -> Fields:
    """Horizontal fields: role, and the shares of the lamp's height between which each lies."""

    def levels(patch: Patch) -> Levels:
        yield from _border(patch)
        z = patch.part.points[:, 2]
        for role, start, end in fields:
            yield role, _band(z.min() + start * np.ptp(z), z.min() + end * np.ptp(z))

    return levels


def _band(low: float, high: float) -> Level:
    """Return a level above 0 between two heights."""

    def level(points: Values) -> Values:
        return np.minimum(points[:, 2] - low, high - points[:, 2])

    return level


def _frame_and_strip(patch: Patch) -> Levels:
    """A light strip that runs inside of the border, around a dark field."""
    yield from _border(patch)
    widest = max((circle.radius for circle in patch.circles(1, 0.0)), default=0.03)
    strip = 0.6 * widest
    yield "gloss_black", lambda points: patch.border_distance(points) - BORDER - strip


TAIL_LAMPS: dict[str, Fields] = {
    "rings": _rings,
    "bands": _bands(("lamp_orange", 0.68, 0.84), ("gloss_black", 0.65, 0.68)),
    "white_band": _bands(("lamp_white", 0.3, 0.5), ("gloss_black", 0.26, 0.54)),
    "low_band": _bands(("lamp_white", 0.1, 0.3), ("gloss_black", 0.3, 0.34)),
    "strip": _frame_and_strip,
    "thirds": _bands(
        ("gloss_black", 0.38, 0.42), ("gloss_black", 0.58, 0.62), ("lamp_orange", 0.42, 0.58)
    ),
}
