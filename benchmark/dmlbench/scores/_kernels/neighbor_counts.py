"""How many of a query's nearest neighbors share its label, counted exactly, for all queries.

Nothing is sorted and no list of neighbors is kept. One pass over the distances serves every
property: per query, the distances at all the ranks that any property needs come from a single
partial sort, and the hits of a property from comparing the distances to the images that carry the
query's label with the one at its rank. `compiled` does the same in a quarter of the time, where
numba is installed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.parallel import in_order, nothing, query_blocks
from dmlbench.scores._kernels.products import compiled_loops
from dmlbench.scores._kernels.units import Units
from dmldata.common.arrays import Floats, Ints
from dmldata.common.progress import Advance

BLOCK_ELEMENTS = 16_000_000
"""Distances held at once by a thread (128 MB): fewer rows make slower products."""
SAMPLE = 1024
"""Number of distances that a guess of how far a query's neighbors reach is made from."""


@dataclass(frozen=True)
class Question:
    """What to count for one property.

    Attributes:
        codes: [N] label code of each point.
        ranks: [N, m] numbers of nearest neighbors that count, at most as many as there are points
            of other units; 0 = not asked.
    """

    codes: Ints
    ranks: Ints


class _Place(NamedTuple):
    """The R-th place of a query: bounds of the distances tied with it, and who is within."""

    low: float
    high: float
    closer: int
    tied: int


def count_hits(
    points: Points,
    units: Units,
    questions: Sequence[Question],
    *,
    threads: int | None = None,
    done: Advance = nothing,
) -> list[NDArray[np.float64]]:
    """Count hits among the nearest points of other units of every point, for many properties.

    Points whose squared distance lies within the tolerance of the R-th smallest are tied; with A
    points closer than those and T tied, of which A_l and T_l carry the query's label,
    H = A_l + (R - A) T_l / T: the expected number over all orders of the tied points.

    Returns:
        One float64 array [N, m] per question, in 0..R; NaN where the rank is 0.

    >>> from dmlbench.scores._kernels.distances import prepare_points
    >>> points = prepare_points(np.array([[0.0], [1.0], [2.0], [4.0]]), normalize=False)
    >>> codes, units = np.array([0, 0, 1, 1]), Units.of(np.arange(4))
    >>> count_hits(points, units, [Question(codes, np.ones((4, 1), int))])[0].ravel().tolist()
    [1.0, 0.5, 0.0, 1.0]
    """
    fast = points.fast()
    loops = compiled_loops()
    count_block = _CompiledCounter(loops, questions) if loops else _NumPyCounter(questions)
    mine = threading.local()

    def count(block: Ints) -> NDArray[np.float64]:
        # Fresh memory for each block would take as long as the product that fills it.
        if not hasattr(mine, "buffer"):
            mine.buffer = np.empty((len(blocks[0]), len(points)))
        distances = mine.buffer[: len(block)]
        fast.squared_distances(block, out=distances)
        units.exclude(distances, block, np.inf)
        return count_block(distances, block, points.tolerance)

    blocks = query_blocks(np.arange(len(points)), len(points), BLOCK_ELEMENTS)
    parts = []
    for rows, part in in_order(count, blocks, threads):
        parts.append(part)
        done(len(rows))
    ends = np.cumsum([question.ranks.shape[1] for question in questions])
    return np.split(np.concatenate(parts), ends[:-1], axis=1)


