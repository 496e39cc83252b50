"""Proportions of the car: see `dmlgen.derive.shape`."""

from __future__ import annotations

from dmlgen.factors.declaration import FactorDeclaration

FACTORS = (
    FactorDeclaration(
        key="wheelbase",
        group="shape",
        kind="linear",
        meaning="scale of the length between the wheel arches; 1 is the car model's own",
        values=(0.93, 0.97, 1.0, 1.04, 1.08),
        range=(0.8, 1.25),
        default=1.0,
    ),
    FactorDeclaration(
        key="bonnet_length",
        group="shape",
        kind="linear",
        meaning="scale of the bonnet behind the front arches; 1 is the car model's own",
        values=(0.88, 1.0, 1.12),
        range=(0.7, 1.4),
        default=1.0,
    ),
    FactorDeclaration(
        key="front_overhang",
        group="shape",
        kind="linear",
        meaning="scale of the length before the front arches; 1 is the car model's own",
        values=(0.88, 1.0, 1.12),
        range=(0.7, 1.3),
        default=1.0,
    ),
    FactorDeclaration(
        key="rear_overhang",
        group="shape",
        kind="linear",
        meaning="scale of the length behind the rear arches; 1 is the car model's own",
        values=(0.8, 1.0, 1.25),
        range=(0.6, 1.5),
        default=1.0,
    ),
    FactorDeclaration(
        key="roof_height",
        group="shape",
        kind="linear",
        meaning="scale of the height from belt to roof; 1 is the car model's own",
        values=(0.88, 0.94, 1.0, 1.08, 1.16),
        range=(0.75, 1.35),
        default=1.0,
    ),
    FactorDeclaration(
        key="body_width",
        group="shape",
        kind="linear",
        meaning="scale of the width; 1 is the car model's own",
        values=(0.97, 1.0, 1.04),
        range=(0.9, 1.12),
        default=1.0,
    ),
    FactorDeclaration(
        key="ride_height",
        group="shape",
        kind="linear",
        unit="meters",
        meaning="body lifted above its wheels",
        values=(0.0, 0.03, 0.06),
        range=(-0.03, 0.12),
        default=0.0,
    ),
)
