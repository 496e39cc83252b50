"""What a plot of dots shows: numbers with their intervals, a panel for each question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dmlbench.scores.jackknife import Interval


@dataclass(frozen=True)
class Dot:
    """A number.

    Attributes:
        row: name of its row; several dots may share one.
        group: decides its color; empty for gray.
        std: standard deviation over what the number is a mean of, such as folds.
        floor: what the number is read beside, such as a score without any signal.
    """

    row: str
    group: str
    value: float
    ci95: Interval | None = None
    std: float | None = None
    floor: float | None = None


@dataclass(frozen=True)
class DotPanel:
    """Dots that are compared with each other.

    Attributes:
        marks: values of vertical lines by name.
    """

    title: str
    dots: Sequence[Dot]
    marks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class DotPlot:
    """Panels beside and below each other; all have the rows of all.

    Attributes:
        title: title of the plot, which also names its files.
        axis: what the numbers are.
        floor: what the floors of dots are.
        columns: number of panels beside each other.
    """

    title: str
    axis: str
    panels: Sequence[DotPanel]
    columns: int
    floor: str = ""

    @property
    def rows(self) -> list[str]:
        """Names of the rows, from the top."""
        return list(dict.fromkeys(dot.row for panel in self.panels for dot in panel.dots))
