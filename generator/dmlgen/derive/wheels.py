"""Wheels for derived models: the design that a number stands for, and the parts of its nodes."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from dmlgen.derive.fittings import fittings_of
from dmlgen.derive.glb import CarFile, Node, Part
from dmlgen.derive.quads import smooth
from dmlgen.derive.wheel_designs import DESIGNS, FINISHES, RIM, wheel_faces

CREASE = 32.0
"""Degrees between two faces from which their edge is sharp."""
ORIGINAL_EVERY = 4
"""One in this many models keeps the wheels of its base."""
RIMS = (0.62, 0.65, 0.68, 0.71, 0.74, 0.77)
"""Radii of the rim in radii of the wheel, from a high tyre to a low one."""
INSET = 0.012
"""Least distance of a wheel's outer side from that of the wing above it, in meters."""
WIDTHS = (0.93, 1.0)
"""Widths of the tyre, in widths of the base's tyre."""


class Choice(NamedTuple):
    """A wheel: keys of `DESIGNS` and `FINISHES`, the rim's share of the radius, the tyre's width in
    widths of the base's."""

    design: str
    finish: str
    rim: float
    width: float


def exchange_wheels(car: CarFile, number: int | None) -> None:
    """Give `car` its own wheels, or those of its model `number`, in place.

    Radius and outer side of the wheels stay.
    """
    choice = _own(car) if number is None else choose(car, number) or _own(car)
    if choice is None:
        return
    for wheel in car.wheels:
        wheel.parts = _parts(wheel, choice)


def tuck_wheels(car: CarFile) -> None:
    """Move wheels that stand out of their wings inwards, in place, where car.yaml asks for it."""
    if not fittings_of(car).tucked_wheels:
        return
    skin = np.concatenate([part.points for part in car.body.of_role("paint", "plastic")])
    for wheel in car.wheels:
        x, y, radius = wheel.middle
        side = np.sign(y)
        wing = skin[(np.abs(skin[:, 0] - x) < 1.25 * radius) & (skin[:, 1] * side > 0)]
        wing = wing[(wing[:, 2] > 0.9 * radius) & (wing[:, 2] < 2.3 * radius)]
        if len(wing):
            outer = float((wheel.points[:, 1] * side).max()) + abs(y)
            # Mirrors and handles reach farther out than the wing.
            room = float(np.percentile(wing[:, 1] * side, 98)) - INSET - outer
            wheel.middle = wheel.middle + np.array([0.0, side * min(room, 0.0), 0.0])


def choose(car: CarFile, number: int) -> Choice | None:
    """Return the wheels of a model, or None if it keeps those of its base.

    The models of a base use all designs in turn, in an order specific to the base.
    """
    rng = np.random.default_rng(zlib.crc32(car.name.encode()))
    designs, finishes = rng.permutation(sorted(DESIGNS)), rng.permutation(sorted(FINISHES))
    rims, start = rng.permutation(RIMS), int(rng.integers(ORIGINAL_EVERY))
    if (number + start) % ORIGINAL_EVERY == 0:
        return None
    turn = number // len(designs)
    return Choice(
        str(designs[number % len(designs)]),
        str(finishes[(number + turn) % len(finishes)]),
        float(rims[(number // 2 + turn) % len(rims)]),
        WIDTHS[number // 3 % len(WIDTHS)],
    )


def _own(car: CarFile) -> Choice | None:
    """Return the wheels that car.yaml asks for in place of the source's, or None."""
    fittings = fittings_of(car)
    if fittings.rims is None:
        return None
    return Choice(fittings.rims, fittings.rim_finish, RIM, 1.0)


def _parts(wheel: Node, choice: Choice) -> list[Part]:
    """Return the parts of a wheel of the same radius; its outer side is where the old one was."""
    left = wheel.middle[1] > 0
    side = np.array([1.0, 1.0 if left else -1.0, 1.0])
    y = np.concatenate([part.points for part in wheel.of_role("tyre")])[:, 1] * side[1]
    width = choice.width * (y.max() - y.min())
    faces = wheel_faces(choice.design, wheel.middle[2], width, FINISHES[choice.finish], choice.rim)
    parts = []
    for role, quads in faces.items():
        mesh = smooth(quads + np.array([0.0, y.max() - width / 2, 0.0]), CREASE)
        # Mirroring turns a face inside out; reversing the order of its corners turns it back.
        triangles = mesh.triangles if left else mesh.triangles[:, ::-1]
        parts.append(Part(role, mesh.points * side, mesh.normals * side, triangles))
    return parts
