"""Where the light comes from, in places under the open sky."""

from __future__ import annotations

from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="sun_elevation",
        group="illumination",
        kind="linear",
        unit="degrees",
        meaning="sun above the horizon",
        values=(5.0, 15.0, 30.0, 45.0, 60.0, 75.0),
        range=(1.0, 90.0),
        default=45.0,
        applies_in=frozenset({"backdrop", "site", "indoors"}),
    ),
    FactorDeclaration(
        key="sun_rotation",
        group="illumination",
        kind="cyclic",
        unit="degrees",
        period=360.0,
        meaning="azimuth of the sun, counter-clockwise from above; 0 is behind the camera",
        values=(0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0),
        range=(0.0, 360.0),
        default=45.0,
        applies_in=frozenset({"backdrop", "site", "indoors"}),
    ),
    FactorDeclaration(
        key="sky",
        group="illumination",
        kind="categorical",
        meaning="clear with fair-weather clouds, or overcast: the sun hidden by a closed layer",
        values=("clear", "overcast"),
        default="clear",
        applies_in=frozenset({"site", "indoors"}),
    ),
)
