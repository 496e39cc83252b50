"""Grilles: bars or a mesh before a dark ground, in place of a patch of a car's surface."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dmlgen.derive.cut import cut
from dmlgen.derive.glb import Part, Values
from dmlgen.derive.patches import Patch

RAISED = 0.004
"""Meters by which bars stand out of the patch; paint may follow right behind it."""
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
    old = patch.part
    raised = Part(role, old.points + RAISED * patch.outward, old.normals, old.triangles)
    frame, rest = cut(raised, lambda points: FRAME - patch.border_distance(points), CHORD)
    front, _ = cut(rest, bars, CHORD)
    parts = [Part("underbody", old.points, old.normals, old.triangles), frame, front]
    return [part for part in parts if len(part.triangles)]
