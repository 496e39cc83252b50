"""Layout of the clustering of the models as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dmlbench.comparison import Comparison
from dmlbench.present.numbers import number

ROW, SPAN = 24, 360
"""Height of a model's row and width of the tree, in pixels."""


@dataclass(frozen=True)
class Join:
    """A merge: hover text, and corners (x, y) of its line from the upper to the lower branch."""

    points: Sequence[tuple[float, float]]
    hover: str

    @property
    def path(self) -> str:
        """Path data for SVG."""
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Dendrogram:
    """A tree with its leaves on the right, as (label, y), and joins at the x of their r.

    Attributes:
        height: height in pixels.
        ticks: (r, x).
    """

    height: int
    leaves: Sequence[tuple[str, float]]
    joins: Sequence[Join]
    ticks: Sequence[tuple[str, float]]


def dendrogram(comparison: Comparison) -> Dendrogram | None:
    """Lay out the tree; None if no two models are clustered."""
    clustering = comparison.saliency.clustering if comparison.saliency else None
    if clustering is None or not clustering.merges:
        return None
    farthest = max(distance for *_, distance, _ in clustering.merges) or 1.0
    leaves = [model for model in clustering.order if model not in clustering.left_out]
    heights = {model: ROW * (place + 0.5) for place, model in enumerate(leaves)}

    def across(distance: float) -> float:
        return SPAN * (1 - distance / farthest)

    nodes = [(heights[model], float(SPAN)) for model in clustering.models]
    joins = []
    for left, right, distance, size in clustering.merges:
        (top, top_x), (bottom, bottom_x) = sorted((nodes[left], nodes[right]))
        x = across(distance)
        points = [(top_x, top), (x, top), (x, bottom), (bottom_x, bottom)]
        joins.append(Join(points, f"{size} models at r = {number(1 - distance, 3)}"))
        nodes.append(((top + bottom) / 2, x))
    return Dendrogram(
        height=ROW * len(leaves),
        leaves=[(comparison.label(model), heights[model]) for model in leaves],
        joins=joins,
        ticks=[(number(1 - at, 2), across(at)) for at in (0.0, farthest / 2, farthest)],
    )
