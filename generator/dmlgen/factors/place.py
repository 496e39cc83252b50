"""What surrounds the car."""

from __future__ import annotations

from functools import partial

from dmlgen.catalog.assets import project_names, user_names
from dmlgen.catalog.surfaces import user_grounds
from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="environment",
        group="place",
        kind="categorical",
        meaning="what surrounds the car",
        values=partial(project_names, "environments"),
        user_values=partial(user_names, "environments"),
        default="backdrop",
    ),
    FactorDeclaration(
        key="environment_view",
        group="place",
        kind="linear",
        meaning="which way a place is seen, as a share of the directions that suit it",
        values=(0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875),
        default=0.0,
        applies_in=frozenset({"panorama", "site", "indoors"}),
    ),
    FactorDeclaration(
        key="ground",
        group="place",
        kind="categorical",
        meaning="what the ground of a built place outdoors is made of",
        values=("asphalt", "asphalt_wet", "concrete", "pavers", "cobbles", "gravel"),
        user_values=user_grounds,
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
