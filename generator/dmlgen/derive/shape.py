"""The factors of the group `shape` as proportions of a car."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmlgen.derive.warp import Proportions

SHAPE_FACTORS = (
    *("wheelbase", "bonnet_length", "front_overhang", "rear_overhang"),
    *("roof_height", "body_width", "ride_height"),
)


def shape_of(values: Mapping[str, Any]) -> Proportions:
    """Return the changes that a row asks for, on top of the car model's own proportions.

    Args:
        values: those that are missing change nothing.
    """
    return Proportions(
        front_overhang=values.get("front_overhang", 1.0),
        rear_overhang=values.get("rear_overhang", 1.0),
        bonnet=values.get("wheelbase", 1.0) * values.get("bonnet_length", 1.0),
        cabin=values.get("wheelbase", 1.0),
        upper=values.get("roof_height", 1.0),
        width=values.get("body_width", 1.0),
        ride=values.get("ride_height", 0.0),
    )


def together(first: Proportions, second: Proportions) -> Proportions:
    """Return both changes combined: scales are multiplied, meters and shares are added."""
    scales = [a * b for a, b in zip(first[:7], second[:7], strict=True)]
    return Proportions(*scales, *(a + b for a, b in zip(first[7:], second[7:], strict=True)))
