"""Scores of many properties from ranked neighbours: as they are, resampled, and permuted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.block_sums import Scores, Sums, prepare_block, tally
from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.parallel import in_order, nothing, query_blocks
from dmlbench.scores._kernels.ranked_block import Bools, Ranked, rank_neighbours
from dmlbench.scores.jackknife import GROUPS
from dmlbench.scores.labels import Ints

SLACK = 256
"""Neighbours beyond twice the last rank that are ranked where not all have to be."""
BLOCK_ELEMENTS = 2_000_000
"""Distances ranked at once by a thread; some 100 MB with all that is made of them."""


@dataclass(frozen=True)
class Labelling:
    """A property's labels on the N points: codes [N], sizes [C], and permutations of the codes.

    Codes of the smallest integer type that holds them (`labels.compact`) are the fastest.
    """

    codes: Ints
    sizes: Ints
    permuted: Sequence[Ints] = field(default=(), repr=False)


@dataclass(frozen=True)
class Means:
    """Scores of one property; NaN where there is none.

    Attributes:
        values: by score, the mean over the queries.
        replicates: by score, float64 [G] without each jackknife group, [0] without groups.
        permuted: by score, float64 [P] of each permutation.
    """

    values: dict[str, float]
    replicates: dict[str, NDArray[np.float64]]
    permuted: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Variant:
    """All images, or those that one jackknife group leaves."""

    kept: Bools | None
    sizes: list[Ints]
    ranks: Ints


def resampled_means(
    points: Points,
    labellings: Sequence[Labelling],
    queries: Ints,
    scores: Scores,
    *,
    groups: Ints | None = None,
    threads: int | None = None,
    done: Callable[[int], None] = nothing,
) -> list[Means]:
    """Means of the scores over `queries`, for each labelling of the N >= 2 points.

    Args:
        groups: [N] jackknife group of each point, 0..19; each group is dropped once, from
            queries and neighbours alike.
    """
    variants = _variants(labellings, groups, scores)
    codes = [labelling.codes for labelling in labellings]
    permuted = [labelling.permuted for labelling in labellings]
    last = max((int(one.ranks[-1]) for one in variants if len(one.ranks)), default=1)
    most = 2 * last + SLACK if 2 * (2 * last + SLACK) < len(points) else None
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, len(points) + 1))])

    def work(rows: Ints) -> list[Sums]:
        sums = tallied(rank_neighbours(points.squared_distances(rows), rows, most), rows)
        if sums is None:
            sums = tallied(rank_neighbours(points.squared_distances(rows), rows), rows)
        assert sums is not None
        return sums

    def tallied(ranked: Ranked, rows: Ints) -> list[Sums] | None:
        """The sums; None where the nearest alone do not decide them: their list ends in the middle
        of a tie, or a jackknife group leaves too few of it."""
        sums = [np.zeros((len(variants) + len(p), 1 + len(scores.names))) for p in permuted]
        for v, variant in enumerate(variants):
            if len(variant.ranks) == 0:
                continue
            near, inside = _left(ranked, rows, variant)
            if not near.reaches(int(variant.ranks[-1]), points.tolerance):
                return None
            block = prepare_block(near, variant.ranks, points.tolerance, harmonic, scores)
            for p, labels in enumerate(codes):
                sums[p][v] = tally(block, labels, labels[inside], variant.sizes[p], scores)
            if variant.kept is None:
                for p, labels, shuffle in _each(permuted):
                    own, sizes = labels[inside], variant.sizes[p]
                    sums[p][len(variants) + shuffle] = tally(block, labels, own, sizes, scores)
        return sums

    blocks = query_blocks(queries, len(points), BLOCK_ELEMENTS)
    totals = [np.zeros((len(variants) + len(p), 1 + len(scores.names))) for p in permuted]
    for rows, sums in in_order(work, blocks, threads):
        done(len(rows))
        for total, one in zip(totals, sums, strict=True):
            total += one
    return [_means(total, len(variants), scores) for total in totals]


def _left(ranked: Ranked, rows: Ints, variant: _Variant) -> tuple[Ranked, Ints]:
    """Neighbours and queries that a variant keeps."""
    if variant.kept is None:
        return ranked, rows
    staying = variant.kept[rows]
    return ranked.without(variant.kept, staying), rows[staying]


def _variants(
    labellings: Sequence[Labelling], groups: Ints | None, scores: Scores
) -> list[_Variant]:
    masks: list[Bools | None] = [None]
    if groups is not None:
        masks += [groups != group for group in range(GROUPS)]
    variants = []
    for kept in masks:
        sizes: list[Ints] = [
            np.bincount(one.codes if kept is None else one.codes[kept], minlength=len(one.sizes))
            for one in labellings
        ]
        ranks = np.unique(np.concatenate([scores.ranks(one) for one in sizes]))
        variants.append(_Variant(kept, sizes, ranks))
    return variants


def _each(permuted: Sequence[Sequence[Ints]]) -> list[tuple[int, Ints, int]]:
    return [(p, labels, i) for p, many in enumerate(permuted) for i, labels in enumerate(many)]


def _means(total: Sums, variants: int, scores: Scores) -> Means:
    with np.errstate(divide="ignore", invalid="ignore"):
        means = dict(zip(scores.names, (total[:, 1:] / total[:, :1]).T, strict=True))
    return Means(
        values={name: float(mean[0]) for name, mean in means.items()},
        replicates={name: mean[1:variants] for name, mean in means.items()},
        permuted={name: mean[variants:] for name, mean in means.items()},
    )
