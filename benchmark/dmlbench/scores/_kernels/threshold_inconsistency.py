"""Threshold inconsistency over labels (OPIS), of pairs in bins of distance.

`verification.opis` defines it. Only 32 thresholds count, so pairs are tallied by label and by the
first threshold that accepts them: permutations and jackknife groups change the tallies alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.pair_bins import PairBins
from dmldata.common.arrays import Ints

CALIBRATION = 0.01, 0.1
"""False positive rates at the ends of the range of thresholds of OPIS."""
THRESHOLDS = 32
"""Number of thresholds in that range."""
LEVELS = THRESHOLDS + 1
"""The first threshold that accepts a pair, or none: the levels of pairs."""

Values = NDArray[np.float64]


def accepting_thresholds(same: Ints, everything: Ints, distances: Values) -> Ints:
    """Return the first threshold that accepts the pairs of each bin [B]; THRESHOLDS for none.

    Args:
        same: [B] pairs with the same label in each bin, from near to far.
        everything: [B] all pairs in each bin.
        distances: [B] of the bins.
    """
    wrong = np.cumsum(everything - same)
    low, high = distances[np.searchsorted(wrong, np.array(CALIBRATION) * wrong[-1])].tolist()
    thresholds = np.linspace(low, high, THRESHOLDS)
    return np.searchsorted(thresholds, distances, side="right")


def inconsistency(same: Ints, touching: Ints) -> float:
    """Return the variance of utility over labels, averaged over thresholds.

    Args:
        same: [C, LEVELS] pairs within each label by their level.
        touching: [C, LEVELS] pairs of an image of each label with any image, by level;
            pairs within the label are in it twice.

    Returns:
        NaN for fewer than two labels with pairs of both kinds.
    """
    different = touching - 2 * same
    usable = (same.sum(axis=1) > 0) & (different.sum(axis=1) > 0)
    if usable.sum() < 2:
        return float("nan")
    accepted, wrong = (np.cumsum(counts[usable], axis=1) for counts in (same, different))
    sensitivity = accepted[:, :-1] / accepted[:, -1:]
    specificity = 1 - wrong[:, :-1] / wrong[:, -1:]
    total = sensitivity + specificity
    utility = 2 * sensitivity * specificity / np.where(total > 0, total, 1.0)
    return float(utility.var(axis=0).mean())


@dataclass(frozen=True)
class Thresholds:
    """What OPIS needs: thresholds, which stay those of all images and the labels as they are.

    Attributes:
        codes: [n] label of each image, 0..C-1.
        level: [B] of each bin; see `accepting_thresholds`.
        partners: [n, G, LEVELS] pairs of each image by the jackknife group of its partner and
            level; G is 1 without groups.
    """

    codes: Ints
    level: Ints
    partners: NDArray[np.int64]

    @classmethod
    def of(cls, bins: PairBins, hits: Ints, codes: Ints, groups: Ints | None) -> Thresholds:
        level = accepting_thresholds(hits, bins.counts, np.sqrt(bins.squared))
        of_partners = (
            (np.zeros_like(codes), 1) if groups is None else (groups, int(groups.max()) + 1)
        )
        return cls(codes, level, bins.tally_partners(*of_partners, level, LEVELS))

    def permuted(self, within: NDArray[np.int64], orders: Ints) -> list[float]:
        """Return OPIS of each order [P, n] of the images; see `PairBins.tally_within`.

        Args:
            within: [P, C, LEVELS] pairs within each label by level.
        """
        return [
            inconsistency(same, self._sum(self._all_partners, order))
            for same, order in zip(within, orders, strict=True)
        ]

    def replicate(self, within: NDArray[np.int64], staying: NDArray[np.bool_], group: int) -> float:
        """Return OPIS of the images [n] that a jackknife group leaves.

        Args:
            within: [C, LEVELS] pairs of these images within each label by level.
        """
        partners = self._all_partners - self.partners[:, group]
        partners[~staying] = 0
        return inconsistency(within, self._sum(partners, np.arange(len(staying))))

    @cached_property
    def _all_partners(self) -> NDArray[np.int64]:
        """The pairs of each image by level [n, LEVELS]."""
        all_partners: NDArray[np.int64] = self.partners.sum(axis=1)
        return all_partners

    @cached_property
    def _by_label(self) -> tuple[Ints, Ints]:
        """The images label by label, and the place of the first image of each label."""
        images = np.argsort(self.codes, kind="stable")
        return images, np.searchsorted(self.codes[images], np.arange(int(self.codes.max()) + 1))

    def _sum(self, partners: NDArray[np.int64], order: Ints) -> NDArray[np.int64]:
        """Return the sums [C, LEVELS] over the images of each label."""
        images, starts = self._by_label
        return np.add.reduceat(partners[order[images]], starts, axis=0)
