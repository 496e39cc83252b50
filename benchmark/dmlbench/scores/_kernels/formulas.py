"""From hits to scores: the equations of the scores of nearest neighbors (protocol section 3).

Throughout, c is the number of images with the label of a query, of N images in all; its R = c - 1
nearest neighbors count, and H of them have its label (its hits). Where only one label is left, z
and ARP are not defined: NaN or infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dmldata.common.arrays import Ints

PAPER_CAP = 1023
"""Maximum number of neighbors that the released code counts (pytorch-metric-learning 0.9.96)."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Formula:
    """How a score comes from the hits among the nearest neighbors of a query.

    Attributes:
        ranks: from label sizes to how many nearest neighbors count; more images with a label never
            make them fewer.
        values: from hits [B], the sizes [B] of the queries' labels and the sizes [C] of all labels
            to the score [B] of each query.
        growth: from the sizes of all labels to what the score grows with, squared; None for a
            score that does not grow with the number of images.
        normalized: whether embeddings are normalized before distances are taken.
    """

    ranks: Callable[[Ints], Ints]
    values: Callable[[Values, Ints, Ints], Values]
    growth: Callable[[Ints], float] | None = None
    normalized: bool = True


def precision(hits: Values, sizes: Ints) -> Values:
    """Return the R-Precision RP = H / R of each query.

    >>> precision(np.array([1.0, 2.0]), np.array([3, 3])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(hits / (sizes - 1), dtype=np.float64)


def standard_score(hits: Values, sizes: Ints, images: int) -> Values:
    """Return the NR-Precision z = (H - Rp) / sqrt(Rp(1 - p)) with p = c / N of each query.

    >>> standard_score(np.array([2.0]), np.array([3]), 6).round(6).tolist()
    [1.414214]
    """
    return _standard_score(hits, sizes - 1, sizes / images)


def standard_score_paper(hits: Values, sizes: Ints, repeated: int) -> Values:
    """Return z with the constants of the released code: R at most 1023, p = c / `repeated`.

    `repeated` is the number of images whose label occurs at least twice.
    """
    return _standard_score(hits, paper_ranks(sizes), sizes / repeated)


def adjusted(hits: Values, sizes: Ints, images: int) -> Values:
    """Return the chance-adjusted ARP = (RP - q) / (1 - q) with q = R / (N - 1) of each query.

    >>> adjusted(np.array([2.0, 0.8]), np.array([3, 3]), 6).round(6).tolist()
    [1.0, 0.0]
    """
    share = (sizes - 1) / (images - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((precision(hits, sizes) - share) / (1 - share), dtype=np.float64)


def repeated_images(sizes: Ints) -> int:
    """Return the number of images whose label occurs at least twice, from all sizes [C]."""
    return int(sizes[sizes >= 2].sum())


def all_ranks(sizes: Ints) -> Ints:
    """Return R for each label size: as many neighbors as other images share the label."""
    return sizes - 1


def first_rank(sizes: Ints) -> Ints:
    """Return 1 for each label size that has a neighbor to find, else 0."""
    return np.minimum(sizes - 1, 1)


def paper_ranks(sizes: Ints) -> Ints:
    """Return for each label size how many neighbors the released code counts."""
    return np.minimum(sizes - 1, PAPER_CAP)


def _standard_score(hits: Values, ranks: Ints, share: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((hits - ranks * share) / np.sqrt(ranks * share * (1 - share)))


def _growth_of_paper(sizes: Ints) -> float:
    """Mean number of neighbors that count: z grows with sqrt(R), and R with N until the cap."""
    return max(float(paper_ranks(sizes) @ sizes) / max(int(sizes.sum()), 1), 1e-9)


FORMULAS = {
    "nr_precision": Formula(
        all_ranks,
        lambda hits, sizes, all_sizes: standard_score(hits, sizes, int(all_sizes.sum())),
        growth=lambda all_sizes: max(int(all_sizes.sum()), 1),
    ),
    "arp": Formula(
        all_ranks, lambda hits, sizes, all_sizes: adjusted(hits, sizes, int(all_sizes.sum()))
    ),
    "r_precision": Formula(all_ranks, lambda hits, sizes, all_sizes: precision(hits, sizes)),
    "precision_at_1": Formula(first_rank, lambda hits, sizes, all_sizes: hits),
    "nr_precision_paper": Formula(
        paper_ranks,
        lambda hits, sizes, all_sizes: standard_score_paper(
            hits, sizes, repeated_images(all_sizes)
        ),
        growth=_growth_of_paper,
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
        largest = sizes.max(keepdims=True)
        rules = [formula.ranks for formula in self.formulas.values()]
        return max(int(rule(largest)[0]) for rule in (*rules, *[all_ranks] * self.ordered))
