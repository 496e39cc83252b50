"""Color scales for numbers that are safe for color-blind readers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.colors import to_hex

from dmldata.common.color import decode_srgb

GRAY, GRAY_INK = "#e4e4e4", "#595959"
DARK_INK, LIGHT_INK = "#000000", "#ffffff"
_PALEST, _DARKEST = 0.04, 0.86


@dataclass(frozen=True)
class Scale:
    """A color scale: palest at `origin`, blue above it, orange below.

    Attributes:
        limit: largest value, above `origin`; larger values have the color of the limit.
        low: smallest value, at most `origin`, where the legend begins; smaller values have the
            color of `low`.
        root: whether the color follows the square root of the distance from the origin, so that
            small values remain distinguishable next to large ones.
    """

    limit: float
    low: float = 0.0
    origin: float = 0.0
    root: bool = False

    def color(self, value: float) -> str:
        """Return the color of a value as #rrggbb.

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
        """(value, position in percent) of the marks under the legend that do not overlap."""
        values = [self.origin, (self.origin + self.limit) / 2, self.limit]
        if self.origin - self.low > 0.15 * self._span:
            values = [self.low, *values]
        return [(value, 100 * (value - self.low) / self._span) for value in values]

    @property
    def _span(self) -> float:
        return self.limit - self.low


def scale_for(values: Iterable[float], *, root: bool) -> Scale:
    """Return a scale around 0 that covers the values."""
    known = [*values, 0.0]
    return Scale(max(map(abs, known)) or 1.0, low=min(known), root=root)


def ink_on(color: str) -> str:
    """Return the color of text on `color`: the one with the higher contrast (WCAG)."""
    return max((DARK_INK, LIGHT_INK), key=lambda ink: contrast(ink, color))


def contrast(a: str, b: str) -> float:
    """Return the contrast of two colors by WCAG 2: 1 to 21; 4.5 or more is easy to read."""
    dark, light = sorted((_luminance(a), _luminance(b)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (float(decode_srgb(part)) for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
