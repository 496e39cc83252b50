"""AMI and NMI: does k-means, told how many labels there are, find the labels again?"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.parallel import one_thread_each
from dmlbench.scores.embeddings import Floats
from dmlbench.scores.jackknife import GROUPS
from dmlbench.scores.labels import Ints

MOST_IMAGES = 10_000
"""Images that are clustered at most (a seeded subset of more)."""
STARTS = 3
NAMES = ("ami", "nmi")


@dataclass(frozen=True)
class Clustering:
    """k-means clusters of the images, and of those that each jackknife group leaves.

    Attributes:
        clusters: [n] cluster of each image.
        replicates: for each group, the images kept (bool [n]) and the clusters of these; empty
            without groups, and where one of them leaves too few images to cluster.
    """

    clusters: Ints
    replicates: list[tuple[NDArray[np.bool_], Ints]]


def cluster(x: Floats, k: int, seed: int, groups: Ints | None = None) -> Clustering:
    """k-means of the rows of x [n, D], n >= k, from three seeded k-means++ starts.

    With `groups` [n] (0..19), each group is dropped in turn and k-means goes on from the centres
    of all images. Starting afresh would count the luck of the start once a group, which the
    jackknife then multiplies by 19. The interval is that of the score for this number of images:
    k-means finds more where there are more, so on few images AMI and NMI fall short of what many
    would give.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(), one_thread_each():
        # Fewer distinct points than clusters: the clustering found is the right one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        best = KMeans(k, n_init=STARTS, random_state=seed).fit(x)
        masks = [] if groups is None else [groups != group for group in range(GROUPS)]
        replicates = []
        if all(int(kept.sum()) >= k for kept in masks):
            for kept in masks:
                again = KMeans(k, n_init=1, init=best.cluster_centers_).fit(x[kept])
                replicates.append((kept, _distinct(again.labels_)))
        return Clustering(_distinct(best.labels_), replicates)


@dataclass(frozen=True)
class Agreement:
    """AMI and NMI of labels with clusters: the value, jackknife replicates and permutations."""

    values: dict[str, float]
    replicates: dict[str, NDArray[np.float64]]
    permuted: dict[str, NDArray[np.float64]]


def agreement(codes: Ints, clustering: Clustering, permuted: Iterable[Ints] = ()) -> Agreement:
    """AMI and NMI (arithmetic mean of the entropies) of label codes [n] with a clustering.

    A permutation of the labels keeps the sizes of labels and clusters, so that only the mutual
    information changes with it.
    """
    margins = _Margins.of(codes, clustering.clusters)
    replicates = []
    for kept, clusters in clustering.replicates:
        part = codes[kept]
        replicates.append(_Margins.of(part, clusters).scores(part, clusters))
    return Agreement(
        values=dict(zip(NAMES, margins.scores(codes, clustering.clusters), strict=True)),
        replicates=_columns(replicates),
        permuted=_columns([margins.scores(one, clustering.clusters) for one in permuted]),
    )


@dataclass(frozen=True)
class _Margins:
    """What the sizes of labels and clusters decide."""

    labels: float
    clusters: float
    expected: float

    @classmethod
    def of(cls, codes: Ints, clusters: Ints) -> _Margins:
        from scipy.sparse import coo_matrix
        from sklearn.metrics.cluster import expected_mutual_information

        found, cell = np.unique(codes, return_inverse=True)
        table = coo_matrix((np.ones(len(codes), np.int64), (cell, clusters))).tocsr()
        expected = float(expected_mutual_information(table, len(codes)))
        # A single label has no entropy, which its rounded logarithm would hide.
        entropy = _entropy(codes) if len(found) > 1 else 0.0
        return cls(entropy, _entropy(clusters), expected)

    def scores(self, codes: Ints, clusters: Ints) -> tuple[float, float]:
        """AMI and NMI of labels and clusters of these sizes; NaN where there is only one label."""
        if self.labels == 0:
            return float("nan"), float("nan")
        joint = _entropy(codes.astype(np.int64) * (int(clusters.max()) + 1) + clusters)
        information = self.labels + self.clusters - joint
        mean = (self.labels + self.clusters) / 2
        room = mean - self.expected
        adjusted = (information - self.expected) / room if abs(room) > 1e-12 else 0.0
        return adjusted, information / mean


def _entropy(codes: Ints) -> float:
    """Entropy (natural logarithm) of the sizes of the groups that equal codes form."""
    counts = np.unique(codes, return_counts=True)[1]
    share = counts / len(codes)
    return float(-(share * np.log(share)).sum())


def _columns(pairs: list[tuple[float, float]]) -> dict[str, NDArray[np.float64]]:
    table = np.array(pairs, dtype=np.float64).reshape(len(pairs), len(NAMES))
    return {name: table[:, i] for i, name in enumerate(NAMES)}


def _distinct(clusters: Ints) -> Ints:
    """Clusters numbered without gaps: k-means leaves some empty where points repeat."""
    return np.unique(clusters, return_inverse=True)[1]
