"""Scores of one loss, averaged over its folds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dmlbench.results.files import Interval, Score
from dmlbench.scores.jackknife import jackknife_interval
from dmldata.common.strict import StrictModel


class Averaged(StrictModel):
    """A score of one loss, averaged over its folds.

    Attributes:
        mean: None if a fold has no score.
        std: standard deviation over the folds; None for a single fold.
        ci95: interval of the mean, from the folds' intervals and the means of their jackknife
            replicates: it covers the choice of images, not the choice of folds.
        beyond_chance: number of folds that score above the chance level; None where no chance
            level was computed.
    """

    mean: float | None
    std: float | None
    ci95: Interval | None
    beyond_chance: int | None
    folds: int

    @property
    def is_chance(self) -> bool:
        """Whether a fold is known not to score above the chance level."""
        return self.beyond_chance is not None and self.beyond_chance < self.folds


def average(by_fold: Sequence[Score | None]) -> Averaged:
    """Average a score over folds; None stands for a fold that has no such score.

    >>> plain = {"ci95": None, "chance": None, "replicates": None}
    >>> average([Score(value=value, **plain) for value in (0.25, 0.75)]).mean
    0.5
    """
    scores = [each for each in by_fold if each is not None and each.value is not None]
    values = [each.value for each in scores if each.value is not None]
    if not values or len(scores) < len(by_fold):
        return Averaged(mean=None, std=None, ci95=None, beyond_chance=None, folds=len(by_fold))
    mean = float(np.mean(values))
    return Averaged(
        mean=mean,
        std=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        ci95=_interval(mean, scores),
        beyond_chance=_beyond_chance(scores),
        folds=len(by_fold),
    )


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """Return the mean; None without values, or if one is missing.

    >>> mean_or_none([0.25, 0.75]), mean_or_none([0.25, None]), mean_or_none([])
    (0.5, None, None)
    """
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if values and len(known) == len(values) else None


def _beyond_chance(scores: Sequence[Score]) -> int | None:
    """Return how many scores are above the chance level of permuted labels; None if not known."""
    known = [(each.value, each.chance[1]) for each in scores if each.chance is not None]
    if len(known) < len(scores):
        return None
    return sum(value is not None and value > chance for value, chance in known)


def _interval(mean: float, scores: Sequence[Score]) -> Interval | None:
    """Return the folds' intervals averaged, narrower in so far as the folds' errors cancel out.

    The ends of a fold's interval keep to the range of the score and have a width at its ends, as
    those of P@1 do. Where they are symmetric, this is the jackknife's interval of the mean.
    """
    ends = [score.ci95 for score in scores if score.ci95 is not None]
    replicates = [score.replicates for score in scores if score.replicates is not None]
    if len(ends) < len(scores) or len(replicates) < len(scores):
        return None
    of_mean = _width(np.mean(replicates, axis=0))
    of_folds = float(np.mean([_width(of_fold) for of_fold in replicates]))
    share = min(of_mean / of_folds, 1.0) if of_folds > 0 else 1.0
    low, high = ((1 - share) * mean + share * np.mean(ends, axis=0)).tolist()
    return low, high


def _width(replicates: ArrayLike) -> float:
    """Return how wide the jackknife's interval of a score with these replicates is."""
    low, high = jackknife_interval(0.0, replicates) or (math.nan, math.nan)
    return high - low
