"""Color scales for numbers that are safe for color-blind readers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_hex

from dmldata.common.color import decode_srgb

GRAY, GRAY_INK = "#e4e4e4", "#595959"
DARK_GRAY, DARK_GRAY_INK = "#30363d", "#b4bac2"
ORANGE = "#fdae6b"
"""Of values below the origin, where a legend names them."""
DARK_INK, LIGHT_INK = "#000000", "#ffffff"
_PALEST, _DARKEST = 0.04, 0.86
_DARK_BLUES = LinearSegmentedColormap.from_list("blues", ["#252b31", "#1f6fb5", "#a8d4ff"])
_DARK_ORANGES = LinearSegmentedColormap.from_list("oranges", ["#252b31", "#b35314", "#ffc48a"])
"""Colors of the dark theme, where the brightest is the farthest from the origin."""


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
        depth = _PALEST + (_DARKEST - _PALEST) * self._share(value)
        return to_hex(colormaps["Oranges" if self._is_below(value) else "Blues"](depth))

    def dark_color(self, value: float) -> str:
        """Return the color of a value in the dark theme as #rrggbb.

        >>> Scale(1.0).dark_color(0.0), Scale(1.0).dark_color(1.0)
        ('#252b31', '#a8d4ff')
        """
        colors = _DARK_ORANGES if self._is_below(value) else _DARK_BLUES
        return to_hex(colors(self._share(value)))

    def _is_below(self, value: float) -> bool:
        return max(value, self.low) < self.origin

    def _share(self, value: float) -> float:
        """Return how far a value is from the origin: 0 to 1, where its color is deepest."""
        away = max(value, self.low) - self.origin
        share = min(abs(away) / (self.limit - self.origin), 1.0)
        return math.sqrt(share) if self.root else share

    @property
    def steps(self) -> list[float]:
        """Values from `low` to the limit at equal steps, for a legend."""
        return [self.low + self._span * step / 16 for step in range(17)]

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
