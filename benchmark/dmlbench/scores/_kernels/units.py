"""Units: images that are no neighbors of each other, such as the images of one scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dmldata.common.arrays import Floats, Ints


@dataclass(frozen=True)
class Units:
    """The unit of each of N points: a query's neighbors are the points of other units.

    Where every point is a unit of its own, the neighbors of a query are all other points.

    Attributes:
        codes: [N] code of each point's unit.
        sizes: [N] number of points in each point's unit.
        by_unit: [N] points, unit after unit.
        start: [U] place in `by_unit` of the first point of each unit.
    """

    codes: Ints
    sizes: Ints
    by_unit: Ints
    start: Ints

    @classmethod
    def of(cls, codes: Ints) -> Units:
        """Return the units of points from their codes [N], 0..U-1."""
        counts = np.bincount(codes)
        start = np.cumsum(counts) - counts
        return cls(codes, counts[codes], np.argsort(codes, kind="stable"), start)

    def exclude(self, distances: Floats, queries: Ints, value: float) -> None:
        """Write `value` in place of the distances [B, N] of queries [B] to their own units.

        >>> distances = np.zeros((1, 3))
        >>> Units.of(np.array([0, 1, 0])).exclude(distances, np.array([0]), np.inf)
        >>> distances.tolist()
        [[inf, 0.0, inf]]
        """
        distances[self.places(queries)] = value

    def places(self, queries: Ints) -> tuple[Ints, Ints]:
        """Return the rows and columns of distances [B, N] of queries [B] to their own units."""
        lengths = self.sizes[queries]
        first = np.cumsum(lengths) - lengths
        place = np.arange(int(lengths.sum())) + np.repeat(
            self.start[self.codes[queries]] - first, lengths
        )
        return np.repeat(np.arange(len(queries)), lengths), self.by_unit[place]
