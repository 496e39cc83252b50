"""Spearman correlation of distances in the embedding with distances in properties.

Over all pairs of images, with jackknife replicates and Mantel permutations (protocol section 3;
Mantel, 1967).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.parallel import in_order
from dmlbench.scores._kernels.products import compiled_loops
from dmlbench.scores.jackknife import GROUPS
from dmldata.common.arrays import Ints

DIGITS = 9
"""Property distances are equal where they agree to this many digits of the largest one."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """One property of n images: values [n], and the length of its circle (None for a line).

    `orders` are the permutations [n] of the images of a Mantel test.
    """

    values: Array
    period: float | None = None
    orders: Sequence[Ints] = ()


class Correlation(NamedTuple):
    """Spearman correlation over pairs, its jackknife replicates and its Mantel permutations."""

    value: float
    replicates: Array
    permuted: Array


def property_distances(values: Array, period: float | None) -> Array:
    """Return the distances [V, V] between values [V], on the circle of length `period` or the line.

    >>> property_distances(np.array([10.0, 350.0]), 360.0)[0].tolist()
    [0.0, 20.0]
    """
    apart = np.abs(values[:, None] - values)
    if period is None:
        return apart
    apart = apart % period
    return np.minimum(apart, period - apart)


def correlate_distances(
    squared: Array,
    columns: Sequence[Column],
    *,
    tolerance: float,
    groups: Ints | None = None,
    threads: int | None = None,
) -> list[Correlation]:
    """Correlate embedding distance and property distance over all pairs of n images (Spearman).

    Tied distances share the mean of their ranks; embedding distances are tied where they round to
    the same multiple of the tolerance. In a Mantel permutation images change places in the
    property, and so whole rows and columns of its distances.

    Args:
        squared: [n, n] squared embedding distances, n >= 2.
        columns: the properties.
        tolerance: of a tie in squared distance.
        groups: [n] jackknife group of each image (0..19).

    Returns:
        A correlation per property; NaN where one of the two distances is the same for all pairs.

    >>> line = np.array([0.0, 1.0, 3.0, 7.0])
    >>> squared = (line[:, None] - line) ** 2
    >>> round(correlate_distances(squared, [Column(line)], tolerance=1e-12)[0].value, 6)
    1.0
    """
    first, second = np.triu_indices(len(squared), k=1)
    embedding = _runs(np.rint(squared[first, second] / tolerance))
    distances = [_Distances.of(column) for column in columns]
    pairs = [between.runs[between.code[first], between.code[second]] for between in distances]

    x = _unit(_ranks(embedding))
    everyone = np.ones(len(x), dtype=bool)
    values = [_correlation(x, runs, everyone) for runs in pairs]

    def leave_out(stays: NDArray[np.bool_]) -> list[float]:
        staying_pairs = stays[first] & stays[second]
        left = np.zeros_like(x)
        left[staying_pairs] = _unit(_ranks(embedding[staying_pairs]))
        return [_correlation(left, runs, staying_pairs) for runs in pairs]

    masks = [] if groups is None else [groups != group for group in range(GROUPS)]
    replicates = [each for _, each in in_order(leave_out, masks, threads)]

    ranked = np.zeros_like(squared)
    ranked[first, second] = ranked[second, first] = x

    def permute(p: int) -> Array:
        return _mantel(ranked, distances[p], pairs[p], columns[p].orders)

    return [
        Correlation(values[p], np.array([each[p] for each in replicates]), permuted)
        for p, permuted in in_order(permute, range(len(columns)), threads)
    ]


@dataclass(frozen=True)
class _Distances:
    """Distances of a property by its V values: code [n] of each image's value, and runs [V, V],
    the place of a distance among the distinct distances."""

    code: Ints
    runs: Ints

    @classmethod
    def of(cls, column: Column) -> _Distances:
        distinct, code = np.unique(column.values, return_inverse=True)
        between = property_distances(distinct, column.period)
        scale = max(float(between.max()), float(np.finfo(np.float64).tiny))
        return cls(code, _runs(np.rint(between / scale * 10**DIGITS)))


def _mantel(ranked: Array, prop: _Distances, pairs: Ints, orders: Sequence[Ints]) -> Array:
    """Return the correlations after permutations, which keep the mean and the size of the ranks."""
    counts = np.bincount(pairs, minlength=int(prop.runs.max()) + 1)
    ranks = _rank_of_run(counts)
    ranks -= counts @ ranks / counts.sum()
    size = 2 * np.sqrt(counts @ ranks**2)
    if size == 0 or not ranked.any():
        return np.full(len(orders), np.nan)
    by_value = ranks[prop.runs] / size
    loops = compiled_loops()
    if loops is not None:
        codes = np.array([prop.code[order] for order in orders], dtype=np.uint32)
        codes = codes.reshape(len(orders), len(ranked))
        return np.asarray(2 * loops.weighted_sums(ranked, by_value, codes))
    codes_by_order = (prop.code[order] for order in orders)
    return np.array([np.vdot(ranked, by_value[code].take(code, axis=1)) for code in codes_by_order])


def _runs(values: Array) -> Ints:
    """Return the place of each value among the distinct values, 0.., in the shape of the input."""
    distinct, inverse = np.unique(values, return_inverse=True)
    return inverse.reshape(values.shape).astype(np.min_scalar_type(len(distinct)))


def _rank_of_run(counts: Ints) -> Array:
    return np.cumsum(counts) - (counts - 1) / 2


def _ranks(runs: Ints) -> Array:
    return _rank_of_run(np.bincount(runs))[runs]


def _unit(x: Array) -> Array:
    """Center x and scale it to length 1; zeros where all values are equal."""
    x = x - x.mean() if len(x) else x
    return x / max(float(np.linalg.norm(x)), float(np.finfo(np.float64).tiny))


def _correlation(x: Array, runs: Ints, staying: NDArray[np.bool_]) -> float:
    """Return the Pearson correlation of x with the ranks of the runs, over the staying pairs.

    x is centered and of length 1 over these, and 0 elsewhere.
    """
    loops = compiled_loops()
    if loops is not None:
        counts, sums = loops.sums_by_run(runs, x, staying, int(runs.max(initial=0)) + 1)
    else:
        counts, sums = np.bincount(runs[staying]), np.bincount(runs[staying], weights=x[staying])
    ranks = _rank_of_run(counts)
    ranks -= counts @ ranks / max(int(counts.sum()), 1)
    size = np.sqrt(counts @ ranks**2)
    if size == 0 or not x.any():
        return float("nan")
    return float(sums @ ranks / size)
