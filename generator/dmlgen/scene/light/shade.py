"""How much of the sun reaches the car past the buildings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dmldata.common.arrays import Bools, Floats
from dmlgen.catalog.things import Building, Hall, Placed, Showroom
from dmlgen.scene.light.daylight import direction_of

_SPREAD = np.linspace(-2.2, 2.2, 5)
POINTS = np.array([(x, y, z) for x in _SPREAD for y in _SPREAD for z in (0.2, 1.2)])
"""Points [50, 3] in the volume of a car, in meters."""


def sunlit_share(things: Sequence[Placed], elevation: float, rotation: float) -> float:
    """Return the share of the car's surroundings that the sun reaches past the buildings, 0..1.

    Args:
        elevation, rotation: position of the sun in degrees, counter-clockwise from +x, the place
            not turned.

    >>> house = Building(kind="building", style="brick", at=(20, 0), turn=180, height=10, width=40)
    >>> sunlit_share([house], elevation=10, rotation=0)
    0.0
    >>> sunlit_share([house], elevation=60, rotation=0), sunlit_share([house], 10, rotation=180)
    (1.0, 1.0)
    """
    sun = direction_of(elevation, rotation)
    lit = np.ones(len(POINTS), dtype=bool)
    for thing in things:
        if isinstance(thing, Building | Hall | Showroom):
            lit &= ~_hits(thing, sun)
    return float(lit.mean())


def _hits(thing: Building | Hall | Showroom, sun: Floats) -> Bools:
    """Return which of the rays from POINTS to the sun [50] meet the box of a building."""
    turn = np.radians(thing.turn)
    axes = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    origin = (POINTS - [*thing.at, 0.0]) @ axes.T
    direction = axes @ sun
    direction = np.where(np.abs(direction) < 1e-9, 1e-9, direction)
    low = np.array([-thing.depth, -thing.width / 2, 0.0])
    high = np.array([0.0, thing.width / 2, thing.height])
    first, second = (low - origin) / direction, (high - origin) / direction
    enter = np.minimum(first, second).max(axis=1)
    leave = np.maximum(first, second).min(axis=1)
    hits: Bools = (enter <= leave) & (leave > 0)
    return hits
