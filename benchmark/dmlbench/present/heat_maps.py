"""What a heat map of a page and of a figure is: cells with colors of both themes, and a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from dmlbench.comparison import Pair
from dmlbench.present.color_scales import (
    DARK_GRAY,
    DARK_GRAY_INK,
    GRAY,
    GRAY_INK,
    Scale,
    ink_on,
)
from dmlbench.present.numbers import NONE, number

BELOW_ZERO = "below 0: fewer neighbors with the same label than a random order has"


@dataclass(frozen=True)
class Gauge:
    """A correlation and its bounds, as percentages of the range 0 to 1."""

    floor: float
    ceiling: float
    value: float


@dataclass(frozen=True)
class Cell:
    """One cell of a heat map.

    Attributes:
        text: the printed value.
        hover: hover text with all details.
        background, ink: colors of the cell and its text.
        dark_background, dark_ink: these colors in the dark theme of a page.
        below: a second, smaller line.
        marked: whether the model may be the best of its property; see `Comparison.leaders`.
    """

    text: str
    hover: str = ""
    background: str = "#ffffff"
    ink: str = "#1a1a1a"
    dark_background: str = "#15181c"
    dark_ink: str = "#e8eaed"
    below: str = ""
    gauge: Gauge | None = None
    marked: bool = False

    @classmethod
    def gray(cls, text: str, hover: str, **more: Any) -> Cell:
        """Return a gray cell, of a number that is not to be read."""
        return cls(text, hover, GRAY, GRAY_INK, DARK_GRAY, DARK_GRAY_INK, **more)


@dataclass(frozen=True)
class Legend:
    """Legend of the colors.

    Attributes:
        title: name of the numbers.
        stops: colors at equal steps.
        ticks: (text, position in percent) of the marks under the colors.
        gray: meaning of a gray cell; empty if there is none.
        orange: meaning of an orange cell; empty if there is none.
        marks: meaning of a bold, underlined number; empty if there is none.
    """

    title: str
    stops: Sequence[str]
    dark_stops: Sequence[str]
    ticks: Sequence[tuple[str, float]]
    gray: str = ""
    orange: str = ""
    marks: str = ""

    @property
    def gradient(self) -> str:
        """The colors as a CSS gradient."""
        return f"linear-gradient(to right, {', '.join(self.stops)})"

    @property
    def dark_gradient(self) -> str:
        """The colors of the dark theme as a CSS gradient."""
        return f"linear-gradient(to right, {', '.join(self.dark_stops)})"


@dataclass(frozen=True)
class Grid:
    """A heat map.

    Attributes:
        corner: name of what the rows are.
        rows: name and cells of each row.
        breaks: rows with a gap above them.
    """

    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    legend: Legend
    breaks: Sequence[int] = ()


def correlation_colors(pairs: Sequence[Pair]) -> tuple[Scale, Legend]:
    """Return the color scale of correlations, from the pairs' median floor to their median ceiling.

    Maps of different images already agree up to the floor. Missing bounds are 0 and 1.
    """
    floors = [pair.floor.value for pair in pairs if pair.floor.value is not None]
    ceilings = [pair.ceiling.value for pair in pairs if pair.ceiling.value is not None]
    floor, ceiling = median(floors or [0.0]), median(ceilings or [1.0])
    scale = Scale(ceiling if ceiling > floor else 1.0, low=floor, origin=floor)
    words = {floor: "floor"} if floors else {}
    if ceilings and ceiling > floor:
        words[ceiling] = "ceiling"
    return scale, legend_of("Pearson r of saliency maps", scale, 2, words)


def shaded(
    value: float | None,
    digits: int,
    scale: Scale,
    hover: str,
    *,
    below: str = "",
    gauge: Gauge | None = None,
) -> Cell:
    """Return a cell with a number on its color."""
    if value is None:
        return Cell(NONE, hover)
    light, dark = scale.color(value), scale.dark_color(value)
    colors = light, ink_on(light), dark, ink_on(dark)
    return Cell(number(value, digits), hover, *colors, below=below, gauge=gauge)


def legend_of(
    title: str,
    scale: Scale,
    digits: int,
    words: Mapping[float, str] | None = None,
    *,
    gray: str = "",
) -> Legend:
    """Return the legend of all colors of a scale.

    Args:
        words: names of special numbers under the legend.
        gray: meaning of a gray cell.
    """
    ticks = [
        (f"{(words or {}).get(value, '')} {number(value, digits)}".strip(), position)
        for value, position in scale.ticks
    ]
    light, dark = (list(map(color, scale.steps)) for color in (scale.color, scale.dark_color))
    return Legend(title, light, dark, ticks, gray)
