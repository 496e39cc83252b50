"""Trim for derived models: where plastic or black replaces paint, and black replaces chrome."""

from __future__ import annotations

import itertools
import zlib
from typing import NamedTuple

import numpy as np

from dmlgen.derive.cut import Level, cut
from dmlgen.derive.glb import CarFile, Part, Values
from dmlgen.derive.outline import SIDE, Outline, outline
from dmlgen.derive.warp import Measures

CLADDINGS = ("none", "sides", "around")
"""Where black plastic is: nowhere, along arches and sills, or on the lower bumpers as well."""
BORDER = 0.045
"""Width of the plastic around an arch, in meters."""
BAND = 0.075
"""Height of the plastic above the sill, in meters."""
PILLARS = 0.6
"""Height from which the pillars of a black roof are black, as a share from belt to roof."""
NO_ROOF = {"smart-car": "it is of plastic and glass already"}
"""Cars whose roof has no paint that can become black, with the reason."""


class Trim(NamedTuple):
    """The trim of a model: one of CLADDINGS, a black roof, black instead of chrome."""

    cladding: str
    black_roof: bool
    black_chrome: bool


ORIGINAL = Trim("none", False, False)


def choose(car: CarFile, number: int) -> Trim:
    """Return the trim of a model.

    The models of a base use all combinations in turn, in an order specific to the base.

    Every round starts one later, so that a trim is not always combined with the same wheels.
    """
    roofs = (False,) if car.name in NO_ROOF else (False, True)
    chromes = (False, True) if car.body.of_role("chrome") else (False,)
    trims = [Trim(*options) for options in itertools.product(CLADDINGS, roofs, chromes)]
    rng = np.random.default_rng(zlib.crc32(f"trim of {car.name}".encode()))
    turn, place = divmod(number - 1, len(trims))
    return trims[int(rng.permutation(len(trims))[(place + turn) % len(trims)])]


def exchange_trim(car: CarFile, measures: Measures, number: int) -> None:
    """Give `car`, not yet warped, the trim of its model `number`, in place."""
    trim = choose(car, number)
    if trim == ORIGINAL:
        return
    car_outline = outline(car, measures)
    if trim.cladding != "none":
        _recover(car, cladding(car_outline, measures, around=trim.cladding == "around"), "plastic")
    if trim.black_roof:
        _recover(car, roof(car_outline, measures), "gloss_black")
    if trim.black_chrome:
        for part in car.body.of_role("chrome"):
            part.material, part.uv = "gloss_black", None


def cladding(car_outline: Outline, measures: Measures, *, around: bool) -> Level:
    """Return a level above 0 around the arches and below a line along the sills."""

    def level(points: Values) -> Values:
        x, y, z = points.T
        beside = np.abs(y) - SIDE * measures.half_width
        arches = [
            arch.radius + BORDER - np.hypot(x - arch.x, z - arch.z) for arch in car_outline.arches
        ]
        low = car_outline.sill + BAND - z
        if around:
            return np.maximum(np.minimum(np.maximum(*arches), beside), low)
        front, rear = car_outline.arches
        between = np.minimum(front.x - x, x - rear.x)
        return np.minimum(np.maximum(np.maximum(*arches), np.minimum(low, between)), beside)

    return level


def roof(car_outline: Outline, measures: Measures) -> Level:
    """Return a level above 0 over the side windows and on the upper ends of their pillars."""
    pillars = measures.belt + PILLARS * (measures.height - measures.belt)

    def level(points: Values) -> Values:
        x, _, z = points.T
        within = np.clip(x, *car_outline.windows)
        return z - np.maximum(np.polyval(car_outline.edge, within), pillars)

    return level


def _recover(car: CarFile, level: Level, role: str) -> None:
    """Replace the material of paint inside of `level`."""
    parts: list[Part] = []
    for part in car.body.parts:
        if part.role != "paint":
            parts.append(part)
            continue
        inside, outside = cut(part, level)
        inside.material, inside.uv = role, None
        parts += [piece for piece in (outside, inside) if len(piece.triangles)]
    car.body.parts = parts
