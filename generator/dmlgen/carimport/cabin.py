"""Find the part of a model that is seen through its windows."""

from __future__ import annotations

import numpy as np

from dmldata.common.arrays import Bools
from dmlgen.carimport.model import Model

MIN_AREA = 1.0
"""Minimum surface of a cabin with seats, in square meters; a bare shell has less."""
_BELOW_WINDOWS = 0.5
_BELOW_ROOF = 0.08
_SHARE = 0.8


def inside_cabin(car: Model, glass: Bools) -> Bools:
    """Return which triangles [T], bool, lie well inside the space that the windows surround.

    Args:
        car: in the car's frame, meters.
        glass: [T] bool, triangles of windows.
    """
    if not glass.any():
        return np.zeros(len(glass), bool)
    points = car.corners[glass].reshape(-1, 3)
    low, high = points.min(axis=0), points.max(axis=0)
    low[2], high[2] = low[2] - _BELOW_WINDOWS, high[2] - _BELOW_ROOF
    margin = np.array([*((high - low)[:2] * (1 - _SHARE) / 2), 0.0])
    inside = (car.centers > low + margin) & (car.centers < high - margin)
    return inside.all(axis=1) & ~glass


def has_interior(car: Model, inside: Bools) -> bool:
    """Return whether a cabin holds enough surface for seats."""
    return float(car.areas[inside].sum()) > MIN_AREA
