"""What the plot of a response curve shows: one factor, all models, distance and retrieval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dmlbench.present.response_tables import curves_by_factor
from dmlbench.results.files import Interventions
from dmlbench.scores.score import Score


@dataclass(frozen=True)
class ResponseLine:
    """The curve of one model: scores at sizes of the change."""

    label: str
    sizes: Sequence[float]
    response: Sequence[Score]
    retrieval: Sequence[Score]


@dataclass(frozen=True)
class ResponsePlot:
    """The curves of one factor.

    Attributes:
        expected: retrieval of random embeddings at each size of the first line.
    """

    factor: str
    unit: str
    lines: Sequence[ResponseLine]
    expected: Sequence[float | None]

    @property
    def title(self) -> str:
        """The title of the plot, which also names its files."""
        return f"Response to {self.factor}"


def response_plots(interventions: Mapping[str, Interventions]) -> Iterator[ResponsePlot]:
    """Yield a plot per factor whose changes have a size.

    Args:
        interventions: by label of the model.
    """
    for factor, curves in curves_by_factor(interventions).items():
        lines = []
        for label, curve in curves.items():
            sized = [(point.size, point) for point in curve.points if point.size is not None]
            lines.append(
                ResponseLine(
                    label,
                    [size for size, _ in sized],
                    [point.response for _, point in sized],
                    [point.retrieval for _, point in sized],
                )
            )
        first = next(iter(curves.values()))
        if lines[0].sizes:
            expected = [point.retrieval_expected for point in first.points]
            yield ResponsePlot(factor, first.unit, lines, expected)
