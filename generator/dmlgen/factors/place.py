"""What surrounds the car."""

from __future__ import annotations

from dmlgen.catalog.assets import environment_names
from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="environment",
        group="place",
        kind="categorical",
        meaning="what surrounds the car",
        values=environment_names,
        default="backdrop",
    ),
    FactorDeclaration(
        key="environment_view",
        group="place",
        kind="linear",
        meaning="which way a place is seen, as a share of the directions that suit it",
        values=(0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875),
        default=0.0,
        applies_in=frozenset({"panorama", "site"}),
    ),
    FactorDeclaration(
        key="ground",
        group="place",
        kind="categorical",
        meaning="what the ground of an outdoor place is made of",
        values=("asphalt", "asphalt_wet", "concrete", "pavers", "cobbles", "gravel"),
        default="asphalt",
        applies_in=frozenset({"site"}),
    ),
    FactorDeclaration(
        key="floor",
        group="place",
        kind="categorical",
        meaning="finish of a studio's floor",
        values=("matte", "satin", "polished"),
        default="matte",
        applies_in=frozenset({"backdrop", "studio"}),
    ),
)
