"""Lamps of the car."""

from __future__ import annotations

from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="lights_on",
        group="lights",
        kind="linear",
        meaning="brightness of head and tail lamps",
        values=(0.0, 1.0),
        default=0.0,
    ),
)
