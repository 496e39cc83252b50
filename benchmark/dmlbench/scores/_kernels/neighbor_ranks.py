"""Neighbors of a block of queries, sorted by distance, and the ties among them.

Sorting costs more than counting (`neighbor_counts`) but lets one sort serve MAP@R, every
permutation of the labels and every jackknife group.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.products import compiled_loops
from dmlbench.scores._kernels.units import Units
from dmldata.common.arrays import Ints

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Ranked:
    """Neighbors of B queries, nearest first: all, or the nearest M.

    Points of the query's own unit, except itself, come last: beyond any rank that counts.

    Attributes:
        order: [B, M] rows of the neighbors.
        squared: float64 [B, M], their squared distances, ascending.
        whole: whether these are all neighbors.
    """

    order: Ints
    squared: NDArray[np.float64]
    whole: bool

    def without(self, staying_images: Bools, queries: Bools) -> Ranked:
        """Return the same with images dropped.

        Args:
            staying_images: [N], which neighbors stay.
            queries: [B], which queries stay; all of them must be among the staying images.
        """
        rows = np.flatnonzero(queries)
        loops = compiled_loops()
        if loops is not None:
            left, distances = loops.keep_images(self.order, self.squared, rows, staying_images)
            return Ranked(left, distances, self.whole)
        order = self.order[rows]
        staying = staying_images[order]
        counts = staying.sum(axis=1)
        places = (len(order), int(counts.min(initial=staying.shape[1])))
        if (counts > places[1]).any():
            staying &= np.cumsum(staying, axis=1) <= places[1]
        squared = self.squared[rows][staying].reshape(places)
        return Ranked(order[staying].reshape(places), squared, self.whole)

    def reaches(self, rank: int, tolerance: float) -> bool:
        """Return whether these decide the `rank` nearest, ties with the last of them included."""
        if self.whole or self.order.shape[1] <= rank:
            return self.whole
        return bool((self.squared[:, -1] - self.squared[:, rank - 1] > tolerance).all())


def rank_neighbors(
    squared: NDArray[np.float64], queries: Ints, units: Units, maximum: int | None = None
) -> Ranked:
    """Sort the squared distances [B, N] of `queries` [B] to all N points, overwriting the input.

    Args:
        maximum: number of nearest neighbors to keep; None for all.
    """
    beyond = 2.0 * float(squared.max(initial=0.0)) + 1.0
    units.exclude(squared, queries, beyond)
    squared[np.arange(len(queries)), queries] = 2.0 * beyond
    if maximum is None or maximum >= squared.shape[1] - 1:
        order = np.argsort(squared, axis=1)[:, :-1]
        return Ranked(order, np.take_along_axis(squared, order, axis=1), whole=True)
    nearest = np.argpartition(squared, maximum - 1, axis=1)[:, :maximum]
    distances = np.take_along_axis(squared, nearest, axis=1)
    order = np.argsort(distances, axis=1)
    squared = np.take_along_axis(distances, order, axis=1)
    return Ranked(np.take_along_axis(nearest, order, axis=1), squared, whole=False)


@dataclass(frozen=True)
class Windows:
    """For some ranks R, which places are tied with the R-th.

    Attributes:
        ranks: [U] ascending.
        low, high: [B, U]; places low..high-1 (from 0) lie within the tolerance of place R - 1.
    """

    ranks: Ints
    low: Ints
    high: Ints

    def at(self, ranks: Ints) -> tuple[Ints, Ints]:
        """Return low and high [B] for one rank per query."""
        column = np.searchsorted(self.ranks, ranks)
        row = np.arange(len(ranks))
        return self.low[row, column], self.high[row, column]

    def reach(self, rank: int) -> int:
        """Return the number of places that decide hits among the `rank` nearest of all queries."""
        return int(self.high[:, np.searchsorted(self.ranks, rank)].max(initial=0))


def tie_windows(squared: NDArray[np.float64], ranks: Ints, tolerance: float) -> Windows:
    """Return the windows of ranks [U] (ascending, in 1..M) in sorted squared distances [B, M]."""
    last = squared.shape[1] - 1
    low = np.broadcast_to(ranks - 1, (len(squared), len(ranks))).copy()
    high = low + 1
    at_rank = squared[:, ranks - 1]
    before = (ranks > 1) & (at_rank - squared[:, np.maximum(ranks - 2, 0)] <= tolerance)
    after = (ranks <= last) & (squared[:, np.minimum(ranks, last)] - at_rank <= tolerance)
    for row in np.flatnonzero((before | after).any(axis=1)):
        low[row] = np.searchsorted(squared[row], at_rank[row] - tolerance, side="left")
        high[row] = np.searchsorted(squared[row], at_rank[row] + tolerance, side="right")
    return Windows(ranks, low, high)


@dataclass(frozen=True)
class TieGroups:
    """Runs of tied places, for scores that need every place and not only the R-th.

    Attributes:
        alone: [B, K], whether a place is tied with no other.
        row, low, high: [G] query and places low..high-1 of each run of two or more.
    """

    alone: Bools
    row: Ints
    low: Ints
    high: Ints


def tie_groups(squared: NDArray[np.float64], tolerance: float) -> TieGroups | None:
    """Return the runs of places in sorted squared distances [B, K]; None where nothing is tied.

    Neighbors whose distances differ by at most the tolerance belong to one run. A run wider than
    the tolerance is no tie but a crowd (dense data), and is cut, from its first place on, into
    pieces no wider than it.
    """
    rows, places = squared.shape
    close = np.diff(squared, axis=1) <= tolerance
    if not close.any():
        return None
    first = np.ones((rows, places), dtype=bool)
    first[:, 1:] = ~close
    start = np.maximum.accumulate(np.where(first, np.arange(places), 0), axis=1)
    width = squared - np.take_along_axis(squared, start, axis=1)
    piece = (width / tolerance).astype(np.int64)
    first[:, 1:] |= piece[:, 1:] != piece[:, :-1]
    starts = np.flatnonzero(first)
    lengths = np.diff(starts, append=rows * places)
    several = lengths > 1
    row, low = np.divmod(starts[several], places)
    alone = np.repeat(~several, lengths).reshape(rows, places)
    return TieGroups(alone, row, low, low + lengths[several])
