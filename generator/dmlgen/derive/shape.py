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
    """Return the changes that a row asks for, on top of the car model's own proportions."""
    return Proportions(
        front_overhang=values["front_overhang"],
        rear_overhang=values["rear_overhang"],
        bonnet=values["wheelbase"] * values["bonnet_length"],
        cabin=values["wheelbase"],
        upper=values["roof_height"],
        width=values["body_width"],
        ride=values["ride_height"],
    )


def together(first: Proportions, second: Proportions) -> Proportions:
    """Return both changes combined: scales are multiplied, meters and shares are added."""
    scales = [a * b for a, b in zip(first[:7], second[:7], strict=True)]
    return Proportions(*scales, *(a + b for a, b in zip(first[7:], second[7:], strict=True)))
