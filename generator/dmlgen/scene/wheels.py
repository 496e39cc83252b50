"""Wheels to exchange for a car's own: tyre, rim, spokes and brake, fitted to a radius and width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dmlgen.scene.materials import CarMaterials
from dmlgen.scene.props.shape import Shape

RIM = 0.70
"""Radius of the rim where the tyre begins, in radii of the wheel."""


@dataclass(frozen=True)
class Spokes:
    """An alloy design. Lengths in radii of the wheel.

    Attributes:
        count: spokes around the hub.
        width: half the width of a spoke at the hub and at the rim.
        fork: degrees between the two arms into which a spoke divides half-way; 0: it does not.
        dish: how far the hub lies behind the rim's edge, in widths of the wheel.
    """

    count: int
    width: tuple[float, float]
    fork: float = 0.0
    dish: float = 0.16


STYLES = {
    "five_spoke": Spokes(5, (0.115, 0.075)),
    "ten_spoke": Spokes(10, (0.042, 0.034), dish=0.10),
    "mesh": Spokes(10, (0.036, 0.026), fork=13.0, dish=0.13),
}


def build_wheel(
    style: str, radius: float, width: float, left: bool, materials: CarMaterials
) -> Any:
    """A wheel about its own y axis, in no collection yet.

    Args:
        style: a key of STYLES, or `steel`.
        radius, width: metres.
        left: whether its outer side faces +y.
    """
    shape = Shape(f"wheel:{style}")
    _tyre(shape, radius, width, materials["tyre"])
    _barrel(shape, radius, width, materials["rim" if style in STYLES else "metal_dark"])
    _brake(shape, radius, width, materials)
    if style in STYLES:
        _alloy(shape, STYLES[style], radius, width, materials)
    else:
        _steel(shape, radius, width, materials)
    wheel = shape.finish(smooth_angle=32)
    if not left:
        wheel.data.transform(_HALF_TURN)
    return wheel


_HALF_TURN = ((-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))


def _scaled(profile: list[tuple[float, float]], radius: float, width: float) -> np.ndarray:
    return np.array(profile) * (width, radius)


def _tyre(shape: Shape, radius: float, width: float, rubber: Any) -> None:
    wall = [
        (0.40, RIM - 0.015),
        (0.455, RIM + 0.01),
        (0.485, RIM + 0.07),
        (0.50, 0.83),
        (0.495, 0.89),
        (0.47, 0.945),
        (0.435, 0.978),
        (0.39, 0.994),
    ]
    tread = []
    for groove in (0.26, 0.09, -0.09, -0.26):
        tread += [
            (groove + 0.035, 1.0),
            (groove + 0.025, 0.976),
            (groove - 0.025, 0.976),
            (groove - 0.035, 1.0),
        ]
    inner = [(-y, r) for y, r in reversed(wall)]
    shape.lathe(_scaled([*wall, *tread, *inner], radius, width), rubber, steps=72)


def _barrel(shape: Shape, radius: float, width: float, metal: Any) -> None:
    profile = [
        (-0.42, RIM - 0.05),
        (0.10, RIM - 0.075),
        (0.36, RIM - 0.055),
        (0.40, RIM - 0.035),
        (0.425, RIM - 0.018),
        (0.43, RIM + 0.004),
        (0.415, RIM + 0.012),
        (0.39, RIM + 0.008),
    ]
    shape.lathe(_scaled(profile, radius, width), metal, steps=72)


def _brake(shape: Shape, radius: float, width: float, materials: CarMaterials) -> None:
    back = [(-0.12, RIM - 0.06), (-0.12, 0.03)]
    shape.lathe(_scaled(back[::-1], radius, width), materials["underbody"], steps=48)
    disc = [(0.0, 0.16), (0.0, 0.50), (-0.06, 0.50)]
    shape.lathe(_scaled(disc, radius, width), materials["brake"], steps=48)
    low = (0.20 * radius, -0.04 * width, 0.18 * radius)
    shape.box(low, (0.46 * radius, 0.06 * width, 0.46 * radius), materials["metal_dark"])


def _alloy(
    shape: Shape, spokes: Spokes, radius: float, width: float, materials: CarMaterials
) -> None:
    metal = materials["rim"]
    hub = 0.36 - spokes.dish
    cap = [(hub + 0.035, 0.0), (hub + 0.03, 0.07), (hub, 0.085), (hub, 0.15), (hub - 0.14, 0.17)]
    shape.lathe(_scaled(cap, radius, width), metal, steps=40)
    for bolt in range(5):
        angle = 2 * math.pi * (bolt + 0.5) / 5
        x, z = 0.118 * radius * math.sin(angle), 0.118 * radius * math.cos(angle)
        y = (hub - 0.02) * width
        start, end = (x, y, z), (x, y + 0.025 * width, z)
        shape.tube(start, end, (0.022 * radius, 0.02 * radius), materials["metal_dark"], 6)
    for spoke in range(spokes.count):
        angle = 2 * math.pi * spoke / spokes.count
        if spokes.fork == 0:
            _arm(shape, spokes, (angle, angle), (0.0, 1.0), radius, width, metal)
            continue
        _arm(shape, spokes, (angle, angle), (0.0, 0.45), radius, width, metal)
        for side in (-1, 1):
            turned = angle + side * math.radians(spokes.fork)
            _arm(shape, spokes, (angle, turned), (0.4, 1.0), radius, width, metal)


def _arm(
    shape: Shape,
    spokes: Spokes,
    angles: tuple[float, float],
    part: tuple[float, float],
    radius: float,
    width: float,
    metal: Any,
) -> None:
    """A beam from hub to rim, or the `part` of it, bent outwards, its front edges chamfered."""
    t = np.linspace(*part, 7)
    r = (0.12 + (RIM - 0.16) * t) * radius
    front = (0.36 - spokes.dish * (1 - t) ** 1.6 + 0.03 * t) * width
    half = (spokes.width[0] + (spokes.width[1] - spokes.width[0]) * t) * radius
    share = (t - part[0]) / (part[1] - part[0])
    angle = angles[0] + (angles[1] - angles[0]) * share
    depth, chamfer = 0.085 * radius, 0.3 * half.min()
    across = np.stack([-half, -half, -half + chamfer, half - chamfer, half, half], axis=1)
    y = np.stack([front - depth, front - chamfer, front, front, front - chamfer, front - depth], 1)
    radial = np.broadcast_to(r[:, None], across.shape)
    sin, cos = np.sin(angle)[:, None], np.cos(angle)[:, None]
    points = np.stack([radial * sin + across * cos, y, radial * cos - across * sin], axis=-1)
    a, b = points[:-1], points[1:]
    shape.quads(np.stack([a[:, :-1], b[:, :-1], b[:, 1:], a[:, 1:]], axis=2)[..., ::-1, :], metal)


def _steel(shape: Shape, radius: float, width: float, materials: CarMaterials) -> None:
    """Pressed steel under a silver cap with slots."""
    dish = [
        (0.36, 0.0),
        (0.355, 0.12),
        (0.33, 0.18),
        (0.375, 0.30),
        (0.37, 0.46),
        (0.33, RIM - 0.05),
    ]
    shape.lathe(_scaled(dish, radius, width), materials["rim"], steps=60)
    for slot in range(12):
        angle = 2 * math.pi * slot / 12
        sin, cos = math.sin(angle), math.cos(angle)
        corners = [(0.37, -0.035), (0.37, 0.035), (0.53, 0.055), (0.53, -0.055)]
        points = [
            (radius * (r * sin + a * cos), width * 0.385, radius * (r * cos - a * sin))
            for r, a in corners
        ]
        shape.quads(np.array([points]), materials["underbody"])
