"""Kind and state of the paint."""

from __future__ import annotations

from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="paint_finish",
        group="finish",
        kind="categorical",
        meaning="kind of paint",
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
)
