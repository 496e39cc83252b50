"""Find images whose nearest neighbor has another label."""

from __future__ import annotations

import numpy as np

from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.labels import Labels
from dmldata.common.arrays import Floats

MAX_QUERIES = 2000
"""Maximum number of queries that are searched; a model that is rarely wrong may have few pairs."""

_BLOCK = 100


def wrong_neighbors(
    embeddings: Floats, labels: Labels, count: int, *, seed: int
) -> list[tuple[int, int]]:
    """Return images and their nearest neighbors of another label, as rows (query, neighbor).

    Nearest is by the angle between embeddings, as for all scores. Neighbors from the query's own
    scene are left out for labels that belong to scenes. No image is in two pairs.

    Args:
        embeddings: [N, D].
        labels: labels of one property; images without a label are neither query nor neighbor, and
            no label that no other unit has is a query's.
        count: maximum number of pairs.
        seed: decides the order in which queries are searched.

    >>> from dmlbench.scores.labels import encode_labels
    >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.9]])
    >>> wrong_neighbors(x, encode_labels(["a", "b", "a", "b"], 4), 1, seed=0)
    [(2, 3)]
    """
    points = prepare_points(check_embeddings(embeddings[labels.rows]), normalize=True)
    queries = np.random.default_rng(seed).permutation(np.flatnonzero(labels.queries))[:MAX_QUERIES]
    pairs: list[tuple[int, int]] = []
    seen: set[int] = set()
    for block in np.split(queries, range(_BLOCK, len(queries), _BLOCK)):
        distances = points.squared_distances(block)
        distances[labels.units[block][:, None] == labels.units] = np.inf
        for query, neighbor in zip(block.tolist(), distances.argmin(axis=1).tolist(), strict=True):
            wrong = labels.codes[query] != labels.codes[neighbor]
            if wrong and seen.isdisjoint((query, neighbor)):
                seen |= {query, neighbor}
                pairs.append((int(labels.rows[query]), int(labels.rows[neighbor])))
                if len(pairs) == count:
                    return pairs
    return pairs
