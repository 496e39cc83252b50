"""All pairs of some images in bins of distance, from which curves over thresholds are made.

A curve needs the pairs in the order of their distance. Sorting them again for every property,
jackknife group and permutation would cost seconds each; here they are sorted once, and a histogram
of the bins stands for the sorted list. Bins are fine where thresholds of verification lie: each of
the nearest `RESOLUTION` pairs has its own, and a later bin holds 1 / `RESOLUTION` of the pairs that
are nearer. Pairs whose distances are tied share a bin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.products import compiled_loops
from dmldata.common.arrays import Ints

RESOLUTION = 2048


@dataclass(frozen=True)
class Members:
    """Images label by label.

    Attributes:
        images: uint32 [M].
        starts: uint64 [C + 1], place of each label's first image, and the end of the last.
    """

    images: NDArray[np.uint32]
    starts: NDArray[np.uint64]

    @classmethod
    def of(cls, codes: Ints, staying: NDArray[np.bool_] | None = None) -> Members:
        """Return the images of label codes [n], 0..C-1; of staying ones alone, if these are given.

        >>> Members.of(np.array([1, 0, 1])).images.tolist()
        [1, 0, 2]
        """
        images = np.argsort(codes, kind="stable")
        if staying is not None:
            images = images[staying[images]]
        starts = np.searchsorted(codes[images], np.arange(int(codes.max()) + 2))
        return cls(images.astype(np.uint32), starts.astype(np.uint64))

    def by_label(self, order: Ints) -> Iterator[Ints]:
        """Yield the images that have each label where image `order[i]` has that of image i."""
        yield from np.split(order[self.images], self.starts[1:-1].astype(np.intp))


@dataclass(frozen=True)
class PairBins:
    """The pairs of n images that are of different units, in B bins from near to far.

    Attributes:
        table: uint16 [n, n], bin of each pair, symmetric; B for images of one unit.
        counts: [B] number of pairs in each bin.
        squared: [B] mean squared distance of the pairs in each bin, in the units of normalized
            embeddings.
    """

    table: NDArray[np.uint16]
    counts: Ints
    squared: NDArray[np.float64]

    @classmethod
    def of(cls, points: Points, units: Ints) -> PairBins:
        """Return the pairs of points [n] of different units [n].

        >>> from dmlbench.scores._kernels.distances import prepare_points
        >>> points = prepare_points(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]), normalize=True)
        >>> pairs = PairBins.of(points, np.arange(3))
        >>> pairs.table.tolist(), pairs.squared.round(6).tolist()
        ([[2, 1, 1], [1, 2, 0], [1, 0, 2]], [0.0, 2.0])
        """
        first, second = np.triu_indices(len(points), 1)
        other = units[first] != units[second]
        first, second = first[other], second[other]
        squared = points.squared_distances(np.arange(len(points)))[first, second]
        keys = np.rint(squared / points.tolerance)
        near_first = np.argsort(keys)
        ordered = keys[near_first]
        edges = np.unique(ordered[_first_ranks(len(keys))])
        bins = np.empty(len(keys), dtype=np.uint16)
        counts = np.diff(np.searchsorted(ordered, edges), append=len(keys))
        bins[near_first] = np.repeat(np.arange(len(edges), dtype=np.uint16), counts)
        table = np.full((len(points), len(points)), len(edges), dtype=np.uint16)
        table[first, second] = table[second, first] = bins
        sums = np.bincount(bins, weights=squared, minlength=len(edges))
        return cls(table, counts, points.unit**2 * sums / np.maximum(counts, 1))

    def count_within(self, members: Members, orders: Ints) -> NDArray[np.int64]:
        """Return the pairs within labels by bin [P, B], for orders [P, n] of the images.

        Image `order[i]` has the label of image i.

        >>> from dmlbench.scores._kernels.distances import prepare_points
        >>> points = prepare_points(np.eye(3), normalize=True)
        >>> pairs = PairBins.of(points, np.arange(3))
        >>> pairs.count_within(Members.of(np.array([0, 0, 0])), np.arange(3)[None]).tolist()
        [[3]]
        """
        return self.tally_within(members, orders, np.zeros(len(self.counts), np.int64), 1)[0]

    def tally_within(
        self, members: Members, orders: Ints, level: Ints, levels: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs within labels by bin [P, B], and by label and level [P, C, levels].

        Args:
            orders: [P, n]; see `count_within`.
            level: [B] of each bin, below `levels`.
        """
        bins, labels = len(self.counts), len(members.starts) - 1
        # Pairs of one unit have a bin and a level of their own, the last.
        level = np.append(level, levels)
        by_bin = np.zeros((len(orders), bins + 1), np.int64)
        by_level = np.zeros((len(orders), labels, levels + 1), np.int64)
        loops = compiled_loops()
        if loops is not None:
            of_members = orders[:, members.images].astype(np.uint32)
            loops.tally_pairs_within(
                self.table, of_members, members.starts, level, by_bin, by_level
            )
            return by_bin[:, :bins], by_level[:, :, :levels]
        for order, of_order, levels_of_order in zip(orders, by_bin, by_level, strict=True):
            for label, images in enumerate(members.by_label(order)):
                first, second = np.triu_indices(len(images), 1)
                pairs = self.table[images[first], images[second]]
                of_order += np.bincount(pairs, minlength=bins + 1)
                levels_of_order[label] = np.bincount(level[pairs], minlength=levels + 1)
        return by_bin[:, :bins], by_level[:, :, :levels]

    def tally_partners(
        self, groups: Ints, count: int, level: Ints, levels: int
    ) -> NDArray[np.int64]:
        """Return the pairs of each image by the group of its partner and level [n, count, levels].

        Args:
            groups: [n] of each image, below `count`.
            level: [B] of each bin, below `levels`.
        """
        level = np.append(level, levels)
        tally = np.zeros((len(groups), count, levels + 1), np.int64)
        loops = compiled_loops()
        if loops is not None:
            loops.tally_partners(self.table, groups, level, tally)
        else:
            cells = groups * (levels + 1)
            for of_image, row in zip(tally, self.table, strict=True):
                of_image += np.bincount(cells + level[row], minlength=of_image.size).reshape(
                    of_image.shape
                )
        return tally[:, :, :levels]


def _first_ranks(pairs: int) -> Ints:
    """Return the rank, from 0, of the first pair of each bin."""
    if pairs <= RESOLUTION:
        return np.arange(pairs)
    growth = np.log1p(1 / RESOLUTION)
    steps = int(np.log(pairs / RESOLUTION) / growth)
    wider = RESOLUTION * np.exp(growth * np.arange(1, steps + 1))
    ranks = np.concatenate([np.arange(RESOLUTION), wider.astype(np.int64)])
    return np.unique(ranks[ranks < pairs])
