"""Colours that stand for numbers: blue above zero, orange below, safe for colour-blind eyes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib import colormaps

GREY, GREY_INK = "#e4e4e4", "#595959"
DARK_INK, LIGHT_INK = "#000000", "#ffffff"
_PALEST, _DARKEST = 0.04, 0.86


@dataclass(frozen=True)
class Scale:
    """Colours of numbers from -limit to limit.

    Attributes:
        limit: above 0; what lies beyond has the colour of the limit.
        root: colour by the square root of the magnitude, so that small values stay apart beside
            large ones.
    """

    limit: float
    root: bool = False

    def colour(self, value: float) -> str:
        """As #rrggbb.

        >>> Scale(1.0).colour(0.0), Scale(1.0).colour(2.0) == Scale(1.0).colour(1.0)
        ('#eff6fc', True)
        """
        share = min(abs(value) / self.limit, 1.0)
        depth = _PALEST + (_DARKEST - _PALEST) * (math.sqrt(share) if self.root else share)
        return _hex(colormaps["Blues" if value >= 0 else "Oranges"](depth)[:3])

    def stops(self, low: float) -> list[str]:
        """Colours from `low` to the limit at equal steps, for a legend."""
        return [self.colour(low + (self.limit - low) * step / 16) for step in range(17)]

    def ticks(self, low: float) -> list[tuple[float, float]]:
        """(value, position in percent) of marks under the legend, where they do not collide."""
        span = self.limit - low
        values = [0.0, self.limit / 2, self.limit]
        if -low > 0.15 * span:
            values = [low, *values]
        return [(value, 100 * (value - low) / span) for value in values]


def scale_for(values: Iterable[float], *, root: bool) -> tuple[Scale, float]:
    """A scale that holds the values, and the low end of its legend (0 where none is negative)."""
    known = [*values, 0.0]
    limit = max(map(abs, known)) or 1.0
    return Scale(limit, root), min(known)


def ink_on(colour: str) -> str:
    """The colour of text that can be read on `colour`: the one with the higher contrast (WCAG)."""
    return max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """Contrast of two colours as WCAG 2 defines it: 1 to 21, 4.5 or more is easy to read."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(parts: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
