"""Other trim for derived models: where paint gives way to plastic or black, and chrome to black."""

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
"""Black plastic: nowhere, along arches and sills, or along the lower end of the bumpers as well."""
BORDER = 0.045
"""Meters of plastic around an arch."""
BAND = 0.075
"""Meters of plastic above the sill."""
PILLARS = 0.6
"""Share of the height from belt to roof from which a black roof's pillars are black."""
NO_ROOF = {"smart-car": "it is of plastic and glass already"}
"""Cars whose roof has no paint to turn black, and why."""


class Trim(NamedTuple):
    """What a model has of its own: one of CLADDINGS, a black roof, black in place of chrome."""

    cladding: str
    black_roof: bool
    black_chrome: bool


ORIGINAL = Trim("none", False, False)


def choose(car: CarFile, number: int) -> Trim:
    """The trim of a model; a base takes all combinations in turn, in an order of its own.

    Every round starts one later, so that models do not meet the same wheels again.
    """
    roofs = (False,) if car.name in NO_ROOF else (False, True)
    chromes = (False, True) if car.body.of_role("chrome") else (False,)
    trims = [Trim(*options) for options in itertools.product(CLADDINGS, roofs, chromes)]
    rng = np.random.default_rng(zlib.crc32(f"trim of {car.name}".encode()))
    turn, place = divmod(number - 1, len(trims))
    return trims[int(rng.permutation(len(trims))[(place + turn) % len(trims)])]


def exchange_trim(car: CarFile, measures: Measures, number: int) -> None:
    """Gives `car`, not yet warped, the trim of its model `number`, in place."""
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
    """Above 0 around the arches and below a line along the sills, on the sides or all around."""

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
    """Above 0 over the side windows and on the upper ends of the pillars beside them."""
    pillars = measures.belt + PILLARS * (measures.height - measures.belt)

    def level(points: Values) -> Values:
        x, _, z = points.T
        within = np.clip(x, *car_outline.windows)
        return z - np.maximum(np.polyval(car_outline.edge, within), pillars)

    return level


def _recover(car: CarFile, level: Level, role: str) -> None:
    """Gives what is painted and inside of `level` another material."""
    parts: list[Part] = []
    for part in car.body.parts:
        if part.role != "paint":
            parts.append(part)
            continue
        inside, outside = cut(part, level)
        inside.material, inside.uv = role, None
        parts += [piece for piece in (outside, inside) if len(piece.triangles)]
    car.body.parts = parts
