"""From hits to scores: the equations of the scores of nearest neighbors (protocol section 3).

Throughout, N counts a query and the images that can be its neighbors (those of other units, see
`units`), and c those of them with its label, the query included; its R = c - 1 nearest neighbors
count, and H of them have its label (its hits). Where only one label is left, z and ARP are not
defined: NaN or infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.units import Units
from dmldata.common.arrays import Ints

PAPER_CAP = 1023
"""Maximum number of neighbors that the released code counts (pytorch-metric-learning 0.9.96)."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """What B queries can find: each array [..., B] counts the query and images of other units.

    Attributes:
        sizes: images with the query's label, c.
        images: all images, N.
        repeated: images whose label other units have, too.
    """

    sizes: Ints
    images: Ints
    repeated: Ints

    def at(self, queries: NDArray[np.bool_]) -> Counts:
        """Return the counts of some of the queries [B]."""
        return Counts(self.sizes[queries], self.images[queries], self.repeated[queries])


@dataclass(frozen=True)
class Population:
    """Labeled images, all or those that a jackknife group leaves; permuted labels keep it.

    Attributes:
        label_sizes: [C] images with each label.
        images: number of images.
        repeated: number of images whose label other units have, too.
    """

    label_sizes: Ints
    images: int
    repeated: int

    @classmethod
    def of(cls, codes: Ints, units: Units, staying: NDArray[np.bool_] | None = None) -> Population:
        """Return the population of `staying` images [N], whole units, of label codes [N].

        >>> Population.of(np.array([0, 0, 0, 1]), Units.of(np.array([0, 0, 1, 2]))).repeated
        3
        """
        labels = int(codes.max()) + 1
        unit_sizes = units.sizes
        if staying is not None:
            codes, unit_sizes = codes[staying], unit_sizes[staying]
        label_sizes = np.bincount(codes, minlength=labels)
        repeated = int(np.count_nonzero(label_sizes[codes] > unit_sizes))
        return cls(label_sizes, len(codes), repeated)

    def counts(self, codes: Ints, unit_sizes: Ints) -> Counts:
        """Return the counts of queries from the code of their label and the size of their unit.

        >>> population = Population.of(np.array([0, 0, 0, 1]), Units.of(np.array([0, 0, 1, 2])))
        >>> counts = population.counts(np.array([0, 0]), np.array([2, 1]))
        >>> counts.sizes.tolist(), counts.images.tolist(), counts.repeated.tolist()
        ([2, 3], [3, 4], [2, 3])
        """
        others = unit_sizes - 1
        return Counts(
            self.label_sizes[codes] - others, self.images - others, self.repeated - others
        )

    def possible_sizes(self, units: Units) -> Ints:
        """Return every number of images with its label that a query can find, itself included."""
        return np.unique(self.label_sizes[:, None] - np.unique(units.sizes) + 1)


@dataclass(frozen=True)
class Formula:
    """How a score comes from the hits among the nearest neighbors of a query.

    Attributes:
        ranks: from label sizes to how many nearest neighbors count; more images with a label never
            make them fewer.
        values: from hits [B] and counts of the queries to the score [B] of each query.
        growth: from the counts of the images to what the score grows with, squared, for each; None
            for a score that does not grow with the number of images.
        normalized: whether embeddings are normalized before distances are taken.
    """

    ranks: Callable[[Ints], Ints]
    values: Callable[[Values, Counts], Values]
    growth: Callable[[Counts], Ints] | None = None
    normalized: bool = True


def precision(hits: Values, counts: Counts) -> Values:
    """Return the R-Precision RP = H / R of each query."""
    return np.asarray(hits / (counts.sizes - 1), dtype=np.float64)


def standard_score(hits: Values, ranks: Ints, share: Values) -> Values:
    """Return the NR-Precision z = (H - Rp) / sqrt(Rp(1 - p)) of each query from R and p = c / N.

    >>> standard_score(np.array([2.0]), np.array([2]), np.array([0.5])).round(6).tolist()
    [1.414214]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((hits - ranks * share) / np.sqrt(ranks * share * (1 - share)))


def adjusted(hits: Values, counts: Counts) -> Values:
    """Return the chance-adjusted ARP = (RP - q) / (1 - q) with q = R / (N - 1) of each query."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (counts.sizes - 1) / (counts.images - 1)
        return np.asarray((precision(hits, counts) - share) / (1 - share), dtype=np.float64)


def all_ranks(sizes: Ints) -> Ints:
    """Return R for each label size: as many neighbors as other images share the label."""
    return sizes - 1


def first_rank(sizes: Ints) -> Ints:
    """Return 1 for each label size that has a neighbor to find, else 0."""
    return np.minimum(sizes - 1, 1)


def paper_ranks(sizes: Ints) -> Ints:
    """Return for each label size how many neighbors the released code counts."""
    return np.minimum(sizes - 1, PAPER_CAP)


FORMULAS = {
    "nr_precision": Formula(
        all_ranks,
        lambda hits, counts: standard_score(
            hits, all_ranks(counts.sizes), counts.sizes / counts.images
        ),
        growth=lambda counts: counts.images,
    ),
    "arp": Formula(all_ranks, adjusted),
    "r_precision": Formula(all_ranks, precision),
    "precision_at_1": Formula(first_rank, lambda hits, counts: hits),
    "nr_precision_paper": Formula(
        paper_ranks,
        lambda hits, counts: standard_score(
            hits, paper_ranks(counts.sizes), counts.sizes / counts.repeated
        ),
        growth=lambda counts: paper_ranks(counts.sizes),
        normalized=False,
    ),
}
"""By key, the scores that hits alone decide; their other attributes are in `scores.registry`."""

ORDERED = "map_at_r"
"""The score that the order of the neighbors decides: see `ranked_sums`."""


@dataclass(frozen=True)
class ScoreSet:
    """The scores that one pass over the distances serves.

    Attributes:
        normalized: whether those of normalized embeddings are among them.
        raw: whether those of embeddings as the model gives them are among them.
    """

    normalized: bool
    raw: bool

    @cached_property
    def formulas(self) -> dict[str, Formula]:
        """By key, the scores that hits alone decide."""
        return {
            key: formula
            for key, formula in FORMULAS.items()
            if (self.normalized if formula.normalized else self.raw)
        }

    @property
    def ordered(self) -> bool:
        """Whether the score that needs the order of the neighbors is among them."""
        return self.normalized

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys of the scores."""
        return (*self.formulas, *([ORDERED] if self.ordered else []))

    def ranks(self, sizes: Ints) -> Ints:
        """Return all numbers of nearest neighbors that count for these label sizes, ascending."""
        sizes = np.unique(sizes[sizes >= 2])
        if len(sizes) == 0:
            return sizes
        ranks = [formula.ranks(sizes) for formula in self.formulas.values()]
        return np.unique(np.concatenate([*ranks, *([all_ranks(sizes)] if self.ordered else [])]))

    def max_rank(self, sizes: Ints) -> int:
        """Return the largest of these numbers; some label must occur twice."""
        largest = np.array([sizes.max()])
        rules = [formula.ranks for formula in self.formulas.values()]
        return max(int(rule(largest)[0]) for rule in (*rules, *[all_ranks] * self.ordered))
