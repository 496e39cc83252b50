"""AMI and NMI: does k-means, given the number of labels, find the labels again?

Protocol section 3; AMI: Vinh et al., "Information Theoretic Measures for Clusterings Comparison",
JMLR 2010.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores._kernels.parallel import one_thread_each
from dmlbench.scores.jackknife import GROUPS
from dmlbench.scores.labels import Labels
from dmlbench.scores.options import Options
from dmlbench.scores.score import ABSENT, Scores, make_score
from dmlbench.scores.uncertainty import generator, permuted_codes
from dmldata.common.arrays import Floats, Ints

MAX_IMAGES = 10_000
"""Maximum number of images that are clustered (a seeded subset of more)."""
MAX_LABELS = 1_000
"""Maximum number of labels, hence of clusters (the images of a seeded subset of more).

Thousands of labels leave one or two images of each among 10,000, and then k-means finds little but
pairs, in minutes.
"""
STARTS = 3
KEYS = ("ami", "nmi")


def cluster_scores(
    embeddings: Floats, labels: Mapping[str, Labels], options: Options
) -> dict[str, Scores]:
    """Return `ami` and `nmi`, by property.

    Normalized embeddings of the images whose label occurs at least twice (of a seeded 1,000 such
    labels, and a seeded 10,000 of these images, if there are more) are clustered into as many
    clusters as these images have labels. Properties of the same images with as many labels share
    a clustering.
    """
    step = options.stage("clusters", len(labels))
    seed = int(generator(options.seed, "k-means").integers(2**31))
    clusterings: dict[tuple[int, bytes], Clustering] = {}
    result: dict[str, Scores] = {}
    for name, coded in labels.items():
        repeated = np.flatnonzero(coded.sizes >= 2)
        chosen_labels = options.choose(repeated, MAX_LABELS, "labels of clusters")
        usable = np.flatnonzero(np.isin(coded.codes, chosen_labels))
        rows = options.choose_images(coded.rows[usable], MAX_IMAGES, "clusters")
        chosen = np.searchsorted(coded.rows, rows)
        distinct, codes = np.unique(coded.codes[chosen], return_inverse=True)
        if len(distinct) < 2:
            result[name] = dict.fromkeys(KEYS, ABSENT)
        else:
            key = (len(distinct), rows.tobytes())
            if key not in clusterings:
                x = unit_rows(embeddings[rows]).astype(np.float32)
                clusterings[key] = cluster(x, len(distinct), seed, options.groups_of(rows))
            rng = generator(options.seed, "chance of clusters", name)
            scenes = options.scenes_of(rows)
            permuted = permuted_codes(codes, options.permutations, rng, scenes)
            agreed = agreement(codes, clusterings[key], permuted)
            result[name] = {
                score: make_score(
                    score, agreed.values[score], agreed.replicates[score], agreed.permuted[score]
                )
                for score in KEYS
            }
        step(1)
    return result


@dataclass(frozen=True)
class Clustering:
    """k-means clusters of all images, and of the images without each jackknife group.

    Attributes:
        clusters: [n] cluster of each image.
        replicates: for each group, the images without it (bool [n]) and the clusters of these;
            empty without groups, and where one of them leaves fewer images than clusters.
    """

    clusters: Ints
    replicates: list[tuple[NDArray[np.bool_], Ints]]


def cluster(x: Floats, k: int, seed: int, groups: Ints | None = None) -> Clustering:
    """Cluster the rows of x [n, D], n >= k, by k-means from three seeded k-means++ starts.

    With `groups` [n] (0..19), each group is dropped in turn and k-means goes on from the centers
    of all images. Starting afresh would count the luck of the start once per group, which the
    jackknife then multiplies by 19. The interval is that of the score for this number of images:
    k-means finds more where there are more, so on few images AMI and NMI fall short of what many
    would give.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(), one_thread_each():
        # Fewer distinct points than clusters: this clustering is the right one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        best = KMeans(k, n_init=STARTS, random_state=seed).fit(x)
        masks = [] if groups is None else [groups != group for group in range(GROUPS)]
        replicates = []
        if all(int(mask.sum()) >= k for mask in masks):
            for mask in masks:
                again = KMeans(k, n_init=1, init=best.cluster_centers_).fit(x[mask])
                replicates.append((mask, _without_gaps(again.labels_)))
        return Clustering(_without_gaps(best.labels_), replicates)


@dataclass(frozen=True)
class Agreement:
    """AMI and NMI of labels with clusters: the value, jackknife replicates and permutations."""

    values: dict[str, float]
    replicates: dict[str, NDArray[np.float64]]
    permuted: dict[str, NDArray[np.float64]]


def agreement(codes: Ints, clustering: Clustering, permuted: Iterable[Ints] = ()) -> Agreement:
    """Return AMI and NMI (by the arithmetic mean of entropies) of label codes [n] with clusters.

    A permutation of the labels keeps the sizes of labels and clusters, so that only the mutual
    information changes with it.
    """
    margins = _Margins.of(codes, clustering.clusters)
    replicates = []
    for mask, clusters in clustering.replicates:
        part = codes[mask]
        replicates.append(_Margins.of(part, clusters).scores(part, clusters))
    return Agreement(
        values=dict(zip(KEYS, margins.scores(codes, clustering.clusters), strict=True)),
        replicates=_columns(replicates),
        permuted=_columns([margins.scores(order, clustering.clusters) for order in permuted]),
    )


@dataclass(frozen=True)
class _Margins:
    """What the sizes of labels and clusters decide: entropies and the expected information."""

    labels: float
    clusters: float
    expected: float

    @classmethod
    def of(cls, codes: Ints, clusters: Ints) -> _Margins:
        from scipy.sparse import coo_matrix
        from sklearn.metrics.cluster import expected_mutual_information

        distinct, cell = np.unique(codes, return_inverse=True)
        table = coo_matrix((np.ones(len(codes), np.int64), (cell, clusters))).tocsr()
        expected = float(expected_mutual_information(table, len(codes)))
        # A single label has no entropy, which its rounded logarithm would hide.
        entropy = _entropy(codes) if len(distinct) > 1 else 0.0
        return cls(entropy, _entropy(clusters), expected)

    def scores(self, codes: Ints, clusters: Ints) -> tuple[float, float]:
        """Return AMI and NMI for labels and clusters of these sizes; NaN for a single label."""
        if self.labels == 0:
            return float("nan"), float("nan")
        joint = _entropy(codes.astype(np.int64) * (int(clusters.max()) + 1) + clusters)
        information = self.labels + self.clusters - joint
        mean = (self.labels + self.clusters) / 2
        room = mean - self.expected
        adjusted = (information - self.expected) / room if abs(room) > 1e-12 else 0.0
        return adjusted, information / mean


def _entropy(codes: Ints) -> float:
    """Return the entropy (natural logarithm) of the sizes of the groups that equal codes form."""
    counts = np.unique(codes, return_counts=True)[1]
    share = counts / len(codes)
    return float(-(share * np.log(share)).sum())


def _columns(pairs: list[tuple[float, float]]) -> dict[str, NDArray[np.float64]]:
    table = np.array(pairs, dtype=np.float64).reshape(len(pairs), len(KEYS))
    return {name: table[:, i] for i, name in enumerate(KEYS)}


def _without_gaps(clusters: Ints) -> Ints:
    """Return clusters numbered without gaps: k-means leaves some empty where points repeat."""
    return np.unique(clusters, return_inverse=True)[1]
