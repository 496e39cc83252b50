"""Colors that stand for numbers, safe for color-blind eyes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.colors import to_hex

GRAY, GRAY_INK = "#e4e4e4", "#595959"
DARK_INK, LIGHT_INK = "#000000", "#ffffff"
_PALEST, _DARKEST = 0.04, 0.86


@dataclass(frozen=True)
class Scale:
    """Colors of numbers: the palest at `origin`, blue above it, orange below.

    Attributes:
        limit: above `origin`; what lies beyond has the color of the limit.
        low: where the legend begins, at most `origin`; what lies below has the color of `low`.
        root: color by the square root of the distance from the origin, so that small values stay
            apart beside large ones.
    """

    limit: float
    low: float = 0.0
    origin: float = 0.0
    root: bool = False

    def color(self, value: float) -> str:
        """As #rrggbb.

        >>> Scale(1.0).color(0.0), Scale(1.0).color(2.0) == Scale(1.0).color(1.0)
        ('#eff6fc', True)
        """
        away = max(value, self.low) - self.origin
        share = min(abs(away) / (self.limit - self.origin), 1.0)
        depth = _PALEST + (_DARKEST - _PALEST) * (math.sqrt(share) if self.root else share)
        return to_hex(colormaps["Blues" if away >= 0 else "Oranges"](depth))

    @property
    def stops(self) -> list[str]:
        """Colors from `low` to the limit at equal steps, for a legend."""
        return [self.color(self.low + self._span * step / 16) for step in range(17)]

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """(value, position in percent) of marks under the legend, where they do not collide."""
        values = [self.origin, (self.origin + self.limit) / 2, self.limit]
        if self.origin - self.low > 0.15 * self._span:
            values = [self.low, *values]
        return [(value, 100 * (value - self.low) / self._span) for value in values]

    @property
    def _span(self) -> float:
        return self.limit - self.low


def scale_for(values: Iterable[float], *, root: bool) -> Scale:
    """A scale around 0 that holds the values."""
    known = [*values, 0.0]
    return Scale(max(map(abs, known)) or 1.0, low=min(known), root=root)


def ink_on(color: str) -> str:
    """The color of text that can be read on `color`: the one with the higher contrast (WCAG)."""
    return max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, color))


def contrast(a: str, b: str) -> float:
    """Contrast of two colors as WCAG 2 defines it: 1 to 21, 4.5 or more is easy to read."""
    dark, light = sorted((_luminance(a), _luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
