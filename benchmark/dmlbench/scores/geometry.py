"""The shape of a set of embeddings, whatever the properties of the images (protocol section 8).

A model that does well on one property may use few directions, or put everything into a few hubs.
These scores have no chance by permutation, as there are no labels: beside each stands its value
for as many random directions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.scores._kernels.distances import Points, prepare_points, unit_rows
from dmlbench.scores._kernels.neighbor_ranks import Ranked, rank_neighbors, tie_windows
from dmlbench.scores._kernels.parallel import in_order, one_thread_each, query_blocks
from dmlbench.scores._kernels.units import Units
from dmlbench.scores.embeddings import check_embeddings
from dmlbench.scores.jackknife import GROUPS
from dmlbench.scores.options import Options
from dmlbench.scores.registry import EMBEDDING_SCORES
from dmlbench.scores.score import EmbeddingGeometry, Scores, make_score
from dmlbench.scores.uncertainty import generator
from dmldata.common.arrays import Floats, Ints

COLLAPSED_RANK = 1.5
"""Embeddings of a lower effective rank have collapsed."""
SINGLE_LIMIT = 1e-6
"""Part of their length by which float32 embeddings have to differ to be told apart well."""
_COARSER = {"bfloat16": 2.0**16, "float16": 2.0**13}
"""How much coarser than float32 other types are."""
ZERO_SPREAD = 1e-12
MAX_IMAGES = 10_000
"""Maximum number of embeddings whose effective rank is measured (a seeded subset of more)."""
MAX_PAIR_IMAGES = 2_000
"""Maximum number of embeddings whose pairs are measured (a seeded subset of more)."""
NEIGHBORS = 10
SPARE_NEIGHBORS = 54
"""Neighbors beyond these that are kept for what jackknife groups take away."""
BLOCK_ELEMENTS = 2_000_000
KEYS = tuple(score.key for score in EMBEDDING_SCORES)
RANK, UNIFORMITY, HUBNESS = KEYS

_NOTHING = np.zeros(0)


def measure_geometry(embeddings: Floats, options: Options) -> EmbeddingGeometry:
    """Return `effective_rank`, `uniformity` and `hubness` of checked embeddings [N, D].

    The functions of these names define them. In sweeps pairs within a scene are left out.
    """
    step = options.stage("geometry", 2)
    rng = generator(options.seed, "random directions")
    scores = _scores(embeddings, options)
    step(1)
    plain = Options(options.seed, None, 0, 1, options.threads, None, options.scenes)
    random = _scores(rng.standard_normal(embeddings.shape), plain)
    step(1)
    return EmbeddingGeometry(
        images=len(_images(embeddings, options)),
        pair_images=len(_pair_images(embeddings, options)),
        scores=scores,
        random={key: score.value for key, score in random.items()},
    )


def _images(embeddings: Floats, options: Options) -> Ints:
    """Return the images whose effective rank is measured."""
    return options.choose_images(np.arange(len(embeddings)), MAX_IMAGES, "shape")


def _pair_images(embeddings: Floats, options: Options) -> Ints:
    """Return the images whose pairs are measured."""
    return options.choose_images(np.arange(len(embeddings)), MAX_PAIR_IMAGES, "pairs")


def _scores(embeddings: Floats, options: Options) -> Scores:
    rows = _images(embeddings, options)
    rank = _rank_with_replicates(unit_rows(embeddings[rows]), options.groups_of(rows))
    rows = _pair_images(embeddings, options)
    scenes = options.scenes_of(rows)
    codes = np.arange(len(rows)) if scenes is None else np.unique(scenes, return_inverse=True)[1]
    points = prepare_points(embeddings[rows], normalize=True)
    units, groups = Units.of(codes), options.groups_of(rows)
    return {
        RANK: make_score(RANK, *rank),
        UNIFORMITY: make_score(UNIFORMITY, *_uniformity(points, units, groups)),
        HUBNESS: make_score(HUBNESS, *_hubness(points, units, groups, options.threads)),
    }


def effective_rank(embeddings: ArrayLike) -> float:
    """Return the number of dimensions that normalized embeddings [N, D] fill, 1 to min(N, D).

    The exponential of the entropy of their singular values over their sum (Roy and Vetterli, "The
    effective rank", EUSIPCO 2007). The mean is not subtracted: embeddings in a narrow cone, which
    are nearly one vector, have an effective rank near 1.

    Raises:
        InputError: an embedding is not finite, or zero.

    >>> round(effective_rank(np.eye(3)), 6), round(effective_rank(np.ones((3, 3))), 6)
    (3.0, 1.0)
    """
    return _rank_with_replicates(unit_rows(check_embeddings(embeddings)), None)[0]


def uniformity(embeddings: ArrayLike) -> float | None:
    """Return how evenly normalized embeddings [N, D] spread over the sphere.

    The logarithm of the mean of exp(-2 d^2) over pairs with distance d (Wang and Isola,
    "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere", ICML 2020, with t = 2). Of at most 2,000 images, a seeded subset of more.

    Returns:
        0 where all are one point, lower the more they spread; about -4 for random directions in
        many dimensions. None for a single image.

    Raises:
        InputError: an embedding is not finite, or zero.

    >>> round(uniformity([[1.0, 0.0], [0.0, 1.0]]), 6)
    -4.0
    """
    return _single(UNIFORMITY, embeddings)


def hubness(embeddings: ArrayLike) -> float | None:
    """Return the skewness of how often each image is among the 10 nearest of the others.

    Source: Radovanovic, Nanopoulos and Ivanovic, "Hubs in Space", JMLR 2010. Of normalized
    embeddings [N, D], at most 2,000, a seeded subset of more. Neighbors tied with the tenth count
    by their share.

    Returns:
        0 where images are neighbors about equally often; above 0 where few, the hubs, are neighbors
        of many. None for 11 images or fewer, or where all are neighbors equally often.

    Raises:
        InputError: an embedding is not finite, or zero.

    >>> directions = np.random.default_rng(0).normal(size=(200, 50))
    >>> hubness(directions + 0.5) > hubness(directions[:, :2])
    True
    """
    return _single(HUBNESS, embeddings)


def _single(key: str, embeddings: ArrayLike) -> float | None:
    options = Options(0, None, 0, max_queries=1, threads=1, progress=None)
    return _scores(check_embeddings(embeddings), options)[key].value


def _rank_with_replicates(
    x: NDArray[np.float64], groups: Ints | None
) -> tuple[float, NDArray[np.float64]]:
    """Return the effective rank of unit rows [N, D], and without each group (first order).

    Without some rows, a squared singular value is nearly what it was minus the squared projections
    of these rows on its vector: the derivative of the rank along the change is exact, and so is
    the jackknife to its own order, for one decomposition instead of 21.
    """
    wide = x.shape[0] < x.shape[1]
    with one_thread_each():
        product = x @ x.T if wide else x.T @ x
        if groups is None:
            return _rank_of(np.linalg.eigvalsh(product)), _NOTHING
        squared, vectors = np.linalg.eigh(product)
        # The projection of row i on the k-th vector of the rows is the k-th singular value times
        # entry i of the k-th vector of the columns.
        shares = vectors**2 * np.maximum(squared, 0.0) if wide else (x @ vectors) ** 2
    left = [squared - shares[groups == group].sum(axis=0) for group in range(GROUPS)]
    return _rank_of(squared), np.array([_rank_of(values) for values in left])


def _rank_of(squared: NDArray[np.float64]) -> float:
    """Return the effective rank from squared singular values."""
    singular = np.sqrt(np.maximum(squared, 0.0))
    share = singular[singular > 0] / singular.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def _uniformity(
    points: Points, units: Units, groups: Ints | None
) -> tuple[float, NDArray[np.float64]]:
    """Return uniformity over the pairs of different units, and without each group."""
    images = len(points)
    group = np.zeros(images, np.int64) if groups is None else groups
    sums, counts = np.zeros((2, GROUPS, GROUPS))
    for rows in query_blocks(np.arange(images), images, BLOCK_ELEMENTS):
        near = np.exp(-2 * points.unit**2 * points.squared_distances(rows))
        other = np.ones_like(near)
        for values in (near, other):
            units.exclude(values, rows, 0.0)
        of_columns = np.eye(GROUPS)[group]
        for table, values in ((sums, near), (counts, other)):
            np.add.at(table, group[rows], values @ of_columns)

    def without(table: NDArray[np.float64]) -> NDArray[np.float64]:
        return table.sum() - table.sum(axis=0) - table.sum(axis=1) + np.diag(table)

    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.log(sums.sum() / counts.sum()))
        return value, _NOTHING if groups is None else np.log(without(sums) / without(counts))


def _hubness(
    points: Points, units: Units, groups: Ints | None, threads: int | None
) -> tuple[float, NDArray[np.float64]]:
    """Return hubness, and without each group, from one ranking of the nearest neighbors."""
    masks = [np.ones(len(points), bool)]
    if groups is not None:
        masks += [groups != group for group in range(GROUPS)]

    def occurrences(rows: Ints) -> NDArray[np.float64]:
        def ranked(maximum: int | None) -> Ranked:
            return rank_neighbors(points.squared_distances(rows), rows, units, maximum)

        some, everything = ranked(NEIGHBORS + SPARE_NEIGHBORS), None
        table = np.zeros((len(masks), len(points)))
        for row, mask in enumerate(masks):
            near = some.without(mask, mask[rows])
            if not near.reaches(NEIGHBORS, points.tolerance):
                everything = everything or ranked(None)
                near = everything.without(mask, mask[rows])
            table[row] = _occurrences(near, len(points), points.tolerance)
        return table

    total = np.zeros((len(masks), len(points)))
    blocks = query_blocks(np.arange(len(points)), len(points), BLOCK_ELEMENTS)
    for _, table in in_order(occurrences, blocks, threads):
        total += table
    enough = [len(np.unique(units.codes[mask])) > NEIGHBORS + 1 for mask in masks]
    value, *without = (
        _skewness(row[mask]) if many else float("nan")
        for row, mask, many in zip(total, masks, enough, strict=True)
    )
    return value, np.array(without)


def _occurrences(near: Ranked, images: int, tolerance: float) -> NDArray[np.float64]:
    """Return how often each image [N] is among the nearest; the tenth and its ties share."""
    if near.order.shape[1] < NEIGHBORS or not len(near.order):
        return np.zeros(images)
    windows = tie_windows(near.squared, np.array([NEIGHBORS]), tolerance)
    low, high = windows.low, windows.high
    places = np.arange(near.order.shape[1])
    tied = (NEIGHBORS - low) / (high - low)
    weights = np.where(places < low, 1.0, np.where(places < high, tied, 0.0))
    counts = np.bincount(near.order.ravel(), weights=weights.ravel(), minlength=images)
    return counts.astype(np.float64)


def _skewness(values: NDArray[np.float64]) -> float:
    centered = values - values.mean()
    variance = float(np.square(centered).mean())
    return float((centered**3).mean() / variance**1.5) if variance > ZERO_SPREAD else float("nan")


def embedding_notes(embeddings: Floats, rank: float) -> Iterator[str]:
    """Yield what a reader of scores has to know of checked embeddings [N, D], if anything.

    Args:
        rank: their effective rank.
    """
    x = unit_rows(embeddings)
    spread = float(np.sqrt(np.square(x - x.mean(axis=0)).sum(axis=1).mean()))
    spread = spread if spread > ZERO_SPREAD else 0.0
    if len(x) > 1 and (spread == 0 or rank < COLLAPSED_RANK):
        yield (
            f"the embeddings have collapsed: effective rank {rank:.2f} (of "
            f"{min(embeddings.shape)} possible), and they differ by {spread:.1e} of their length"
        )
    precision = _precision(embeddings) if spread > 0 else embeddings.dtype.name
    limit = SINGLE_LIMIT * _COARSER.get(precision, 1.0)
    if precision != "float64" and spread < limit:
        yield (
            f"distances are at the limit of the input's precision: {precision} embeddings that "
            f"differ by {spread:.1e} of their length"
        )


def _precision(embeddings: Floats) -> str:
    """Return the coarsest floating point type that has all these float32 or float64 numbers.

    >>> _precision(np.float32([[0.5]])), _precision(np.float32([[0.1]]))
    ('bfloat16', 'float32')
    """
    if embeddings.dtype != np.float32:
        return "float64"
    if not (np.ascontiguousarray(embeddings).view(np.uint32) & 0xFFFF).any():
        return "bfloat16"
    with np.errstate(over="ignore"):
        same = np.array_equal(embeddings.astype(np.float16), embeddings)
    return "float16" if same else "float32"
