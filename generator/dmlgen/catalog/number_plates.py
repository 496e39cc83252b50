"""Number plates of several countries: their size, colors and the form of their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Color: TypeAlias = tuple[int, int, int]
FONT = "fonts/barlow-condensed/BarlowCondensed-SemiBold.ttf"
"""File of the letters, in the folder of scenes."""
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""Letters of invented numbers: without I, O and Q, which few countries use."""
DIGITS = "0123456789"
EUROPEAN = (0.52, 0.112)
AMERICAN = (0.305, 0.152)
"""Width and height in meters."""


@dataclass(frozen=True)
class PlateStyle:
    """How the plates of a country look.

    Attributes:
        size: width and height in meters.
        forms: numbers; `L` stands for a letter, `0` for a digit, and anything else for itself.
        ink: color of the number, sRGB 0..255.
        front, rear: color of the plate at each end of the car.
        band: letters on the blue band at the left; empty without one.
        header: words above the number, of which one is drawn; none without a header.
    """

    size: tuple[float, float]
    forms: tuple[str, ...]
    ink: Color
    front: Color
    rear: Color
    band: str = ""
    header: tuple[str, ...] = ()

    def number(self, rng: np.random.Generator) -> str:
        """Return an invented number."""
        form = self.forms[int(rng.integers(len(self.forms)))]
        drawn = {"L": LETTERS, "0": DIGITS}
        return "".join(
            drawn[sign][int(rng.integers(len(drawn[sign])))] if sign in drawn else sign
            for sign in form
        )


WHITE, BLACK_INK = (222, 222, 216), (20, 20, 24)
BLANK = "blank"
"""Value of the factor `number_plate` for the plates as they are in the car's file."""
PLATE_STYLES = {
    "germany": PlateStyle(
        EUROPEAN, ("L LL 000", "LL L 0000", "LLL LL 00"), BLACK_INK, WHITE, WHITE, band="D"
    ),
    "france": PlateStyle(EUROPEAN, ("LL-000-LL",), BLACK_INK, WHITE, WHITE, band="F"),
    "britain": PlateStyle(EUROPEAN, ("LL00 LLL",), BLACK_INK, WHITE, (222, 176, 34)),
    "spain": PlateStyle(EUROPEAN, ("0000 LLL",), BLACK_INK, WHITE, WHITE, band="E"),
    "united_states": PlateStyle(
        AMERICAN,
        ("0LLL000", "LLL 0000"),
        (24, 36, 92),
        (216, 222, 224),
        (216, 222, 224),
        header=("CALIFORNIA", "OHIO", "OREGON", "TEXAS", "VERMONT"),
    ),
}
"""Value of the factor `number_plate` -> style."""
