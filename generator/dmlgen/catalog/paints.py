"""Paints that cars in traffic have: names for a color and a finish together."""

from __future__ import annotations

from typing import NamedTuple

MIXED = "mixed"
"""The paint whose color and finish are factors of their own."""


class Paint(NamedTuple):
    """A paint: hue, saturation and value (HSV, sRGB, 0..1 each), and finish."""

    hue: float
    saturation: float
    value: float
    finish: str


PAINTS = {
    "white": Paint(0.12, 0.02, 0.78, "solid"),
    "pearl_white": Paint(0.11, 0.04, 0.76, "pearl"),
    "silver": Paint(0.58, 0.02, 0.70, "metallic"),
    "light_gray": Paint(0.60, 0.04, 0.52, "metallic"),
    "gray": Paint(0.60, 0.05, 0.36, "metallic"),
    "dark_gray": Paint(0.61, 0.08, 0.22, "metallic"),
    "black": Paint(0.62, 0.05, 0.06, "solid"),
    "metallic_black": Paint(0.62, 0.08, 0.09, "metallic"),
    "dark_blue": Paint(0.62, 0.68, 0.22, "metallic"),
    "blue": Paint(0.60, 0.72, 0.48, "metallic"),
    "light_blue": Paint(0.57, 0.30, 0.62, "metallic"),
    "red": Paint(0.99, 0.90, 0.58, "solid"),
    "dark_red": Paint(0.98, 0.75, 0.32, "metallic"),
    "green": Paint(0.42, 0.50, 0.22, "metallic"),
    "brown": Paint(0.07, 0.45, 0.24, "metallic"),
    "beige": Paint(0.11, 0.18, 0.62, "metallic"),
    "yellow": Paint(0.13, 0.85, 0.85, "solid"),
    "orange": Paint(0.05, 0.88, 0.75, "metallic"),
}
"""Name -> paint."""
