"""What a plot of lines shows: a score of every loss as a function of something, panel by panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A score of a loss, mean over folds.

    Attributes:
        group: decides its color; empty for the untrained network.
        places: what the score is a function of.
        scores: as many as places.
        dot: (place, score) that is marked; it need not be on the line.
    """

    title: str
    group: str
    places: Sequence[float]
    scores: Sequence[float]
    dot: tuple[float, float] | None = None


@dataclass(frozen=True)
class LinePanel:
    """Lines that are compared with each other.

    Attributes:
        untrained: the untrained network, a line or a single point; None without that control.
    """

    name: str
    lines: Sequence[Line]
    untrained: Line | None


@dataclass(frozen=True)
class LinePlot:
    """Panels beside and below each other.

    Attributes:
        title: title of the plot, which also names its files.
        place, score: what the axes are.
        shares_places: whether all panels have the same axis of places.
    """

    title: str
    place: str
    score: str
    panels: Sequence[LinePanel]
    shares_places: bool
