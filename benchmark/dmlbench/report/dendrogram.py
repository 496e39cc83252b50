"""The clustering of the models as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dmlbench.compare import Comparison
from dmlbench.tables import number

ROW, SPAN = 24, 360
"""Height of a model's row and width of the tree, pixels."""


@dataclass(frozen=True)
class Join:
    """A merge drawn from right to left: SVG path data, and what it says."""

    path: str
    hover: str


@dataclass(frozen=True)
class Dendrogram:
    """Leaves on the right, as (label, y); joins lie at the x of their r.

    Attributes:
        height: pixels.
        ticks: (r, x).
    """

    height: int
    leaves: Sequence[tuple[str, float]]
    joins: Sequence[Join]
    ticks: Sequence[tuple[str, float]]


def dendrogram(comparison: Comparison) -> Dendrogram | None:
    """None where no two models are clustered."""
    found = comparison.saliency.clustering if comparison.saliency else None
    if found is None or not found.merges:
        return None
    farthest = max(distance for *_, distance, _ in found.merges) or 1.0
    leaves = [model for model in found.order if model not in found.left_out]
    heights = {model: ROW * (place + 0.5) for place, model in enumerate(leaves)}

    def across(distance: float) -> float:
        return SPAN * (1 - distance / farthest)

    nodes = [(heights[model], float(SPAN)) for model in found.models]
    joins = []
    for one, other, distance, size in found.merges:
        (top, top_x), (bottom, bottom_x) = sorted((nodes[one], nodes[other]))
        x = across(distance)
        path = f"M{top_x:.1f} {top:.1f}H{x:.1f}V{bottom:.1f}H{bottom_x:.1f}"
        joins.append(Join(path, f"{size} models at r = {number(1 - distance, 3)}"))
        nodes.append(((top + bottom) / 2, x))
    return Dendrogram(
        height=ROW * len(leaves),
        leaves=[(comparison.label(model), heights[model]) for model in leaves],
        joins=joins,
        ticks=[(number(1 - at, 2), across(at)) for at in (0.0, farthest / 2, farthest)],
    )
