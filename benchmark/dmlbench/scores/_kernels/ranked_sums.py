"""The scores of a block of ranked queries under many labelings (protocol section 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.formulas import ORDERED, Counts, ScoreSet, all_ranks
from dmlbench.scores._kernels.neighbor_ranks import (
    Ranked,
    TieGroups,
    Windows,
    tie_groups,
    tie_windows,
)
from dmlbench.scores._kernels.products import compiled_loops
from dmldata.common.arrays import Ints

Sums = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Ranked queries with their ties worked out, ready for many labelings.

    Attributes:
        order: [B, K] neighbors of B queries, as far as any score needs them.
        windows: ties at every rank that a property needs.
        groups: ties at every place, where a score needs them and there are any.
        weights: 1 / (place + 1) for each place: [1, K], or [B, K] with 0 at tied places.
        harmonic: [M + 1], sum of 1/k for k = 1..i at place i.
    """

    order: Ints
    windows: Windows
    groups: TieGroups | None
    weights: NDArray[np.float64]
    harmonic: NDArray[np.float64]

    def counter(self) -> Counter:
        """Return what counts hits, compiled where numba is installed."""
        loops = compiled_loops()
        return _NumPyCounter(self) if loops is None else _CompiledCounter(self, loops)


def prepare_block(
    ranked: Ranked, ranks: Ints, tolerance: float, harmonic: NDArray[np.float64], scores: ScoreSet
) -> Block:
    """Return a block with the ties that the ranks (ascending, at most M) depend on."""
    windows = tie_windows(ranked.squared, ranks, tolerance)
    reach = windows.reach(int(ranks[-1]))
    groups = tie_groups(ranked.squared[:, :reach], tolerance) if scores.ordered else None
    weights = 1.0 / np.arange(1, reach + 1)[None]
    return Block(
        order=np.ascontiguousarray(ranked.order[:, :reach]),
        windows=windows,
        groups=groups,
        weights=weights if groups is None else weights * groups.alone,
        harmonic=harmonic,
    )


