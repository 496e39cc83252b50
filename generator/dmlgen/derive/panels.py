"""Panels of a car's surface that are other parts: air intakes, fog lamps, fields between lamps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dmldata.common.arrays import Bools
from dmlgen.catalog.car_edits import Panel
from dmlgen.derive.cut import Level, cut
from dmlgen.derive.glb import CarFile, Part, Values
from dmlgen.derive.lamps import housing
from dmlgen.derive.patches import patches

CHORD = 0.02
"""Maximum length of a straight piece of a panel's border, in meters."""
FACING = 0.15
"""Cosine between a face and the direction one looks from, below which it belongs to no panel."""
VIEWS = {"front": (0, 1.0), "rear": (0, -1.0), "side": (1, 0.0), "top": (2, 1.0)}
"""Axis along which one looks, and the side one looks from; 0 is both."""


def cut_panels(car: CarFile, panels: tuple[Panel, ...]) -> None:
    """Make each panel of `car`, not yet warped, a part of its own, in place; the first counts."""
    for panel in panels:
        parts: list[Part] = []
        for part in car.body.parts:
            parts += _cut_out(part, panel) if part.role == panel.out_of else [part]
        car.body.parts = parts


def _cut_out(part: Part, panel: Panel) -> list[Part]:
    level = _level(panel)
    near = _near(part, panel.view, level)
    if not near.any():
        return [part]
    inside, outside = cut(replace(part, triangles=part.triangles[near]), level, CHORD)
    material = panel.role if panel.patch is None else f"{panel.role}.{panel.patch}"
    parts = [_together(replace(part, triangles=part.triangles[~near]), outside)]
    for patch in patches(inside):
        front, *walls = housing(patch, panel.depth, panel.role) if panel.depth else [patch.part]
        parts += [replace(front, material=material, uv=None), *walls]
    return parts


def _near(part: Part, view: str, level: Level) -> Bools:
    """Return which triangles [T] face the one who looks from `view` and may reach into a panel."""
    axis, side = VIEWS[view]
    corners = part.points[part.triangles]
    normals = part.normals[part.triangles, axis].mean(axis=1)
    sides = side or np.sign(corners[:, :, axis].mean(axis=1))
    facing: Bools = normals * sides > FACING
    if view != "top":
        facing &= corners[:, :, axis].mean(axis=1) * sides > 0
    size = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2).max(axis=1)
    middles = corners[facing].mean(axis=1)
    facing[facing] = level(middles) > -size[facing]
    return facing


def _together(first: Part, second: Part) -> Part:
    """Return the triangles of both, which are of one material, in one part."""
    both_uv = None
    if first.uv is not None and second.uv is not None:
        both_uv = np.concatenate([first.uv, second.uv])
    return Part(
        first.material,
        np.concatenate([first.points, second.points]),
        np.concatenate([first.normals, second.normals]),
        np.concatenate([first.triangles, second.triangles + len(first.points)]),
        both_uv,
    )


def _level(panel: Panel) -> Level:
    """Return the distance from the border of a panel and its mirror image, above 0 inside."""
    axis, _ = VIEWS[panel.view]
    drawn = [index for index in range(3) if index != axis]
    corners = np.array(panel.points)

    def level(points: Values) -> Values:
        left = np.stack([points[:, 0], np.abs(points[:, 1]), points[:, 2]], axis=1)
        return _inside_by(corners, left[:, drawn]) + panel.rounding

    return level


def _inside_by(corners: Values, points: Values) -> Values:
    """Return how far points [V, 2] lie inside a polygon with these corners [N, 2], in meters."""
    nearest, inside = np.full(len(points), np.inf), np.zeros(len(points), bool)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along, away = end - start, points - start
        share = np.clip(away @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
        nearest = np.minimum(nearest, np.hypot(*(away - share[:, None] * along).T))
        crosses = (away[:, 1] < 0) != (away[:, 1] < along[1])
        if along[1]:
            inside ^= crosses & (away[:, 0] < away[:, 1] / along[1] * along[0])
    return np.where(inside, nearest, -nearest)
