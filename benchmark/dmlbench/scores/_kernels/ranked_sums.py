"""Sums of the scores over a block of ranked queries under one labeling (protocol section 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
from dmldata.common.arrays import Ints

Sums = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Ranked queries with their ties worked out, ready for many labelings.

    Attributes:
        order: [B, K] neighbors of B queries, as far as any score needs them.
        windows: ties at every rank that a property needs.
        groups: ties at every place, where a score needs them and there are any.
        weights: 1 / (place + 1) for each place: [K], or [B, K] with 0 at tied places.
        harmonic: [M + 1], sum of 1/k for k = 1..i at place i.
        hits_before, precise: int32 [B, K + 1] and [B, K], overwritten by each labeling: fresh
            memory for each would take longer than the work on it. Column i of `hits_before` is the
            number of hits at the places before i; column 0 stays 0.
    """

    order: Ints
    windows: Windows
    groups: TieGroups | None
    weights: NDArray[np.float64]
    harmonic: NDArray[np.float64]
    hits_before: NDArray[np.int32]
    precise: NDArray[np.int32]


def prepare_block(
    ranked: Ranked, ranks: Ints, tolerance: float, harmonic: NDArray[np.float64], scores: ScoreSet
) -> Block:
    """Return a block with the ties that the ranks (ascending, at most M) depend on."""
    windows = tie_windows(ranked.squared, ranks, tolerance)
    reach = windows.reach(int(ranks[-1]))
    groups = tie_groups(ranked.squared[:, :reach], tolerance) if scores.ordered else None
    weights = 1.0 / np.arange(1, reach + 1)
    return Block(
        order=np.ascontiguousarray(ranked.order[:, :reach]),
        windows=windows,
        groups=groups,
        weights=weights if groups is None else weights * groups.alone,
        harmonic=harmonic,
        hits_before=np.zeros((len(ranked.order), reach + 1), dtype=np.int32),
        precise=np.empty((len(ranked.order), reach), dtype=np.int32),
    )


def tally(block: Block, codes: Ints, query_codes: Ints, counts: Counts, scores: ScoreSet) -> Sums:
    """Return 1 for each query with a score, then its scores: [B, 1 + S], 0 for those without.

    Args:
        block: B queries among N images.
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
    same = np.take(codes, block.order[:, :reach]) == query_codes[:, None]
    hits_before = block.hits_before[:, : reach + 1]
    np.cumsum(same, axis=1, out=hits_before[:, 1:])
    formulas = scores.formulas
    rules = dict.fromkeys(formula.ranks for formula in formulas.values())
    hits = {rule: _hits(block, hits_before, rule(query_sizes)) for rule in rules}
    columns = {
        key: formula.values(hits[formula.ranks], counts) for key, formula in formulas.items()
    }
    if scores.ordered:
        columns[ORDERED] = _average_precision(block, same, hits_before, all_ranks(query_sizes))
    return np.stack([scored, *(np.where(scored, columns[key], 0.0) for key in scores.keys)], axis=1)


def _hits(block: Block, hits_before: Ints, ranks: Ints) -> NDArray[np.float64]:
    low, high = block.windows.at(ranks)
    row = np.arange(len(ranks))
    closer, within = hits_before[row, low], hits_before[row, high]
    return np.asarray(closer + (ranks - low) * (within - closer) / (high - low))


def _average_precision(
    block: Block, same: NDArray[np.bool_], hits_before: Ints, ranks: Ints
) -> NDArray[np.float64]:
    """Return MAP@R of each query: the precision at each hit among the R nearest, summed, over R.

    Overwrites the hits beyond the R nearest in `same`.
    """
    reach = same.shape[1]
    shortest = int(ranks.min())
    same[:, shortest:] &= np.arange(shortest, reach) < ranks[:, None]
    precise = np.multiply(hits_before[:, 1:], same, out=block.precise[:, :reach])
    if block.groups is None:
        return np.asarray(precise @ block.weights[:reach] / ranks)
    untied = np.einsum("bk,bk->b", precise, block.weights[:, :reach])
    return np.asarray((untied + _tied_precision(block, block.groups, hits_before, ranks)) / ranks)


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