class Counter(Protocol):
    """Counts the hits of the B queries of a block under L labelings."""

    def count(
        self, codes: Ints, query_codes: Ints, ranks: Ints, ordered: Ints | None, reach: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return hits among the nearest, and the precision at each hit averaged over the nearest.

        Args:
            codes: [L, N] labels of the images.
            query_codes: [L, B] labels of the queries.
            ranks: [U, L, B] numbers of nearest neighbors, at least one each.
            ordered: [L, B] those that the averages are over; None for none.
            reach: number of places that the ranks depend on, ties included.

        Returns:
            [U, L, B] and [L, B].
        """
        ...


def tally(
    block: Block,
    counter: Counter,
    codes: Ints,
    query_codes: Ints,
    counts: Counts,
    scores: ScoreSet,
) -> Sums:
    """Return 1 for each query with a score, then its scores: [L, B, 1 + S], 0 for those without.

    Args:
        block: B queries among N images.
        counter: of the block.
        codes: [L, N] label code of each image in L labelings.
        query_codes: [L, B] label code of each query.
        counts: [L, B] of the queries.
        scores: which scores to return, in the order of `scores.keys`.
    """
    scored = counts.sizes >= 2
    if not scored.any():
        return np.zeros((*scored.shape, 1 + len(scores.keys)))
    query_sizes = np.maximum(counts.sizes, 2)
    counts = replace(counts, sizes=query_sizes)
    reach = block.windows.reach(scores.max_rank(query_sizes))
    formulas = scores.formulas
    rules = list(dict.fromkeys(formula.ranks for formula in formulas.values()))
    ranks = np.stack([rule(query_sizes) for rule in rules])
    ordered = all_ranks(query_sizes) if scores.ordered else None
    counted, precision = counter.count(codes, query_codes, ranks, ordered, reach)
    hits = dict(zip(rules, counted, strict=True))
    columns = {
        key: formula.values(hits[formula.ranks], counts) for key, formula in formulas.items()
    }
    if precision is not None:
        columns[ORDERED] = precision
    table = np.empty((*scored.shape, 1 + len(scores.keys)))
    table[..., 0] = scored
    for column, key in enumerate(scores.keys, start=1):
        table[..., column] = np.where(scored, columns[key], 0.0)
    return table


class _CompiledCounter:
    """Counts by the loops of `compiled`."""

    def __init__(self, block: Block, loops: ModuleType) -> None:
        self._loops, self._weights, self._harmonic = loops, block.weights, block.harmonic
        self._order = block.order.astype(np.uint32)
        windows, groups = block.windows, block.groups
        columns = np.zeros(int(windows.ranks[-1]) + 1, dtype=np.int64)
        columns[windows.ranks] = np.arange(len(windows.ranks))
        self._windows = columns, windows.low, windows.high
        none = np.zeros(0, dtype=np.int64)
        row, low, high = (
            (none, none, none) if groups is None else (groups.row, groups.low, groups.high)
        )
        self._runs = np.searchsorted(row, np.arange(len(block.order) + 1)), low, high

    def count(
        self, codes: Ints, query_codes: Ints, ranks: Ints, ordered: Ints | None, reach: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        hits = np.empty(ranks.shape)
        averaged = np.zeros((0, 0), ranks.dtype) if ordered is None else ordered
        precision = np.empty(averaged.shape)
        self._loops.count_ranked_hits(
            *(self._order, reach, codes, query_codes, ranks, self._windows, hits),
            *(averaged, self._weights, self._runs, self._harmonic, precision),
        )
        return hits, None if ordered is None else precision


class _NumPyCounter:
    """Counts by NumPy alone."""

    def __init__(self, block: Block) -> None:
        self._block = block

    def count(
        self, codes: Ints, query_codes: Ints, ranks: Ints, ordered: Ints | None, reach: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        hits = np.empty(ranks.shape)
        precision = None if ordered is None else np.empty(ordered.shape)
        rows = np.arange(query_codes.shape[1])
        for labeling, labels in enumerate(codes):
            same, hits_before = self._places(labels, query_codes[labeling], reach)
            for u, of_rule in enumerate(ranks[:, labeling]):
                low, high = self._block.windows.at(of_rule)
                closer, within = hits_before[rows, low], hits_before[rows, high]
                hits[u, labeling] = closer + (of_rule - low) * (within - closer) / (high - low)
            if precision is not None and ordered is not None:
                precision[labeling] = self._precision(same, hits_before, ordered[labeling], reach)
        return hits, precision

    def _precision(
        self, same: NDArray[np.bool_], hits_before: Ints, ranks: Ints, reach: int
    ) -> NDArray[np.float64]:
        precise = hits_before[:, 1:] * (same & (np.arange(reach) < ranks[:, None]))
        weights = np.broadcast_to(self._block.weights[:, :reach], precise.shape)
        untied = np.einsum("bk,bk->b", precise, weights)
        if self._block.groups is not None:
            untied += _tied_precision(self._block, self._block.groups, hits_before, ranks)
        return np.asarray(untied / ranks)

    def _places(self, codes: Ints, query_codes: Ints, reach: int) -> tuple[NDArray[np.bool_], Ints]:
        """Return at which places [B, reach] a hit is, and the hits before each [B, reach + 1]."""
        same = np.take(codes, self._block.order[:, :reach]) == query_codes[:, None]
        hits_before = np.zeros((len(same), reach + 1), dtype=np.int32)
        np.cumsum(same, axis=1, out=hits_before[:, 1:])
        return same, hits_before


def _tied_precision(
    block: Block, groups: TieGroups, hits_before: Ints, ranks: Ints
) -> NDArray[np.float64]:
    """Return what runs of tied places add to the sum of precisions: the mean over all orders.

    A run of T places after A others, with s hits after S, has a hit at its j-th place in s/T of
    the orders, with (j - 1)(s - 1)/(T - 1) hits expected before it in the run. Summed over the m
    places of the run that are among the R nearest, with h = 1/(A + 1) + .. + 1/(A + m):
    s/T [(S + 1) h + (s - 1)/(T - 1) (m - (A + 1) h)].
    """
    inside = groups.low < ranks[groups.row]
    row, low = groups.row[inside], groups.low[inside]
    high = np.minimum(groups.high[inside], hits_before.shape[1] - 1)
    before, after = hits_before[row, low], hits_before[row, high]
    hits, length = after - before, high - low
    places = np.minimum(high, ranks[row]) - low
    h = block.harmonic[low + places] - block.harmonic[low]
    expected = (before + 1) * h + (hits - 1) / (length - 1) * (places - (low + 1) * h)
    added = np.bincount(row, weights=hits / length * expected, minlength=len(ranks))
    return np.asarray(added, dtype=np.float64)
