"""Sums of the scores over a block of ranked queries under one labeling (protocol section 3)."""

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
    """Counts the hits of the B queries of a block under one labeling after another.

    `codes` [N] are the labels of the images, `query_codes` [B] those of the queries, and `reach`
    is the number of places that the ranks depend on, ties included.
    """

    def hits(self, codes: Ints, query_codes: Ints, ranks: Ints, reach: int) -> NDArray[np.float64]:
        """Return the hits [U, B] among the nearest [U, B], at least one each."""
        ...

    def average_precision(
        self, codes: Ints, query_codes: Ints, ranks: Ints, reach: int
    ) -> NDArray[np.float64]:
        """Return the precision at each hit among the R [B] nearest, summed, over R: [B]."""
        ...


def tally(
    block: Block,
    counter: Counter,
    codes: Ints,
    query_codes: Ints,
    counts: Counts,
    scores: ScoreSet,
) -> Sums:
    """Return 1 for each query with a score, then its scores: [B, 1 + S], 0 for those without.

    Args:
        block: B queries among N images.
        counter: of the block.
        codes: [N] label code of each image.
        query_codes: [B] label code of each query.
        counts: of the queries.
        scores: which scores to return, in the order of `scores.keys`.
    """
    scored = counts.sizes >= 2
    if not scored.any():
        return np.zeros((len(scored), 1 + len(scores.keys)))
    query_sizes = np.maximum(counts.sizes, 2)
    counts = replace(counts, sizes=query_sizes)
    reach = block.windows.reach(scores.max_rank(query_sizes))
    formulas = scores.formulas
    rules = list(dict.fromkeys(formula.ranks for formula in formulas.values()))
    ranks = np.stack([rule(query_sizes) for rule in rules])
    hits = dict(zip(rules, counter.hits(codes, query_codes, ranks, reach), strict=True))
    columns = {
        key: formula.values(hits[formula.ranks], counts) for key, formula in formulas.items()
    }
    if scores.ordered:
        columns[ORDERED] = counter.average_precision(
            codes, query_codes, all_ranks(query_sizes), reach
        )
    return np.stack([scored, *(np.where(scored, columns[key], 0.0) for key in scores.keys)], axis=1)


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

    def hits(self, codes: Ints, query_codes: Ints, ranks: Ints, reach: int) -> NDArray[np.float64]:
        hits = np.empty(ranks.shape)
        self._loops.count_hits_at_ranks(
            self._order, reach, codes, query_codes, ranks, self._windows, hits
        )
        return hits

    def average_precision(
        self, codes: Ints, query_codes: Ints, ranks: Ints, reach: int
    ) -> NDArray[np.float64]:
        precision = np.empty(len(ranks))
        self._loops.average_precision(
            *(self._order, reach, codes, query_codes, ranks),
            *(self._weights, self._runs, self._harmonic, precision),
        )
        return precision


class _NumPyCounter:
    """Counts by NumPy alone."""

    def __init__(self, block: Block) -> None:
        self._block = block

    def hits(self, codes: Ints, query_codes: Ints, ranks: Ints, reach: int) -> NDArray[np.float64]:
        _, hits_before = self._places(codes, query_codes, reach)
        rows = np.arange(len(query_codes))
        hits = np.empty(ranks.shape)
        for u, of_rule in enumerate(ranks):
            low, high = self._block.windows.at(of_rule)
            closer, within = hits_before[rows, low], hits_before[rows, high]
            hits[u] = closer + (of_rule - low) * (within - closer) / (high - low)
        return hits

    def average_precision(
        self, codes: Ints, query_codes: Ints, ranks: Ints, reach: int
    ) -> NDArray[np.float64]:
        same, hits_before = self._places(codes, query_codes, reach)
        same &= np.arange(reach) < ranks[:, None]
        precise = hits_before[:, 1:] * same
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
