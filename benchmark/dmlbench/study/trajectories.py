"""Losses at equal MAP@R: of each training the checkpoint nearest to a level that all reached.

Losses that are trained for the same time differ in how far they got, and what differs between
their embeddings may be that alone. Of every loss and fold, the models are its checkpoints and its
best epoch; their level is MAP@R on the validation classes of the fold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pydantic import Field

from dmlbench.study.recipe import Model
from dmlbench.study.trainings import Training
from dmldata.common.strict import StrictModel


class Point(StrictModel):
    """A model of a training.

    Attributes:
        epoch: number of epochs that it was trained for.
        map_at_r: on the validation classes.
        best: whether it is the model of the best epoch, which the study measures anyway.
    """

    epoch: int
    map_at_r: float
    best: bool


class ScoredPoint(Point):
    """A model of a training with its NR-Precision.

    Attributes:
        scores: by property; None where there is no score.
    """

    scores: dict[str, float | None]


class ChosenPoints(StrictModel):
    """The models that are compared at equal MAP@R.

    Attributes:
        levels: by fold, the highest MAP@R that all losses reached.
        set_by: by fold, the loss whose highest MAP@R that is; empty where another level was chosen.
        points: by loss and fold, the model whose MAP@R is nearest to the level of its fold.
        left_out: losses that reached too little, with their highest MAP@R in the fold where it is
            lowest, in times the untrained network's.
    """

    levels: dict[int, float]
    set_by: dict[int, str] = Field(default_factory=dict)
    points: dict[str, dict[int, Point]]
    left_out: dict[str, float] = Field(default_factory=dict)

    def gap(self, loss: str) -> float:
        """Return the largest distance of a loss's models from the levels of their folds."""
        return max(
            abs(point.map_at_r - self.levels[fold]) for fold, point in self.points[loss].items()
        )

    def largest_gap(self, fold: int) -> float:
        """Return the largest distance of a model of a fold from its level."""
        return max(
            abs(by_fold[fold].map_at_r - self.levels[fold])
            for by_fold in self.points.values()
            if fold in by_fold
        )


def trajectory(training: Training) -> list[Point]:
    """Return the models of a training by epoch; none of a control, which is not trained.

    >>> best = {"epoch": 3, "map_at_r": 0.5}
    >>> checkpoints = [{"epoch": 1, "map_at_r": 0.2}, best]
    >>> metrics = {"trained": best}
    >>> points = trajectory(Training(metrics=metrics, history=[], made_with={}, \
checkpoints=checkpoints))
    >>> [(point.epoch, point.best) for point in points]
    [(1, False), (3, True)]
    """
    trained = training.metrics["trained"]
    if trained is None:
        return []
    level_of = {int(row["epoch"]): row["map_at_r"] for row in (*training.checkpoints, trained)}
    return [
        Point(epoch=epoch, map_at_r=level, best=epoch == trained["epoch"])
        for epoch, level in sorted(level_of.items())
    ]


def choose_points(
    trajectories: Mapping[Model, Sequence[Point]],
    untrained: Mapping[int, float] | None = None,
    least_gain: float | None = None,
) -> ChosenPoints:
    """Choose the models to compare at equal MAP@R.

    The level of a fold is the least, over the losses, of the highest MAP@R of their models: the
    highest that all reached. Of two models as near to it, the earlier one is chosen.

    Args:
        trajectories: models by loss and fold; losses without any are left out.
        untrained: MAP@R of the untrained network by fold.
        least_gain: losses are left out that in some fold do not reach so many times that.

    >>> def models(*levels):
    ...     return [Point(epoch=e, map_at_r=level, best=False) for e, level in enumerate(levels, 1)]
    >>> chosen = choose_points({("a", 0): models(0.1, 0.4, 0.9), ("b", 0): models(0.2, 0.5)})
    >>> chosen.levels, {loss: points[0].epoch for loss, points in chosen.points.items()}
    ({0: 0.5}, {'a': 2, 'b': 2})
    >>> choose_points({("a", 0): models(0.1, 0.9), ("b", 0): models(0.5)}, {0: 0.3}, 2).left_out
    {'b': 1.6666666666666667}
    """
    left_out: dict[str, float] = {}
    if least_gain is not None and untrained is not None:
        left_out = _below(trajectories, untrained, least_gain)
    reached: dict[int, dict[str, float]] = {}
    for (loss, fold), points in trajectories.items():
        if points and loss not in left_out:
            reached.setdefault(fold, {})[loss] = max(point.map_at_r for point in points)
    set_by = {fold: min(by_loss, key=by_loss.__getitem__) for fold, by_loss in reached.items()}
    levels = {fold: by_loss[set_by[fold]] for fold, by_loss in reached.items()}
    return _chosen(trajectories, levels, left_out, set_by)


