"""What the plot of trajectories shows: every property as a function of how far training got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dmlbench.scores.registry import MAIN, declared


@dataclass(frozen=True)
class TrajectoryLine:
    """A loss along its training, mean over folds.

    Attributes:
        levels: MAP@R on the validation classes.
        scores: the score of the property.
    """

    title: str
    group: str
    levels: Sequence[float]
    scores: Sequence[float]


@dataclass(frozen=True)
class TrajectoryPanel:
    """One property.

    Attributes:
        untrained: (MAP@R, score) of the untrained network; None without that control.
    """

    name: str
    lines: Sequence[TrajectoryLine]
    untrained: tuple[float, float] | None


@dataclass(frozen=True)
class TrajectoryPlot:
    """All properties, one panel each."""

    panels: Sequence[TrajectoryPanel]
    level: str = declared("map_at_r").title
    score: str = MAIN.title

    @property
    def title(self) -> str:
        """The title of the plot, which also names its files."""
        return "Properties along training"
