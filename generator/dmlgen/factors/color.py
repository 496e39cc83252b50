"""Color of the paint."""

from __future__ import annotations

from dmlgen.catalog.paints import MIXED, PAINTS
from dmlgen.factors.declaration import FactorDeclaration, Needed

MIXED_PAINT = Needed("paint", MIXED)

FACTORS = (
    FactorDeclaration(
        key="paint",
        group="paint",
        kind="categorical",
        meaning="a paint as in traffic, or mixed: color and finish are factors of their own",
        values=(MIXED, *PAINTS),
        default=MIXED,
    ),
    FactorDeclaration(
        key="paint_hue",
        group="color",
        kind="cyclic",
        period=1.0,
        meaning="hue of the paint (HSV)",
        needs=MIXED_PAINT,
        values=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        default=0.6,
    ),
    FactorDeclaration(
        key="paint_saturation",
        group="color",
        kind="linear",
        meaning="saturation of the paint (HSV)",
        needs=MIXED_PAINT,
        values=(0.1, 0.3, 0.5, 0.7, 0.9),
        default=0.7,
    ),
    FactorDeclaration(
        key="paint_value",
        group="color",
        kind="linear",
        meaning="value of the paint (HSV)",
        needs=MIXED_PAINT,
        values=(0.1, 0.3, 0.5, 0.7, 0.9),
        default=0.5,
    ),
)
