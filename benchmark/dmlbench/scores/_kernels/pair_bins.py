"""All pairs of some images in bins of distance, from which curves over thresholds are made.

A curve needs the pairs in the order of their distance. Sorting them again for every property,
jackknife group and permutation would cost seconds each; here they are sorted once, and a histogram
of the bins stands for the sorted list. Bins are fine where thresholds of verification lie: each of
the nearest `RESOLUTION` pairs has its own, and a later bin holds 1 / `RESOLUTION` of the pairs that
are nearer. Pairs whose distances are tied share a bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import Points
from dmlbench.scores.jackknife import GROUPS
from dmldata.common.arrays import Ints

RESOLUTION = 2048


@dataclass(frozen=True)
class PairBins:
    """The P pairs of n images that are of different units, in B bins from near to far.

    Attributes:
        first, second: [P] images of each pair, first < second.
        bins: [P] bin of each pair.
        table: uint16 [n, n], the same by images, symmetric; 0 for images of one unit.
        counts: [B] number of pairs in each bin.
        squared: [B] mean squared distance of the pairs in each bin, in the units of normalized
            embeddings.
    """

    first: Ints
    second: Ints
    bins: Ints
    table: NDArray[np.uint16]
    counts: Ints
    squared: NDArray[np.float64]

    def of_pairs(self, first: Ints, second: Ints) -> NDArray[np.intp]:
        """Return the bins [M] of pairs of images [M]."""
        places = first * len(self.table) + second
        return self.table.ravel().take(places).astype(np.intp)

    @classmethod
    def of(cls, points: Points, units: Ints) -> PairBins:
        """Return the pairs of points [n] of different units [n].

        >>> from dmlbench.scores._kernels.distances import prepare_points
        >>> points = prepare_points(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]), normalize=True)
        >>> pairs = PairBins.of(points, np.arange(3))
        >>> pairs.bins.tolist(), pairs.squared.round(6).tolist()
        ([1, 1, 0], [0.0, 2.0])
        """
        first, second = np.triu_indices(len(points), 1)
        other = units[first] != units[second]
        first, second = first[other], second[other]
        squared = points.squared_distances(np.arange(len(points)))[first, second]
        keys = np.rint(squared / points.tolerance)
        near_first = np.argsort(keys)
        ordered = keys[near_first]
        edges = np.unique(ordered[_first_ranks(len(keys))])
        bins = np.empty(len(keys), dtype=np.intp)
        counts = np.diff(np.searchsorted(ordered, edges), append=len(keys))
        bins[near_first] = np.repeat(np.arange(len(edges)), counts)
        table = np.zeros((len(points), len(points)), dtype=np.uint16)
        table[first, second] = table[second, first] = bins
        sums = np.bincount(bins, weights=squared, minlength=len(edges))
        return cls(
            first, second, bins, table, counts, points.unit**2 * sums / np.maximum(counts, 1)
        )


def counts_without(codes: Ints, size: int, first: Ints, second: Ints) -> NDArray[np.int64]:
    """Return how often each code 0..size-1 occurs among pairs without each jackknife group.

    Args:
        codes: [P] code of each pair.
        first, second: [P] jackknife groups of the images of each pair; a pair is left out with the
            group of either.

    Returns:
        [GROUPS, size].

    >>> counts_without(np.array([0, 1]), 2, np.array([0, 1]), np.array([0, 2]))[:3].tolist()
    [[0, 1], [1, 0], [1, 0]]
    """
    inside = first == second
    touching = sum(
        sign * np.bincount(group * size + code, minlength=GROUPS * size)
        for sign, group, code in (
            (1, first, codes),
            (1, second, codes),
            (-1, first[inside], codes[inside]),
        )
    )
    everywhere: NDArray[np.int64] = np.bincount(codes, minlength=size)
    return everywhere - np.asarray(touching).reshape(GROUPS, size)


def _first_ranks(pairs: int) -> Ints:
    """Return the rank, from 0, of the first pair of each bin."""
    if pairs <= RESOLUTION:
        return np.arange(pairs)
    growth = np.log1p(1 / RESOLUTION)
    steps = int(np.log(pairs / RESOLUTION) / growth)
    wider = RESOLUTION * np.exp(growth * np.arange(1, steps + 1))
    ranks = np.concatenate([np.arange(RESOLUTION), wider.astype(np.int64)])
    return np.unique(ranks[ranks < pairs])
