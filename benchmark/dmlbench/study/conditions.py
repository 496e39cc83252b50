"""Losses trained under other conditions, beside the same losses as the study trains them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple, TypeVar

from dmlbench.comparison.comparison import Pair
from dmlbench.comparison.groups import LOSS_GROUPS
from dmlbench.comparison.maps import compare_all_maps
from dmlbench.comparison.representations import (
    MEASURES,
    RepresentationPair,
    compare_representations,
)
from dmlbench.losses import loss_named
from dmlbench.results import Result
from dmlbench.scores.registry import RETRIEVAL
from dmlbench.study.averages import mean_or_none
from dmlbench.study.changes import Change, by_fold, paired_change, scores_of
from dmlbench.study.measurements import Measurement
from dmlbench.study.recipe import Model
from dmlbench.study.representations import mean_agreement
from dmlbench.study.trajectories import Point
from dmldata.common.errors import InputError
from dmldata.common.strict import StrictModel

Compared = TypeVar("Compared")
Scores = Mapping[str, float | None]
"""NR-Precision by property."""


class ConditionMaps(StrictModel):
    """Maps of models of a condition beside those of the same losses and folds in the study.

    Attributes:
        pairs: by loss and fold.
    """

    pairs: dict[str, dict[int, Pair]]


class ConditionRepresentations(StrictModel):
    """Embeddings of models of a condition beside those of the study's models of the same fold.

    Attributes:
        pairs: by loss and fold, beside the same loss in the study.
        by_group: by measure, loss and group of losses, how alike the embeddings are to those of the
            other losses of that group, (as in the study, in the condition), in the mean over losses
            and folds.
    """

    pairs: dict[str, dict[int, RepresentationPair]]
    by_group: dict[str, dict[str, dict[str, tuple[float | None, float | None]]]]

    def group_means(self, measure: str) -> dict[str, tuple[float | None, float | None]]:
        """Return `by_group` of a measure by group, in the mean over the losses of the condition."""
        by_loss = self.by_group[measure]
        groups = dict.fromkeys(group for of_loss in by_loss.values() for group in of_loss)
        means = {}
        for group in groups:
            usual, changed = zip(*(of_loss[group] for of_loss in by_loss.values()), strict=True)
            means[group] = mean_or_none(usual), mean_or_none(changed)
        return means


class Distances(NamedTuple):
    """How far the losses of a condition are from the mean of the losses of the other group.

    Attributes:
        usual, changed: mean distance, as in the study and in the condition.
        nearer: number of losses that are nearer in the condition, of `losses`.
    """

    usual: float
    changed: float
    nearer: int
    losses: int

    def exceeds_seed(self, moved_by_seed: float | None) -> bool | None:
        """Return whether the losses come nearer by more than another seed moves a loss.

        So it does where a difference between the groups is one of how losses are trained; and in
        one of ten properties where the condition changes nothing. None if it is not known how far
        another seed moves a loss.
        """
        return None if moved_by_seed is None else self.usual - self.changed > moved_by_seed


class ConditionAtLevel(StrictModel):
    """Models of a condition at the MAP@R at which the losses of the study are compared.

    Attributes:
        points: by loss and fold, the model nearest to the level of the fold.
        scores: by property and loss, NR-Precision (as in the study, in the condition), averaged
            over the folds of the condition.
        other_group: the group of which the losses of the condition are not; None if they are of
            both, or no loss of it is compared.
        other_means: by property, the mean of the losses of that group as the study trains them, in
            the folds of the condition.
        left_out: losses with a model that does not come as near to the level as those of the
            study, with its MAP@R.
    """

    points: dict[str, dict[int, Point]]
    scores: dict[str, dict[str, tuple[float | None, float | None]]]
    other_group: str | None
    other_means: dict[str, float | None]
    left_out: dict[str, float]

    def means(self, name: str) -> tuple[float | None, float | None]:
        """Return the means of a property over the losses, as in the study and in the condition."""
        usual, changed = zip(*self.scores[name].values(), strict=True)
        return mean_or_none(usual), mean_or_none(changed)

    def move(self, name: str) -> float | None:
        """Return how far the condition moves a loss in a property, up or down, in the mean."""
        return mean_or_none(
            [
                None if usual is None or changed is None else abs(changed - usual)
                for usual, changed in self.scores[name].values()
            ]
        )

    def passes(self, name: str) -> bool:
        """Return whether the condition moves the losses' mean past that of the other group."""
        (usual, changed), other = self.means(name), self.other_means.get(name)
        if usual is None or changed is None or other is None:
            return False
        return (usual - other) * (changed - other) < 0

    def distances(self, name: str) -> Distances | None:
        """Return how far the losses are from the other group in a property, before and after."""
        mean = self.other_means.get(name)
        scores = [
            (abs(usual - mean), abs(changed - mean))
            for usual, changed in self.scores[name].values()
            if mean is not None and usual is not None and changed is not None
        ]
        if not scores or len(scores) < len(self.scores[name]):
            return None
        return Distances(
            usual=fmean(usual for usual, _ in scores),
            changed=fmean(changed for _, changed in scores),
            nearer=sum(changed < usual for usual, changed in scores),
            losses=len(scores),
        )


