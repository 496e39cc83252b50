"""Wheels: their design and how they are turned."""

from __future__ import annotations

from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="wheel_style",
        group="wheels",
        kind="categorical",
        meaning="design of the wheels; own are the car's",
        values=("own", "five_spoke", "ten_spoke", "mesh", "steel"),
        default="own",
    ),
    FactorDeclaration(
        key="steering_angle",
        group="wheels",
        kind="linear",
        unit="degrees",
        meaning="how far the front wheels are turned; above 0 to the car's left",
        values=(-24.0, -12.0, 0.0, 12.0, 24.0),
        range=(-35.0, 35.0),
        default=0.0,
    ),
)
