"""Hierarchical clustering of models by the correlation of their saliency maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from dmldata.common.arrays import Floats
from dmldata.common.strict import StrictModel


class Clustering(StrictModel):
    """Clustering by average linkage on 1 - r.

    Attributes:
        models: the leaves 0, 1, ...
        merges: as returned by `scipy.cluster.hierarchy.linkage`: two nodes, the distance 1 - r at
            which they merge, and the number of models below; the n-th merge is node
            len(models) + n.
        order: all models, similar ones side by side (optimal leaf ordering: Bar-Joseph et al.
            2001), then those left out.
        left_out: models that lack a correlation with one of the clustered models.
    """

    method: Literal["average"] = "average"
    distance: Literal["1 - r"] = "1 - r"
    models: tuple[str, ...]
    merges: tuple[tuple[int, int, float, int], ...]
    order: tuple[str, ...]
    left_out: tuple[str, ...]


def cluster_models(
    models: Sequence[str], correlations: Mapping[frozenset[str], float | None]
) -> Clustering:
    """Cluster models by the correlation of each pair.

    Args:
        models: ids of the models; their order makes no difference.
        correlations: mean correlation by pair of models; missing or None if it is not known.

    >>> pairs = {frozenset("ab"): 0.2, frozenset("ac"): 0.9, frozenset("bc"): 0.4}
    >>> clustering = cluster_models("abc", pairs)
    >>> clustering.order, round(clustering.merges[1][2], 6)
    (('b', 'c', 'a'), 0.7)
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    ordered = sorted(models)
    matrix = np.array(
        [
            [_distance(correlations, row_model, column_model) for column_model in ordered]
            for row_model in ordered
        ]
    )
    complete = _complete(matrix)
    leaves = [ordered[row] for row in complete]
    left_out = tuple(model for model in ordered if model not in leaves)
    merges, order = np.empty((0, 4)), np.arange(len(leaves))
    if len(leaves) > 1:
        condensed = squareform(matrix[np.ix_(complete, complete)], checks=False)
        merges = linkage(condensed, method="average", optimal_ordering=True)
        order = leaves_list(merges)
    return Clustering(
        models=tuple(leaves),
        merges=tuple((int(a), int(b), float(at), int(size)) for a, b, at, size in merges),
        order=(*(leaves[leaf] for leaf in order), *left_out),
        left_out=left_out,
    )


def _distance(correlations: Mapping[frozenset[str], float | None], a: str, b: str) -> float:
    if a == b:
        return 0.0
    r = correlations.get(frozenset({a, b}))
    return float("nan") if r is None else max(1.0 - r, 0.0)


def _complete(matrix: Floats) -> list[int]:
    """Drop the row with most gaps until there are none, and return the remaining rows."""
    rows = list(range(len(matrix)))
    while True:
        gaps = np.isnan(matrix[np.ix_(rows, rows)]).sum(axis=1)
        if not gaps.any():
            return rows
        rows.pop(len(rows) - 1 - int(np.argmax(gaps[::-1])))
