"""Changes of scores with training: paired differences from the untrained network."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dmlbench.comparison.rank_tests import LEVEL
from dmlbench.comparison.simultaneous import simultaneous_p
from dmlbench.losses import without_controls
from dmlbench.results.files import Interval, Score
from dmlbench.scores.jackknife import jackknife_interval
from dmlbench.scores.registry import MAIN
from dmlbench.study.measurements import Measurement
from dmlbench.study.recipe import Model
from dmldata.common.strict import StrictModel

UNTRAINED = "none"
"""The control before training."""


class Change(StrictModel):
    """A score of a loss minus that of another model of its folds, averaged over the folds.

    Attributes:
        ci95: paired interval, from the means of the folds' differences of replicates.
    """

    value: float
    ci95: Interval | None


def scores_of(
    measured: Mapping[Model, Measurement], name: str, score: str = MAIN.key
) -> dict[Model, Score]:
    """Return a score of a property by model.

    Args:
        name: the property.
        score: key of the score.
    """
    return {
        model: each.properties.properties[name].scores[score] for model, each in measured.items()
    }


def training_changes(scores: Mapping[Model, Score], losses: Sequence[str]) -> dict[str, Change]:
    """Return the change of a score by trained loss; losses that lack one are left out.

    Args:
        scores: by model.
        losses: the losses; controls are left out.
    """
    untrained = by_fold(scores, UNTRAINED)
    changes = {
        loss: paired_change(by_fold(scores, loss), untrained) for loss in without_controls(losses)
    }
    return {loss: change for loss, change in changes.items() if change is not None}


def by_fold(scores: Mapping[Model, Score], loss: str) -> dict[int, Score]:
    """Return the scores of a loss by fold."""
    return {fold: score for (of, fold), score in scores.items() if of == loss}


def paired_change(changed: Mapping[int, Score], unchanged: Mapping[int, Score]) -> Change | None:
    """Return the mean difference of a score over the folds of `changed`.

    Args:
        changed, unchanged: scores by fold.

    Returns:
        None if a fold or a score is missing.
    """
    values, replicates = [], []
    for fold, after in changed.items():
        before = unchanged.get(fold)
        if before is None or after.value is None or before.value is None:
            return None
        values.append(after.value - before.value)
        if after.replicates is not None and before.replicates is not None:
            replicates.append(np.subtract(after.replicates, before.replicates))
    if not values:
        return None
    mean = float(np.mean(values))
    paired = len(replicates) == len(values)
    ci95 = jackknife_interval(mean, np.mean(replicates, axis=0)) if paired else None
    return Change(value=mean, ci95=ci95)


class Differences(StrictModel):
    """In how many pairs two losses differ in a score, in the mean over folds.

    Attributes:
        pairs: number of pairs of trained losses.
        apart: of these, those whose paired 95 % interval excludes 0.
        apart_of_all: the same at p < 0.05 once all pairs are accounted for; see `simultaneous_p`.
    """

    pairs: int
    apart: int
    apart_of_all: int


def count_differences(scores: Mapping[Model, Score], losses: Sequence[str]) -> Differences | None:
    """Count the pairs of trained losses that differ in a score.

    Args:
        scores: by model.
        losses: the losses; controls are left out.

    Returns:
        None for fewer than two losses, and without intervals.
    """
    means, replicates = [], []
    for loss in without_controls(losses):
        of_folds = list(by_fold(scores, loss).values())
        values = [score.value for score in of_folds if score.value is not None]
        left_out = [score.replicates for score in of_folds if score.replicates is not None]
        if not of_folds or len(values) < len(of_folds) or len(left_out) < len(of_folds):
            return None
        means.append(float(np.mean(values)))
        replicates.append(np.mean(left_out, axis=0))
    if len(means) < 2:
        return None
    pairs = list(itertools.combinations(range(len(means)), 2))
    changes = [
        Change(
            value=means[a] - means[b],
            ci95=jackknife_interval(means[a] - means[b], replicates[a] - replicates[b]),
        )
        for a, b in pairs
    ]
    p = simultaneous_p(means, np.array(replicates))
    return Differences(
        pairs=len(pairs),
        apart=sum(apart(changes)),
        apart_of_all=sum(bool(p[a, b] < LEVEL) for a, b in pairs),
    )


def apart(changes: Iterable[Change]) -> tuple[int, int]:
    """Return how many changes are above 0 by their intervals, and how many below."""
    intervals = [change.ci95 for change in changes if change.ci95 is not None]
    return sum(low > 0 for low, _ in intervals), sum(high < 0 for _, high in intervals)
