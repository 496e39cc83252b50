"""Each score as a function of embeddings and labels: exact, over all queries, nothing else.

Every function takes embeddings [N, D] (float32 or float64) and labels [N] (integers, text, or
floats; NaN or None = no label there, and the image is left out), and returns None where the score
does not exist: a single label, or no label that occurs twice. Images whose label occurs once are
neighbors but no queries. `score_properties` scores many properties at once, with intervals.

Sources: protocol section 3; Kobs et al., "Do Different Deep Metric Learning Losses Lead to Similar
Learned Features?", ICCV 2021; R-Precision and MAP@R: Musgrave et al., "A Metric Learning Reality
Check", ECCV 2020.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from dmlbench.scores._kernels.counted_means import counted_means
from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores._kernels.formulas import FORMULAS, ScoreSet
from dmlbench.scores._kernels.ranked_means import Labeling, ranked_means
from dmlbench.scores._kernels.units import Units
from dmlbench.scores.clustering import cluster_scores
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.labels import LabelColumn, Property, encode_labels, property_values
from dmlbench.scores.options import Options
from dmlbench.scores.order import order_scores


def r_precision(
    embeddings: ArrayLike, labels: LabelColumn, *, normalize: bool = True
) -> float | None:
    """Return the share of a query's label among its R nearest neighbors, R other images with it.

    Returns:
        Mean of RP = H / R, in 0..1 (Musgrave et al. 2020).

    >>> r_precision([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [0, 0, 1, 1])
    1.0
    """
    return _counted("r_precision", embeddings, labels, normalize=normalize)


def nr_precision(
    embeddings: ArrayLike, labels: LabelColumn, *, normalize: bool = True
) -> float | None:
    """Return R-Precision in standard deviations of a random embedding's (Kobs et al. 2021).

    Returns:
        Mean of z = (H - Rp) / sqrt(Rp(1 - p)), p = share of the label among the N images; about 0
        at chance. Grows with sqrt(N): compare it between sets of one size only.

    >>> round(nr_precision([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [0, 0, 1, 1]), 6)
    1.0
    """
    return _counted("nr_precision", embeddings, labels, normalize=normalize)


def nr_precision_paper(embeddings: ArrayLike, labels: LabelColumn) -> float | None:
    """Return NR-Precision as the released code of Kobs et al. 2021 computes it.

    Embeddings are not normalized, at most 1,023 neighbors count, and p is the share of the label
    among the images whose label occurs at least twice.

    >>> round(nr_precision_paper([[1.0], [2.0], [7.0], [9.0]], [0, 0, 1, 1]), 6)
    1.0
    """
    return _counted("nr_precision_paper", embeddings, labels, normalize=False)


def arp(embeddings: ArrayLike, labels: LabelColumn, *, normalize: bool = True) -> float | None:
    """Return chance-adjusted R-Precision, comparable between sets of any size.

    Returns:
        Mean of (RP - q) / (1 - q), q = R / (N - 1): 1 = perfect, 0 = chance, below 0 = repelled.

    >>> round(arp([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.1, 1.0]], ["a", "a", "b", "b"]), 6)
    -0.5
    """
    return _counted("arp", embeddings, labels, normalize=normalize)


def precision_at_1(
    embeddings: ArrayLike, labels: LabelColumn, *, normalize: bool = True
) -> float | None:
    """Return the share of queries whose nearest neighbor has their label, in 0..1.

    Tied neighbors count by their share.

    >>> precision_at_1([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [0, 0, 1, None])
    1.0
    """
    return _counted("precision_at_1", embeddings, labels, normalize=normalize)


def map_at_r(embeddings: ArrayLike, labels: LabelColumn, *, normalize: bool = True) -> float | None:
    """Return mean average precision at R (Musgrave et al. 2020): R-Precision that rewards order.

    Ties count as the mean over all orders of the tied neighbors; neighbors are tied in runs whose
    successive squared distances differ by at most the tolerance (`neighbor_ranks.tie_groups`).

    Returns:
        Mean of 1/R sum over the hits among the R nearest of the precision up to the hit, in 0..1.

    >>> map_at_r([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [0, 0, 1, 1])
    1.0
    """
    array = check_embeddings(embeddings, normalize=normalize)
    coded = encode_labels(labels, len(array))
    if coded.reason is not None:
        return None
    points = prepare_points(array[coded.rows], normalize=normalize)
    units, labeling = Units.of(coded.units), Labeling(coded.codes)
    queries = np.arange(len(points))
    means = ranked_means(points, units, [labeling], queries, ScoreSet(True, False))[0]
    return _plain(means.values["map_at_r"])


def ami(embeddings: ArrayLike, labels: LabelColumn, *, seed: int = 0) -> float | None:
    """Return the adjusted mutual information of the labels and as many k-means clusters (seeded).

    Of normalized embeddings; images whose label occurs once are left out.

    Returns:
        At most 1 = the clusters are the labels; 0 = chance.

    >>> round(ami([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [0, 0, 1, 1]), 6)
    1.0
    """
    return _clustered("ami", embeddings, labels, seed)


def nmi(embeddings: ArrayLike, labels: LabelColumn, *, seed: int = 0) -> float | None:
    """Return normalized mutual information, as `ami` but not adjusted for chance: in 0..1.

    >>> round(nmi([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]], [0, 0, 1, 1]), 6)
    1.0
    """
    return _clustered("nmi", embeddings, labels, seed)


def distance_spearman(
    embeddings: ArrayLike, values: LabelColumn, *, period: float | None = None, seed: int = 0
) -> float | None:
    """Return the Spearman correlation of embedding and property distance over pairs of images.

    Args:
        embeddings: [N, D]; normalized before distances are taken.
        values: [N] floats, NaN = none; a seeded 2,000 of more images are used.
        period: length of the circle of a cyclic property, in the unit of the values.
        seed: chooses the images.

    Returns:
        In -1..1, 0 at chance; None where all distances are equal.

    >>> angle = np.radians([0.0, 90.0, 180.0, 270.0])
    >>> circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    >>> round(distance_spearman(circle, [0.0, 90.0, 180.0, 270.0], period=360.0), 6)
    1.0
    """
    array = check_embeddings(embeddings)
    prop = Property(values, "linear" if period is None else "cyclic", values, period)
    numbers = property_values(prop, len(array), "values")
    coded = encode_labels(numbers, len(array), "values")
    scores = order_scores(array, {"": coded}, {"": numbers}, {"": prop}, _plain_options(seed))
    return scores[""]["distance_spearman"].value


def _counted(
    key: str, embeddings: ArrayLike, labels: LabelColumn, *, normalize: bool
) -> float | None:
    array = check_embeddings(embeddings, normalize=normalize)
    coded = encode_labels(labels, len(array))
    if coded.reason is not None:
        return None
    points = prepare_points(array[coded.rows], normalize=normalize)
    normalized = FORMULAS[key].normalized
    units, labeling = Units.of(coded.units), Labeling(coded.codes)
    (means,) = counted_means(points, units, [labeling], ScoreSet(normalized, not normalized))
    return _plain(means[key])


def _clustered(key: str, embeddings: ArrayLike, labels: LabelColumn, seed: int) -> float | None:
    array = check_embeddings(embeddings)
    coded = encode_labels(labels, len(array))
    if coded.reason is not None:
        return None
    return cluster_scores(array, {"": coded}, _plain_options(seed))[""][key].value


def _plain_options(seed: int) -> Options:
    return Options(seed, None, 0, max_queries=1, threads=None, progress=None)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