class _CompiledCounter:
    """Counts hits by `compiled.count_block`."""

    def __init__(self, loops: ModuleType, questions: Sequence[Question]) -> None:
        self._loops = loops
        self._ranks = np.concatenate([question.ranks for question in questions], axis=1)
        # The labels of all questions are numbered one question after the other, and may be more
        # than the type of one question's codes can count.
        codes = [question.codes.astype(np.int64) for question in questions]
        self._members = np.concatenate(
            [np.argsort(of_question, kind="stable").astype(np.uint32) for of_question in codes]
        )
        sizes = [np.bincount(of_question) for of_question in codes]
        firsts = np.cumsum([0, *map(len, sizes)])[:-1]
        self._starts = np.cumsum([0, *np.concatenate(sizes)]).astype(np.uint64)
        self._codes = np.concatenate(
            [
                np.repeat(of_question[:, None] + first, question.ranks.shape[1], axis=1)
                for of_question, question, first in zip(codes, questions, firsts, strict=True)
            ],
            axis=1,
        )

    def __call__(self, distances: Floats, block: Ints, tolerance: float) -> NDArray[np.float64]:
        hits = np.empty((len(block), self._ranks.shape[1]))
        self._loops.count_block(
            distances,
            self._ranks[block],
            self._codes[block],
            self._members,
            self._starts,
            tolerance,
            SAMPLE,
            hits,
        )
        return hits


class _NumPyCounter:
    """Counts hits by NumPy alone."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self._questions = questions
        self._members = [_members(question.codes) for question in questions]
        self._ranks = np.concatenate([question.ranks for question in questions], axis=1)

    def __call__(self, distances: Floats, block: Ints, tolerance: float) -> NDArray[np.float64]:
        places = [
            _places(distances_of_query, self._ranks[row], tolerance)
            for distances_of_query, row in zip(distances, block, strict=True)
        ]
        hits = [
            _hits(distances, places, question.ranks[block], by_label, question.codes[block])
            for question, by_label in zip(self._questions, self._members, strict=True)
        ]
        return np.concatenate(hits, axis=1)


def _members(codes: Ints) -> list[Ints]:
    """Return the points with each label."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def _places(distances: Floats, ranks: Ints, tolerance: float) -> dict[int, _Place]:
    """Return the places of one query, by rank, from its distances [N] (its unit's infinite)."""
    distinct_ranks = np.unique(ranks[ranks > 0])
    if len(distinct_ranks) == 0:
        return {}
    near, bound = _near(distances, int(distinct_ranks[-1]))
    at_rank = np.partition(near, distinct_ranks - 1)[distinct_ranks - 1]
    lows, highs = at_rank - tolerance, at_rank + tolerance
    if highs[-1] > bound:
        near = distances
    places = {}
    for rank, low, high in zip(distinct_ranks.tolist(), lows, highs, strict=True):
        closer = np.count_nonzero(near < low)
        places[rank] = _Place(low, high, closer, np.count_nonzero(near <= high) - closer)
    return places


def _near(distances: Floats, minimum: int) -> tuple[Floats, float]:
    """Return at least the `minimum` smallest distances, and the bound that they lie within.

    The bound is guessed from a sample of the distances: what is far away need not take part in a
    partial sort. A guess that is too low is not used.
    """
    sample = distances[:: max(1, len(distances) // SAMPLE)]
    place = int(1.1 * minimum * len(sample) / len(distances)) + SAMPLE // 64
    if place < len(sample):
        bound = np.partition(sample, place)[place]
        near = distances.take(np.flatnonzero(distances <= bound))
        if len(near) >= minimum:
            return near, float(bound)
    return distances, np.inf


def _hits(
    distances: Floats,
    places: list[dict[int, _Place]],
    ranks: Ints,
    members: list[Ints],
    codes: Ints,
) -> NDArray[np.float64]:
    """Return the hits [B, m] of one question for a block of queries with label codes [B]."""
    hits = np.full(ranks.shape, np.nan)
    for i, (code, asked) in enumerate(zip(codes.tolist(), ranks.tolist(), strict=True)):
        if any(asked):
            mine = distances[i].take(members[code])
            for m, rank in enumerate(asked):
                if rank:
                    place = places[i][rank]
                    closer = np.count_nonzero(mine < place.low)
                    tied = np.count_nonzero(mine <= place.high) - closer
                    hits[i, m] = closer + (rank - place.closer) * tied / place.tied
    return hits
