"""Trim for derived models: plastic or black in place of paint, tinted windows, roof rails."""

from __future__ import annotations

import itertools
import zlib
from typing import NamedTuple

import numpy as np

from dmlgen.derive.bars import add_rails
from dmlgen.derive.cut import Level, cut
from dmlgen.derive.glb import CarFile, Part, Values
from dmlgen.derive.outline import SIDE, Outline, outline
from dmlgen.derive.patches import patches
from dmlgen.derive.warp import Measures

CLADDINGS = ("none", "sides", "around")
"""Where black plastic is: nowhere, along arches and sills, or on the lower bumpers as well."""
BORDER = 0.045
"""Width of the plastic around an arch, in meters."""
BAND = 0.075
"""Height of the plastic above the sill, in meters."""
PILLARS = 0.6
"""Height from which the pillars of a black roof are black, as a share from belt to roof."""
STRIPES = (0.07, 0.27)
"""Distances from the middle between which each of two black stripes runs, in meters."""
STRIPED = frozenset({"VW-new-beetle", "chevrolet", "fordFocus", "seat_leon", "smart-car"})
"""Cars of which some models have two stripes from nose to tail."""
RAILED = frozenset({"fordFocus", "renault-scenic", "suv"})
"""Cars of which some models have rails on the roof."""
UNTINTED = frozenset({"peugeot-308", "van"})
"""Cars without windows beside the rear seats."""
NO_ROOF = {
    "smart-car": "it is of plastic and glass already",
    "van": "no van is black down to the windows' lower edge",
}
"""Cars whose roof does not become black, with the reason."""


class Trim(NamedTuple):
    """The trim of a model: one of CLADDINGS, a black roof, black instead of chrome, black stripes,
    tinted windows beside and behind the rear seats, roof rails."""

    cladding: str
    black_roof: bool
    black_chrome: bool
    stripes: bool = False
    tinted: bool = False
    rails: bool = False


ORIGINAL = Trim("none", False, False)
PLAIN = ("none", False, False)
"""Cladding, black roof and rails of a car with stripes."""


def choose(car: CarFile, number: int) -> Trim:
    """Return the trim of a model.

    The models of a base use all combinations in turn, in an order specific to the base.

    Every round starts one later, so that a trim is not always combined with the same wheels.
    """
    options = (
        car.name not in NO_ROOF,
        bool(car.body.of_role("chrome")),
        car.name in STRIPED,
        car.name not in UNTINTED,
        car.name in RAILED,
    )
    choices = [(False, True) if possible else (False,) for possible in options]
    trims = [
        Trim(cladding, *values) for cladding in CLADDINGS for values in itertools.product(*choices)
    ]
    # Stripes are rare: they go with no other change of the paint.
    trims = [t for t in trims if not t.stripes or (t.cladding, t.black_roof, t.rails) == PLAIN]
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
    if trim.stripes:
        _recover(car, stripes, "gloss_black")
    if trim.rails:
        rear, front = car_outline.windows
        add_rails(car, (rear + 0.3, front - 0.75), "metal_dark")
    if trim.tinted:
        _tint(car)
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


def stripes(points: Values) -> Values:
    """Return a level above 0 on two stripes beside the middle of the car."""
    beside = np.abs(points[:, 1])
    return np.minimum(beside - STRIPES[0], STRIPES[1] - beside)


def _tint(car: CarFile) -> None:
    """Make the panes behind the front seats dark."""
    parts: list[Part] = []
    for part in car.body.parts:
        if part.role != "glass":
            parts.append(part)
            continue
        for patch in patches(part):
            if patch.part.points[:, 0].mean() < 0:
                dark = part.material.replace("glass", "glass_dark", 1)
                patch.part.material, patch.part.uv = dark, None
            parts.append(patch.part)
    car.body.parts = parts


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