class ConditionFindings(StrictModel):
    """What a condition changes.

    Attributes:
        training: the options that differ from those of the study.
        folds: number of folds.
        changes: by property and loss, the change of NR-Precision.
        retrieval: by label, loss and score: (as in the study, in the condition), averaged over
            the folds of the condition.
        maps: None without maps.
        representations: None where the study does not compare embeddings.
        at_level: None where the study does not score checkpoints or compare at equal MAP@R.
    """

    training: dict[str, Any]
    folds: int
    changes: dict[str, dict[str, Change]]
    retrieval: dict[str, dict[str, dict[str, tuple[float | None, float | None]]]]
    maps: ConditionMaps | None
    representations: ConditionRepresentations | None = None
    at_level: ConditionAtLevel | None = None

    @property
    def is_replicate(self) -> bool:
        """Whether the condition changes nothing but the seed."""
        return set(self.training) == {"seed"}


def compare_condition(
    training: Mapping[str, Any],
    properties: Mapping[Model, Measurement],
    usual_properties: Mapping[Model, Measurement],
    classes: Mapping[Model, Measurement],
    usual_classes: Mapping[Model, Measurement],
    maps: ConditionMaps | None,
    representations: ConditionRepresentations | None,
    at_level: ConditionAtLevel | None,
) -> ConditionFindings:
    """Compare models of a condition with those of the study of the same losses and folds.

    Args:
        training: the options that differ.
        properties, usual_properties: measurements in the condition and in the study.
        classes, usual_classes: the same of images whose classes are retrieved; may be empty.
    """
    losses = tuple(dict.fromkeys(loss for loss, _ in properties))
    names = next(iter(properties.values())).properties.properties
    changes: dict[str, dict[str, Change]] = {}
    for name in names:
        scores, usual = scores_of(properties, name), scores_of(usual_properties, name)
        for loss in losses:
            change = paired_change(by_fold(scores, loss), by_fold(usual, loss))
            if change is not None:
                changes.setdefault(name, {})[loss] = change
    labels = next(iter(classes.values())).properties.properties if classes else ()
    retrieval = {
        label: {
            loss: {
                score.key: (
                    _mean(usual_classes, classes, loss, label, score.key),
                    _mean(classes, classes, loss, label, score.key),
                )
                for score in RETRIEVAL
            }
            for loss in losses
        }
        for label in labels
    }
    return ConditionFindings(
        training=dict(training),
        folds=len({fold for _, fold in properties}),
        changes=changes,
        retrieval=retrieval,
        maps=maps,
        representations=representations,
        at_level=at_level,
    )


def moved_by_seed(conditions: Iterable[ConditionFindings], name: str) -> float | None:
    """Return how far another seed moves a loss in a property at equal MAP@R, in the mean.

    None without a condition that changes the seed alone.
    """
    moves = [
        condition.at_level.move(name)
        for condition in conditions
        if condition.is_replicate and condition.at_level is not None and condition.at_level.points
    ]
    return mean_or_none(moves)


