"""Changes of properties with training: paired differences from the untrained network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dmlbench.losses import without_controls
from dmlbench.results.files import Interval
from dmlbench.scores.jackknife import jackknife_interval
from dmlbench.scores.registry import MAIN
from dmlbench.study.models import Measurement
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


def training_changes(
    measured: Mapping[tuple[str, int], Measurement],
    losses: Sequence[str],
    name: str,
    score: str = MAIN.key,
) -> dict[str, Change]:
    """Return the change of a property by trained loss; losses that lack a score are left out.

    Args:
        measured: measurements by loss and fold.
        losses: the losses; controls are left out.
        score: key of the score.
    """
    untrained = by_fold(measured, UNTRAINED)
    changes = {
        loss: paired_change(by_fold(measured, loss), untrained, name, score)
        for loss in without_controls(losses)
    }
    return {loss: change for loss, change in changes.items() if change is not None}


def by_fold(measured: Mapping[tuple[str, int], Measurement], loss: str) -> dict[int, Measurement]:
    """Return the measurements of a loss by fold."""
    return {fold: measured[loss, fold] for of, fold in measured if of == loss}


def paired_change(
    changed: Mapping[int, Measurement],
    unchanged: Mapping[int, Measurement],
    name: str,
    score: str = MAIN.key,
) -> Change | None:
    """Return the mean difference of a property's score over the folds of `changed`.

    Args:
        changed, unchanged: measurements by fold.

    Returns:
        None if a fold or a score is missing.
    """
    values, replicates = [], []
    for fold, measurement in changed.items():
        if fold not in unchanged:
            return None
        after, before = (
            each.properties.properties[name].scores[score]
            for each in (measurement, unchanged[fold])
        )
        if after.value is None or before.value is None:
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
