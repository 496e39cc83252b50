"""Grilles: bars or a mesh in place of a patch of a car's surface, before a dark hollow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmlgen.derive.cut import cut
from dmlgen.derive.glb import Part, Values
from dmlgen.derive.lamps import housing
from dmlgen.derive.patches import Patch

DEPTH = 0.006
"""Depth of the hollow behind a grille, in meters: paint may follow behind it."""
FRAME = 0.01
"""Width of the frame around a grille, in meters."""
CHORD = 0.03


def _bars(pitch: float, share: float, axis: int) -> Callable[[Values], Values]:
    """Return a level above 0 on bars across the axis, `pitch` meters apart."""

    def level(points: Values) -> Values:
        away = np.abs((points[:, axis] / pitch) % 1.0 - 0.5)
        return (away - 0.5 * (1 - share)) * pitch

    return level


def _mesh(points: Values) -> Values:
    """Return a level above 0 on the wires of a diamond mesh."""
    y, z = points[:, 1], 1.6 * points[:, 2]
    wires = [np.abs(((y + sign * z) / 0.05) % 1.0 - 0.5) for sign in (-1.0, 1.0)]
    return (np.maximum(*wires) - 0.39) * 0.03


GRILLES: dict[str, tuple[str, Callable[[Values], Values]]] = {
    "bars": ("plastic", _bars(0.042, 0.36, 2)),
    "wide_bars": ("gloss_black", _bars(0.075, 0.45, 2)),
    "chrome_bars": ("chrome", _bars(0.05, 0.2, 2)),
    "upright_bars": ("metal_dark", _bars(0.05, 0.3, 1)),
    "mesh": ("gloss_black", _mesh),
}
"""Role of the bars, and where they are, by name of the design."""


def grille(patch: Patch, design: str) -> list[Part]:
    """Return the parts of a grille in place of `patch`; `design` is a key of GRILLES."""
    role, bars = GRILLES[design]
    surface = Part(role, patch.part.points, patch.part.normals, patch.part.triangles)
    frame, rest = cut(surface, lambda points: FRAME - patch.border_distance(points), CHORD)
    front, _ = cut(rest, bars, CHORD)
    parts = [*housing(patch, DEPTH, "underbody"), frame, front]
    return [part for part in parts if len(part.triangles)]
