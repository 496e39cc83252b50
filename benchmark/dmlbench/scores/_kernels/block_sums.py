"""Scores of a block of ranked queries under one labelling, added up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels import formulas
from dmlbench.scores._kernels.ranked_block import (
    Ranked,
    TieGroups,
    Windows,
    tie_groups,
    tie_windows,
)
from dmlbench.scores.labels import Ints

STANDARD = ("nr_precision", "arp", "r_precision", "map_at_r", "precision_at_1")
PAPER = ("nr_precision_paper",)
Sums = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Which scores these distances are for: the default ones, the paper's, or both."""

    standard: bool
    paper: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scores, in the order of a tally; place 0 of a tally counts queries."""
        return STANDARD * self.standard + PAPER * self.paper

    def ranks(self, sizes: Ints) -> Ints:
        """All ranks at which labels of these sizes are looked at, ascending."""
        sizes = np.unique(sizes[sizes >= 2])
        if len(sizes) == 0:
            return sizes
        looked_at: list[Ints] = [sizes - 1, np.ones(1, np.int64)] if self.standard else []
        if self.paper:
            looked_at.append(formulas.paper_ranks(sizes))
        return np.unique(np.concatenate(looked_at))

    def last(self, sizes: Ints) -> int:
        """The last of these ranks."""
        largest = int(sizes.max()) - 1
        return largest if self.standard else min(largest, formulas.PAPER_CAP)


@dataclass(frozen=True)
class Block:
    """Ranked queries with their ties worked out, ready for many labellings one after the other.

    Attributes:
        order: [B, K] neighbours of B queries, as far as any property looks.
        windows: ties at every rank that a property needs.
        groups: ties at every place, where a score needs them and there are any.
        weights: 1 / (place + 1) for each place: [K], or [B, K] with 0 at tied places.
        harmonic: [M + 1], sum of 1/k for k = 1..i at place i.
        found, precise: int32 [B, K + 1] and [B, K], overwritten by each labelling: fresh memory
            for each would take longer than what is done with it. Column 0 of found stays 0.
    """

    order: Ints
    windows: Windows
    groups: TieGroups | None
    weights: NDArray[np.float64]
    harmonic: NDArray[np.float64]
    found: NDArray[np.int32]
    precise: NDArray[np.int32]


def prepare_block(
    ranked: Ranked, ranks: Ints, tolerance: float, harmonic: NDArray[np.float64], scores: Scores
) -> Block:
    """Work out the ties that the ranks (ascending, at most M) depend on."""
    windows = tie_windows(ranked.squared, ranks, tolerance)
    reach = windows.reach(int(ranks[-1]))
    groups = tie_groups(ranked.squared[:, :reach], tolerance) if scores.standard else None
    weights = 1.0 / np.arange(1, reach + 1)
    return Block(
        order=np.ascontiguousarray(ranked.order[:, :reach]),
        windows=windows,
        groups=groups,
        weights=weights if groups is None else weights * groups.alone,
        harmonic=harmonic,
        found=np.zeros((len(ranked.order), reach + 1), dtype=np.int32),
        precise=np.empty((len(ranked.order), reach), dtype=np.int32),
    )


def tally(block: Block, codes: Ints, own: Ints, sizes: Ints, scores: Scores) -> Sums:
    """Number of queries with a score, then the sum of each score over them.

    Args:
        block: B queries among N images.
        codes: [N] label code of each image.
        own: [B] label code of each query.
        sizes: [C] images with each label, queries included.
        scores: which sums to return, in the order of `scores.names`.
    """
    carried = sizes[own]
    counted = carried >= 2
    if not counted.any():
        return np.zeros(1 + len(scores.names))
    carried = np.maximum(carried, 2)
    reach = block.windows.reach(scores.last(sizes))
    same = np.take(codes, block.order[:, :reach]) == own[:, None]
    found = block.found[:, : reach + 1]
    np.cumsum(same, axis=1, out=found[:, 1:])
    images, columns = int(sizes.sum()), []
    if scores.standard:
        hits = _hits(block, found, carried - 1)
        columns = [
            formulas.normalised(hits, carried, images),
            formulas.adjusted(hits, carried, images),
            formulas.precision(hits, carried),
            _average_precision(block, same, found, carried - 1),
            _hits(block, found, np.ones_like(carried)),
        ]
    if scores.paper:
        hits = _hits(block, found, formulas.paper_ranks(carried))
        repeated = formulas.repeated_images(sizes)
        columns.append(formulas.normalised_paper(hits, carried, repeated))
    return np.array([counted.sum(), *(column[counted].sum() for column in columns)])


def _hits(block: Block, found: Ints, ranks: Ints) -> NDArray[np.float64]:
    low, high = block.windows.at(ranks)
    row = np.arange(len(ranks))
    closer, within = found[row, low], found[row, high]
    return np.asarray(closer + (ranks - low) * (within - closer) / (high - low))


def _average_precision(
    block: Block, same: NDArray[np.bool_], found: Ints, ranks: Ints
) -> NDArray[np.float64]:
    """MAP@R of each query: the precision at each hit among the R nearest, summed, over R.

    Overwrites the hits beyond the R nearest in `same`.
    """
    reach = same.shape[1]
    shortest = int(ranks.min())
    same[:, shortest:] &= np.arange(shortest, reach) < ranks[:, None]
    precise = np.multiply(found[:, 1:], same, out=block.precise[:, :reach])
    if block.groups is None:
        return np.asarray(precise @ block.weights[:reach] / ranks)
    untied = np.einsum("bk,bk->b", precise, block.weights[:, :reach])
    return np.asarray((untied + _tied_precision(block, block.groups, found, ranks)) / ranks)


def _tied_precision(
    block: Block, groups: TieGroups, found: Ints, ranks: Ints
) -> NDArray[np.float64]:
    """What runs of tied places add to the sum of precisions: the mean over all their orders.

    A run of T places after A others, with s hits after S, has a hit at its j-th place in s/T of
    the orders, with (j - 1)(s - 1)/(T - 1) hits expected before it in the run. Summed over the m
    places of the run that are among the R nearest, with h = 1/(A + 1) + .. + 1/(A + m):
    s/T [(S + 1) h + (s - 1)/(T - 1) (m - (A + 1) h)].
    """
    inside = groups.low < ranks[groups.row]
    row, low = groups.row[inside], groups.low[inside]
    high = np.minimum(groups.high[inside], found.shape[1] - 1)
    before, after = found[row, low], found[row, high]
    hits, length = after - before, high - low
    places = np.minimum(high, ranks[row]) - low
    h = block.harmonic[low + places] - block.harmonic[low]
    expected = (before + 1) * h + (hits - 1) / (length - 1) * (places - (low + 1) * h)
    added = np.bincount(row, weights=hits / length * expected, minlength=len(ranks))
    return np.asarray(added, dtype=np.float64)
