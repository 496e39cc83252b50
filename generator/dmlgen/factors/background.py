"""Color of the backdrop."""

from __future__ import annotations

from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="background_hue",
        group="background",
        kind="cyclic",
        period=1.0,
        meaning="hue of the backdrop (HSV)",
        values=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        default=0.6,
        applies_in=frozenset({"backdrop", "studio"}),
    ),
    FactorDeclaration(
        key="background_saturation",
        group="background",
        kind="linear",
        meaning="saturation of the backdrop (HSV)",
        values=(0.1, 0.3, 0.5, 0.7, 0.9),
        default=0.1,
        applies_in=frozenset({"backdrop", "studio"}),
    ),
    FactorDeclaration(
        key="background_value",
        group="background",
        kind="linear",
        meaning="value of the backdrop (HSV)",
        values=(0.25, 0.4, 0.55, 0.7, 0.85),
        default=0.7,
        applies_in=frozenset({"backdrop", "studio"}),
    ),
)