def compare_at_level(
    points: Mapping[Model, Point],
    scores: Mapping[Model, tuple[Scores, Scores]],
    compared: Mapping[Model, Scores],
    left_out: Mapping[str, float],
    *,
    by_loss_group: bool = True,
) -> ConditionAtLevel | None:
    """Average the scores of the models of a condition, and of the study, at one level of MAP@R.

    Args:
        points: the models of the condition.
        scores: those of the same losses and folds, as in the study and in the condition.
        compared: of all losses of the study that are compared there, in the folds of the condition.
        left_out: as in `ConditionAtLevel`; all folds of these losses are left out.
        by_loss_group: whether the study compares classification with ranking losses.

    Returns:
        None if no loss of the condition is compared there.
    """
    by_loss: dict[str, dict[int, Point]] = {}
    for (loss, fold), point in points.items():
        if loss not in left_out:
            by_loss.setdefault(loss, {})[fold] = point
    if not by_loss and not left_out:
        return None
    groups = {loss_named(loss).group for loss in by_loss}
    others = {loss_named(loss).group for loss, _ in compared}.intersection(LOSS_GROUPS) - groups
    other_group = others.pop() if by_loss_group and len(groups) == len(others) == 1 else None
    averaged: dict[str, dict[str, tuple[float | None, float | None]]] = {}
    for name in next(iter(compared.values()), {}):
        for loss, folds in by_loss.items():
            usual, changed = (
                mean_or_none([scores[loss, fold][which].get(name) for fold in folds])
                for which in (0, 1)
            )
            averaged.setdefault(name, {})[loss] = usual, changed
    return ConditionAtLevel(
        points=by_loss,
        scores=averaged,
        other_group=other_group,
        other_means={
            name: mean_or_none(
                [
                    of_model[name]
                    for (loss, _), of_model in compared.items()
                    if loss_named(loss).group == other_group
                ]
            )
            for name in averaged
        }
        if other_group
        else {},
        left_out=dict(left_out),
    )


def compare_maps(results: Mapping[Model, tuple[Result, Result]]) -> ConditionMaps:
    """Compare the maps of each model of a condition with those of its model in the study."""
    return ConditionMaps(
        pairs=_by_loss(results, lambda both: compare_all_maps(both, common_keys(both)).pairs)
    )


def compare_embeddings_of(
    condition: Mapping[Model, Result], usual: Mapping[Model, Result]
) -> ConditionRepresentations:
    """Compare the embeddings of each model of a condition with those of the models of the study.

    Args:
        condition: results of the models of the condition.
        usual: results of the trained models of the study, in the folds of the condition.
    """
    ids = {result.model for result in condition.values()}
    ids |= {usual[at].model for at in condition}
    pairs = {
        frozenset((pair.a, pair.b)): pair
        for pair in compare_representations([*condition.values(), *usual.values()], only_with=ids)
    }

    def between(result: Result, other: Result) -> RepresentationPair:
        return pairs[frozenset((result.model, other.model))]

    with_itself: dict[str, dict[int, RepresentationPair]] = {}
    values: dict[str, dict[str, dict[str, tuple[list[float | None], list[float | None]]]]] = {}
    for (loss, fold), result in condition.items():
        with_itself.setdefault(loss, {})[fold] = between(result, usual[loss, fold])
        for (other, of_fold), beside in usual.items():
            if other == loss or of_fold != fold:
                continue
            for measure in MEASURES:
                of_group = values.setdefault(measure, {}).setdefault(loss, {})
                before, after = of_group.setdefault(loss_named(other).group, ([], []))
                before.append(getattr(between(usual[loss, fold], beside), measure).value)
                after.append(getattr(between(result, beside), measure).value)
    return ConditionRepresentations(
        pairs=with_itself,
        by_group={
            measure: {
                loss: {
                    group: (mean_agreement(before), mean_agreement(after))
                    for group, (before, after) in of_group.items()
                }
                for loss, of_group in by_loss.items()
            }
            for measure, by_loss in values.items()
        },
    )


def _by_loss(
    results: Mapping[Model, tuple[Result, Result]],
    compare: Callable[[tuple[Result, Result]], Sequence[Compared]],
) -> dict[str, dict[int, Compared]]:
    """Return the one pair that each two results make, by loss and fold."""
    pairs: dict[str, dict[int, Compared]] = {}
    for (loss, fold), both in results.items():
        (pair,) = compare(both)
        pairs.setdefault(loss, {})[fold] = pair
    return pairs


def common_keys(results: Sequence[Result]) -> list[str]:
    """Return the keys of the images that all models have maps of, in the order of the first.

    Raises:
        InputError: a model allows no maps.
    """
    keys = [result.saliency.keys for result in results if result.saliency is not None]
    if len(keys) < len(results):
        raise InputError("a model of the study allows no maps; valid: a recipe without saliency")
    common = set.intersection(*map(set, keys))
    return [key for key in keys[0] if key in common]


def _mean(
    measured: Mapping[Model, Measurement],
    condition: Mapping[Model, Measurement],
    loss: str,
    label: str,
    score: str,
) -> float | None:
    """Return the mean of a score over the folds of the condition."""
    values = [
        measured[loss, fold].properties.properties[label].scores[score].value
        for of, fold in condition
        if of == loss
    ]
    return mean_or_none(values)
