"""Means of the scores of many properties from ranked neighbors: of all images, without each
jackknife group, and with permuted labels (protocol section 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.formulas import Population, ScoreSet
from dmlbench.scores._kernels.neighbor_ranks import Bools, Ranked, rank_neighbors
from dmlbench.scores._kernels.parallel import in_order, nothing, query_blocks
from dmlbench.scores._kernels.ranked_sums import Sums, prepare_block, tally
from dmlbench.scores._kernels.units import Units
from dmlbench.scores.jackknife import GROUPS
from dmldata.common.arrays import Ints
from dmldata.common.progress import Advance

SLACK = 256
"""Neighbors beyond twice the last rank that are ranked where not all have to be."""
BLOCK_ELEMENTS = 2_000_000
"""Distances ranked at once by a thread; some 100 MB with all that is made of them."""
LABELINGS = 64
"""Permutations counted at once: with more, what is made of a block leaves the cache."""


@dataclass(frozen=True)
class Labeling:
    """A property's labels on the N points: codes [N], and permutations of the codes [P, N].

    Codes of the smallest integer type that holds them (`labels.compact`) are the fastest.
    """

    codes: Ints
    permuted: Ints = field(default_factory=lambda: np.zeros((0, 0), np.intp), repr=False)


@dataclass(frozen=True)
class Means:
    """Scores of one property; NaN where there is none.

    Attributes:
        values: by score, the mean over the queries.
        replicates: by score, float64 [G] without each jackknife group among queries and neighbors,
            [0] without groups.
        query_replicates: the same without each group among the queries alone.
        permuted: by score, float64 [P] of each permutation.
    """

    values: dict[str, float]
    replicates: dict[str, NDArray[np.float64]]
    query_replicates: dict[str, NDArray[np.float64]]
    permuted: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Variant:
    """All images, or those that one jackknife group leaves."""

    images: Bools | None
    populations: list[Population]
    ranks: Ints


def ranked_means(
    points: Points,
    units: Units,
    labelings: Sequence[Labeling],
    queries: Ints,
    scores: ScoreSet,
    *,
    groups: Ints | None = None,
    threads: int | None = None,
    done: Advance = nothing,
) -> list[Means]:
    """Return the means of the scores over `queries`, for each labeling of the N >= 2 points.

    Args:
        units: neighbors of a query are the points of other units.
        groups: [N] jackknife group of each point, 0..19; each group is dropped once, from
            queries and neighbors alike. Units stay whole.
    """
    variants = _variants(labelings, units, groups, scores)
    codes = [labeling.codes for labeling in labelings]
    permuted = [labeling.permuted for labeling in labelings]
    last = max((int(v.ranks[-1]) for v in variants if len(v.ranks)), default=1)
    nearest = 2 * last + SLACK if 2 * (2 * last + SLACK) < len(points) else None
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, len(points) + 1))])

    def empty_sums() -> list[Sums]:
        """Return per property a row per variant, per permutation and per group of queries."""
        of_groups = 0 if groups is None else GROUPS
        heights = [len(variants) + len(p) + of_groups for p in permuted]
        return [np.zeros((height, 1 + len(scores.keys))) for height in heights]

    def work(rows: Ints) -> list[Sums]:
        sums = tallied(rank_neighbors(points.squared_distances(rows), rows, units, nearest), rows)
        if sums is None:
            sums = tallied(rank_neighbors(points.squared_distances(rows), rows, units), rows)
        assert sums is not None
        return sums

    def labeled(p: int, variant: int) -> Iterator[tuple[Ints, slice]]:
        """Yield labels [L, N] of a property and the rows of their sums."""
        yield codes[p][None], slice(variant, variant + 1)
        if variant == 0:
            for first in range(0, len(permuted[p]), LABELINGS):
                part = permuted[p][first : first + LABELINGS]
                row = len(variants) + first
                yield part, slice(row, row + len(part))

    def tallied(ranked: Ranked, rows: Ints) -> list[Sums] | None:
        """Return the sums; None where the nearest neighbors alone do not decide them: their list
        ends in the middle of a tie, or a jackknife group leaves too few of it."""
        sums = empty_sums()
        for v, variant in enumerate(variants):
            if len(variant.ranks) == 0:
                continue
            near, inside = _left(ranked, rows, variant)
            if not near.reaches(int(variant.ranks[-1]), points.tolerance):
                return None
            block = prepare_block(near, variant.ranks, points.tolerance, harmonic, scores)
            counter = block.counter()
            for p, population in enumerate(variant.populations):
                for labels, places in labeled(p, v):
                    query_codes = labels[:, inside]
                    counts = population.counts(query_codes, units.sizes[inside])
                    table = tally(block, counter, labels, query_codes, counts, scores)
                    sums[p][places] = table.sum(axis=1)
                    if groups is not None and v == 0 and places.start == 0:
                        np.add.at(sums[p][-GROUPS:], groups[inside], table[0])
        return sums

    blocks = query_blocks(queries, len(points), BLOCK_ELEMENTS)
    totals = empty_sums()
    for rows, sums in in_order(work, blocks, threads):
        done(len(rows))
        for total, block_sums in zip(totals, sums, strict=True):
            total += block_sums
    return [_means(total, len(variants), scores) for total in totals]


def _left(ranked: Ranked, rows: Ints, variant: _Variant) -> tuple[Ranked, Ints]:
    """Return the neighbors and queries that a variant keeps."""
    if variant.images is None:
        return ranked, rows
    staying = variant.images[rows]
    return ranked.without(variant.images, staying), rows[staying]


def _variants(
    labelings: Sequence[Labeling], units: Units, groups: Ints | None, scores: ScoreSet
) -> list[_Variant]:
    masks: list[Bools | None] = [None]
    if groups is not None:
        masks += [groups != group for group in range(GROUPS)]
    variants = []
    for images in masks:
        populations = [Population.of(labeling.codes, units, images) for labeling in labelings]
        sizes = np.concatenate([population.possible_sizes(units) for population in populations])
        variants.append(_Variant(images, populations, scores.ranks(sizes)))
    return variants


def _means(total: Sums, variants: int, scores: ScoreSet) -> Means:
    end = len(total) if variants == 1 else len(total) - GROUPS
    with np.errstate(divide="ignore", invalid="ignore"):
        means = _by_score(total[:end], scores)
        query_replicates = _by_score(total[0] - total[end:], scores)
    return Means(
        values={name: float(mean[0]) for name, mean in means.items()},
        replicates={name: mean[1:variants] for name, mean in means.items()},
        query_replicates=query_replicates,
        permuted={name: mean[variants:] for name, mean in means.items()},
    )


def _by_score(sums: Sums, scores: ScoreSet) -> dict[str, NDArray[np.float64]]:
    return dict(zip(scores.keys, (sums[:, 1:] / sums[:, :1]).T, strict=True))
