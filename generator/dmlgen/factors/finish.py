"""Kind and state of the paint."""

from __future__ import annotations

from dmlgen.catalog.number_plates import BLANK, PLATE_STYLES
from dmlgen.factors.color import MIXED_PAINT
from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="paint_finish",
        group="finish",
        kind="categorical",
        meaning="kind of paint",
        needs=MIXED_PAINT,
        values=("solid", "metallic", "pearl", "matte"),
        default="metallic",
    ),
    FactorDeclaration(
        key="dirt",
        group="finish",
        kind="linear",
        meaning="dust and mud on the car; 0 is clean",
        values=(0.0, 0.4, 0.8),
        default=0.0,
    ),
    FactorDeclaration(
        key="number_plate",
        group="plate",
        kind="categorical",
        meaning="blank number plates, or an invented number per scene in the style of a country",
        values=(BLANK, *PLATE_STYLES),
        default=BLANK,
    ),
)
