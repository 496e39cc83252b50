"""Response curves: what a larger change does to an embedding (protocol section 8).

`sensitivity` is one median over all changes of the swept group. Here the changes are told apart by
their size in one factor: a hue turned by 10 degrees, by 20, by 40. Where a group has several
factors, the others change along as they happen to; size 0 is where only they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distance_correlation import DIGITS, property_distances
from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.parallel import query_blocks
from dmlbench.scores.jackknife import GROUPS, Sample, proportion_replicates
from dmlbench.scores.labels import Kind, Property, encode_labels, property_values
from dmlbench.scores.registry import RESPONSE, RESPONSE_RETRIEVAL
from dmlbench.scores.score import Score, make_score
from dmldata.common.arrays import Ints
from dmldata.common.strict import StrictModel

MAX_SIZES = 12
"""Maximum number of sizes of a change on a curve; more are put into as many bins of equal width."""
BLOCK_ELEMENTS = 4_000_000
Distances = NDArray[np.float64]


class SweptImages(NamedTuple):
    """Codes [N] of scene, variant and car, and the jackknife group of each image, if any."""

    scene: Ints
    variant: Ints
    car: Ints
    group: Ints | None


class ResponsePoint(StrictModel):
    """What changes of one size do.

    Attributes:
        size: size of the change, in the unit of the factor; the mean size of a bin where there are
            many; None for a factor without order.
        pairs: pairs of images of one scene between which the factor changes so much.
        response: their mean embedding distance, over the median distance between different cars in
            the same variant.
        retrieval: share of images that are nearer to an image of the same car after the change than
            to any image of another car without it.
        retrieval_expected: that share for random embeddings.
    """

    size: float | None
    pairs: int
    response: Score
    retrieval: Score
    retrieval_expected: float | None


class FactorResponse(StrictModel):
    """The response curve of one factor; points by size."""

    factor: str
    kind: Kind
    unit: str
    points: tuple[ResponsePoint, ...]


@dataclass(frozen=True)
class _Changes:
    """The changes of one factor between variants.

    Attributes:
        sizes: [K], NaN for a change without a size.
        level: [V, V] index of the size of the change between two variants; -1 for none.
        known: [N] whether the factor applies to an image.
    """

    sizes: Distances
    level: Ints
    known: NDArray[np.bool_]


def measure_responses(
    points: Points,
    images: SweptImages,
    swept: Mapping[str, Property],
    pairs: tuple[Ints, Ints, Distances],
    between_cars: Distances,
) -> Iterator[FactorResponse]:
    """Yield the response curve of each factor that has one value in each variant.

    Args:
        pairs: first and second image and distance [P] of all pairs of images of one scene.
        between_cars: [1 + G] median distance between different cars in the same variant, of all
            images and without each jackknife group; [1] without groups.
    """
    changes = {}
    for name, factor in swept.items():
        changes_of_factor = _changes(name, factor, images.variant)
        if changes_of_factor is not None:
            changes[name] = changes_of_factor
    retrieval = _retrieval(points, images, changes)
    for name, change in changes.items():
        distances = _mean_distances(images, change, pairs, between_cars)
        points_of_factor = []
        for level, (count, response) in enumerate(distances):
            score, expected = retrieval[name][level]
            size = float(change.sizes[level])
            points_of_factor.append(
                ResponsePoint(
                    size=None if np.isnan(size) else size,
                    pairs=count,
                    response=response,
                    retrieval=score,
                    retrieval_expected=expected,
                )
            )
        factor = swept[name]
        yield FactorResponse(
            factor=name, kind=factor.kind, unit=factor.unit, points=tuple(points_of_factor)
        )


def _changes(name: str, factor: Property, variant: Ints) -> _Changes | None:
    """Return the changes of a factor; None where it never changes, or has no one value in each
    variant."""
    images = len(variant)
    if factor.kind == "categorical":
        coded = encode_labels(factor.labels, images, name)
        values = np.full(images, np.nan)
        values[coded.rows] = coded.codes
    else:
        values = property_values(factor, images, name)
    known = np.isfinite(values)
    of_variant = np.full(int(variant.max()) + 1, np.nan)
    of_variant[variant[known]] = values[known]
    if (of_variant[variant[known]] != values[known]).any():
        return None
    period = factor.period if factor.kind == "cyclic" else None
    apart = property_distances(of_variant, period)
    some = np.isfinite(apart) & ~np.eye(len(apart), dtype=bool)
    if not some.any() or apart[some].max() == 0:
        return None
    if factor.kind == "categorical":
        some &= apart > 0
        level = np.where(some, 0, -1)
        return _Changes(np.array([np.nan]), level, known)
    largest = apart[some].max()
    bins = np.rint(apart / largest * 10**DIGITS)
    if len(np.unique(bins[some])) > MAX_SIZES + 1:
        bins = np.ceil(apart / largest * MAX_SIZES - 10.0**-DIGITS)
    distinct = np.unique(bins[some])
    level = np.where(some, np.searchsorted(distinct, bins), -1)
    sizes = np.array([apart[level == place].mean() for place in range(len(distinct))])
    return _Changes(sizes, level, known)


def _mean_distances(
    images: SweptImages,
    change: _Changes,
    pairs: tuple[Ints, Ints, Distances],
    between_cars: Distances,
) -> Iterator[tuple[int, Score]]:
    """Yield by size the number of pairs of images of a scene, and their mean relative distance."""
    first, second, distances = pairs
    level = change.level[images.variant[first], images.variant[second]]
    usable = (level >= 0) & change.known[first] & change.known[second]
    level, distances, first = level[usable], distances[usable], first[usable]
    group = np.zeros(len(first), np.int64) if images.group is None else images.group[first]
    cell, shape = group * len(change.sizes) + level, (GROUPS, len(change.sizes))
    counts = np.bincount(cell, minlength=GROUPS * len(change.sizes)).reshape(shape)
    sums = np.bincount(cell, weights=distances, minlength=counts.size).reshape(shape)
    for place in range(len(change.sizes)):
        count, total = counts[:, place], sums[:, place]
        with np.errstate(divide="ignore", invalid="ignore"):
            value = total.sum() / count.sum() / between_cars[0]
            left = (total.sum() - total) / (count.sum() - count)
            replicates = left / between_cars[1:] if len(between_cars) > 1 else np.zeros(0)
        yield int(count.sum()), make_score(RESPONSE.key, float(value), replicates)


def _retrieval(
    points: Points, images: SweptImages, changes: Mapping[str, _Changes]
) -> dict[str, list[tuple[Score, float | None]]]:
    """Return by factor and size the share of images that find the same car, and by chance.

    Every image is a query once for each other variant: the nearest image of the same car in that
    variant against the nearest of another car in its own, so that there are as many to choose from
    whatever the size of the change.
    """
    group = np.zeros(len(points), np.int64) if images.group is None else images.group
    variants = int(images.variant.max()) + 1
    cell = images.variant * GROUPS + group
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    filled = cell[order][starts]
    tables = {name: _Tally.of(len(change.sizes)) for name, change in changes.items()}
    for rows in query_blocks(np.arange(len(points)), len(points), BLOCK_ELEMENTS):
        squared = points.squared_distances(rows)[:, order]
        same = images.car[rows][:, None] == images.car[order]
        nearest = np.full((2, len(rows), variants * GROUPS), np.inf)
        number = np.zeros((2, len(rows), variants * GROUPS))
        for kind, among in enumerate((same, ~same)):
            distances = np.where(among, squared, np.inf)
            nearest[kind][:, filled] = np.minimum.reduceat(distances, starts, axis=1)
            number[kind][:, filled] = np.add.reduceat(among, starts, axis=1)
        cars, others = nearest.reshape(2, len(rows), variants, GROUPS)
        counts = number.reshape(2, len(rows), variants, GROUPS).sum(axis=3)
        before_change = np.arange(len(rows)), images.variant[rows]
        setting = others[before_change]
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = counts[0] / (counts[0] + counts[1][before_change][:, None])

        def hits_among(
            columns: NDArray[np.bool_],
            cars: Distances = cars,
            setting: Distances = setting,
        ) -> Distances:
            """Return [B, V] whether the same car is found; NaN where there is none to choose."""
            car, other = cars[:, :, columns].min(axis=2), setting[:, columns].min(axis=1)[:, None]
            usable = np.isfinite(car) & np.isfinite(other)
            with np.errstate(invalid="ignore"):
                nearer = other - car
            hits = np.where(np.abs(nearer) <= points.tolerance, 0.5, nearer > 0)
            return np.where(usable, hits, np.nan)

        everything = hits_among(np.ones(GROUPS, bool))
        without = [
            hits_among(np.arange(GROUPS) != left) if images.group is not None else everything[:0]
            for left in range(GROUPS)
        ]
        for name, change in changes.items():
            level = np.where(change.known[rows][:, None], change.level[images.variant[rows]], -1)
            tables[name].add(level, group[rows], everything, without, expected)
    scenes = int(images.scene.max()) + 1
    return {
        name: list(table.scores(scenes, intervals=images.group is not None))
        for name, table in tables.items()
    }


@dataclass(frozen=True)
class _Tally:
    """Hits by size of the change, each with the number of queries behind it.

    Attributes:
        by_group: [2, K, GROUPS] by the query's group.
        without: [2, K, GROUPS] without each group among queries and neighbors.
        expected: [2, K] of random embeddings.
        queries: [K] number of images that are queries.
    """

    by_group: Distances
    without: Distances
    expected: Distances
    queries: Ints

    @classmethod
    def of(cls, sizes: int) -> _Tally:
        shape = 2, sizes, GROUPS
        return cls(
            np.zeros(shape), np.zeros(shape), np.zeros((2, sizes)), np.zeros(sizes, np.int64)
        )

    def add(
        self,
        level: Ints,
        group: Ints,
        everything: Distances,
        without: list[Distances],
        expected: Distances,
    ) -> None:
        """Add a block of queries [B, V]."""
        groups = np.broadcast_to(group[:, None], level.shape)
        usable = (level >= 0) & np.isfinite(everything)
        place = level[usable]
        for table, values in ((self.by_group, everything), (self.expected, expected)):
            where = (place, groups[usable]) if table.ndim == 3 else (place,)
            np.add.at(table[0], where, values[usable])
            np.add.at(table[1], where, 1)
        for size in range(len(self.queries)):
            self.queries[size] += (usable & (level == size)).any(axis=1).sum()
        for left, hits in enumerate(without):
            if len(hits):
                staying = (level >= 0) & np.isfinite(hits) & (groups != left)
                np.add.at(self.without[0, :, left], level[staying], hits[staying])
                np.add.at(self.without[1, :, left], level[staying], 1)

    def scores(self, scenes: int, *, intervals: bool) -> Iterator[tuple[Score, float | None]]:
        """Yield the score of each size, and that of random embeddings."""
        with np.errstate(divide="ignore", invalid="ignore"):
            hits, counts = self.by_group
            values = hits.sum(axis=1) / counts.sum(axis=1)
            of_queries = (hits.sum(axis=1, keepdims=True) - hits) / (
                counts.sum(axis=1, keepdims=True) - counts
            )
            of_both = self.without[0] / self.without[1]
            expected = self.expected[0] / self.expected[1]
        for size, value in enumerate(values.tolist()):
            replicates = proportion_replicates(of_both[size], of_queries[size])
            score = make_score(
                RESPONSE_RETRIEVAL.key,
                value,
                replicates if intervals else np.zeros(0),
                sample=Sample(int(self.queries[size]), scenes),
            )
            chance = float(expected[size])
            yield score, None if np.isnan(chance) else chance
