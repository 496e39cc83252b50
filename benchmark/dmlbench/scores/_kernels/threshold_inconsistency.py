"""Threshold inconsistency over labels (OPIS), of pairs in bins of distance.

`verification.opis` defines it. Only 32 thresholds count, so pairs are tallied by label and by the
first threshold that accepts them: permutations and jackknife groups change the tallies alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.pair_bins import PairBins, counts_without
from dmlbench.scores.jackknife import GROUPS
from dmldata.common.arrays import Ints

CALIBRATION = 0.01, 0.1
"""False positive rates at the ends of the range of thresholds of OPIS."""
THRESHOLDS = 32
"""Number of thresholds in that range."""

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
        same: [C, THRESHOLDS + 1] pairs within each label by their level.
        touching: [C, THRESHOLDS + 1] pairs of an image of each label with any image, by level;
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
        level: [B] of each bin; see `accepting_thresholds`.
        codes: [n] label of each image.
        label: [P] label of each pair with the same label.
        partners: [n, THRESHOLDS + 1] pairs of each image by level.
    """

    bins: PairBins
    level: Ints
    codes: Ints
    label: Ints
    partners: NDArray[np.int64]

    @classmethod
    def of(cls, bins: PairBins, hits: Ints, codes: Ints, label: Ints) -> Thresholds:
        level = accepting_thresholds(hits, bins.counts, np.sqrt(bins.squared))
        width = THRESHOLDS + 1
        partners = sum(
            np.bincount(image * width + level[bins.bins], minlength=len(codes) * width)
            for image in (bins.first, bins.second)
        )
        compact = np.unique(codes, return_inverse=True)[1]
        return cls(
            bins,
            level,
            compact,
            np.searchsorted(np.unique(codes), label),
            np.asarray(partners).reshape(-1, width),
        )

    def inconsistency(self, bins: Ints, order: Ints) -> float:
        """Return OPIS where image `order[i]` has the label of image i, from the bins [P] of the
        pairs that then have the same label."""
        same = np.bincount(self._cells(bins), minlength=self._labels * (THRESHOLDS + 1))
        return inconsistency(same.reshape(self._labels, -1), self._sum(self.partners, order))

    def replicates(self, bins: Ints, groups: Ints, first: Ints, second: Ints) -> list[float]:
        """Return OPIS without each jackknife group; groups of pairs as in `counts_without`."""
        width, images = THRESHOLDS + 1, len(groups)
        same = counts_without(self._cells(bins), self._labels * width, first, second)
        level = self.level[self.bins.bins]
        partners_in = sum(
            np.bincount(
                (image * GROUPS + groups[partner]) * width + level,
                minlength=images * GROUPS * width,
            )
            for image, partner in (
                (self.bins.first, self.bins.second),
                (self.bins.second, self.bins.first),
            )
        )
        of_group = np.asarray(partners_in).reshape(images, GROUPS, width)
        result = []
        for group in range(GROUPS):
            left = np.where((groups == group)[:, None], 0, self.partners - of_group[:, group])
            result.append(inconsistency(same[group].reshape(self._labels, width), self._sum(left)))
        return result

    @cached_property
    def _labels(self) -> int:
        return int(self.codes.max()) + 1

    @cached_property
    def _by_label(self) -> tuple[Ints, Ints]:
        """The images label by label, and the place of the first image of each label."""
        images = np.argsort(self.codes, kind="stable")
        return images, np.searchsorted(self.codes[images], np.arange(self._labels))

    def _cells(self, bins: Ints) -> Ints:
        return self.label * (THRESHOLDS + 1) + self.level[bins]

    def _sum(self, partners: NDArray[np.int64], order: Ints | None = None) -> NDArray[np.int64]:
        """Return the sums [C, THRESHOLDS + 1] over the images of each label."""
        images, starts = self._by_label
        rows = images if order is None else order[images]
        return np.add.reduceat(partners[rows], starts, axis=0)