def choose_at_gain(
    trajectories: Mapping[Model, Sequence[Point]],
    untrained: Mapping[int, float],
    gain: float,
    farthest: Mapping[int, float],
) -> ChosenPoints:
    """Choose the models nearest to so many times the untrained network's MAP@R.

    Losses that in some fold do not reach it are left out, and those without a model near it: at
    unequal levels MAP@R alone would tell groups apart.

    Args:
        trajectories, untrained, gain: as for `choose_points`.
        farthest: by fold, how far the MAP@R of a model may be from the level.
    """
    levels = {fold: gain * level for fold, level in untrained.items()}
    left_out = _below(trajectories, untrained, gain)
    for (loss, fold), points in trajectories.items():
        if points and loss not in left_out:
            level = nearest(points, levels[fold]).map_at_r
            if abs(level - levels[fold]) > farthest[fold]:
                left_out[loss] = level / untrained[fold] if untrained[fold] else math.inf
    return _chosen(trajectories, levels, left_out)


def points_by_steps(points: Sequence[ScoredPoint], steps_of_epoch: int) -> dict[int, ScoredPoint]:
    """Return the models of a training by the number of steps that they were trained for."""
    return {steps_of_epoch * point.epoch: point for point in points}


def nearest(points: Sequence[Point], level: float) -> Point:
    """Return the model whose MAP@R is nearest to a level, the earlier of two as near."""
    return min(points, key=lambda point: abs(point.map_at_r - level))


def scores_at(points: Sequence[ScoredPoint], level: float) -> dict[str, float | None] | None:
    """Return the scores where a training first reaches a level of MAP@R, by property.

    They are interpolated between the first model that reaches it and the one before.

    Args:
        points: scored models of a training by epoch. The untrained network is none of them: scores
            fall steeply from it to the first, and a line between the two would make them depend on
            where the first was kept.

    Returns:
        None where no model reaches the level, or the first is above it.

    >>> def model(epoch, level, hue):
    ...     return ScoredPoint(epoch=epoch, map_at_r=level, best=False, scores={"hue": hue})
    >>> points = [model(0, 0.1, 4.0), model(1, 0.3, 2.0), model(2, 0.2, 9.0)]
    >>> scores_at(points, 0.25), scores_at(points, 0.4), scores_at(points, 0.05)
    ({'hue': 2.5}, None, None)
    """
    reached = next((place for place, at in enumerate(points) if at.map_at_r >= level), None)
    if reached is None or (reached == 0 and points[0].map_at_r > level):
        return None
    after = points[reached]
    before = points[max(reached - 1, 0)]
    way = after.map_at_r - before.map_at_r
    share = (level - before.map_at_r) / way if way else 1.0

    def between(low: float | None, high: float | None) -> float | None:
        return None if low is None or high is None else low + share * (high - low)

    return {name: between(before.scores[name], score) for name, score in after.scores.items()}


def _chosen(
    trajectories: Mapping[Model, Sequence[Point]],
    levels: Mapping[int, float],
    left_out: Mapping[str, float],
    set_by: Mapping[int, str] | None = None,
) -> ChosenPoints:
    chosen: dict[str, dict[int, Point]] = {}
    for (loss, fold), points in trajectories.items():
        if points and loss not in left_out:
            chosen.setdefault(loss, {})[fold] = nearest(points, levels[fold])
    return ChosenPoints(
        levels=dict(levels), set_by=dict(set_by or {}), points=chosen, left_out=dict(left_out)
    )


def _below(
    trajectories: Mapping[Model, Sequence[Point]], untrained: Mapping[int, float], gain: float
) -> dict[str, float]:
    """Return the losses that in some fold do not reach so many times the untrained network's MAP@R.

    Returns:
        Their highest MAP@R in the fold where it is lowest, in times the untrained network's.
    """
    gains: dict[str, float] = {}
    for (loss, fold), points in trajectories.items():
        if points:
            reached = max(point.map_at_r for point in points)
            times = reached / untrained[fold] if untrained[fold] else math.inf
            gains[loss] = min(times, gains.get(loss, times))
    return {loss: times for loss, times in gains.items() if times < gain}
