"""What a study found: folds of a loss averaged, losses side by side, groups tested."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from dmlbench.compare.comparison import Pair, SaliencyTable, mean_correlations
from dmlbench.compare.group_tests import GroupComparison, compare_groups
from dmlbench.compare.groups import Groups
from dmlbench.losses import loss_named
from dmlbench.maps import summarize_correlations
from dmlbench.results.files import DatasetRecord, Interval, Score
from dmlbench.scores.jackknife import jackknife_interval
from dmlbench.scores.registry import ADJUSTED, MAIN, PAPER, RETRIEVAL
from dmlbench.study.models import Measurement, Training
from dmlbench.study.recipe import StudyRecipe
from dmldata.common.strict import StrictModel

Model = tuple[str, int]
"""A loss and a fold."""

SCORES = tuple(score.key for score in (MAIN, PAPER, ADJUSTED))
FEWEST_LOSSES = 5
"""That a rank correlation over losses is given for."""


class MapComparison(SaliencyTable):
    """Maps of all models of one fold, or of the folds of each loss, and whose they are.

    Attributes:
        names: id of a model -> (loss, fold).
    """

    names: dict[str, Model]


class Averaged(StrictModel):
    """A score of one loss, averaged over its folds.

    Attributes:
        mean: None where a fold has no score.
        std: standard deviation over the folds; None of a single one.
        ci95: of the mean, from the means of the folds' jackknife replicates: what other images
            would change, not what other folds would.
        beyond_chance: how many of the folds score above what permuted labels do.
    """

    mean: float | None
    std: float | None
    ci95: Interval | None
    beyond_chance: int
    folds: int


class Trained(StrictModel):
    """Scores on the validation classes, averaged over the folds: before and after training.

    Attributes:
        trained: None of a control.
        beats: in how many folds the trained network has the higher MAP@R.
    """

    untrained: dict[str, float]
    trained: dict[str, float] | None
    beats: int
    folds: int


class FoldAgreement(StrictModel):
    """Maps of the same loss from different folds: means in Fisher-z over pairs of folds."""

    r: float | None
    ceiling: float | None
    pairs: int


class Findings(StrictModel):
    """The numbers of a study.

    Attributes:
        losses: in the order of tables: classification, ranking, controls.
        datasets: what `properties`, `classes` and `saliency` were measured on.
        trainings: by loss.
        properties: by score, property and loss.
        classes: by label, loss and score.
        retrieval_spearman: by property, Spearman's rho over the trained losses between MAP@R of the
            first label of `classes` and NR-Precision: losses that retrieve better may differ in
            the property for that alone.
        maps: of the fold with most maps.
        fold_agreement: by loss, where several folds have maps.
        groups: None where the losses are not of two groups.
    """

    recipe: StudyRecipe
    losses: tuple[str, ...]
    datasets: dict[str, DatasetRecord]
    trainings: dict[str, Trained]
    properties: dict[str, dict[str, dict[str, Averaged]]]
    classes: dict[str, dict[str, dict[str, Averaged]]]
    retrieval_spearman: dict[str, float]
    maps: MapComparison | None
    fold_agreement: dict[str, FoldAgreement]
    groups: GroupComparison | None


def find(
    recipe: StudyRecipe,
    trainings: Mapping[Model, Training],
    properties: Mapping[Model, Measurement],
    classes: Mapping[Model, Measurement],
    labels: Sequence[str],
    maps: MapComparison | None,
    repeats: MapComparison | None,
    groups: Groups | None,
) -> Findings:
    """Bring the steps of a study together.

    Args:
        labels: the properties of the images of `classes` that are classes.
        maps: of all losses, of one fold.
        repeats: of all losses, of all folds that have maps.
    """
    losses = recipe.compared
    first = next(iter(properties.values()))
    datasets = {"properties": first.run.dataset}
    if classes:
        datasets["classes"] = next(iter(classes.values())).run.dataset
    by_score = {
        score: {
            name: {loss: _averaged(properties, loss, name, score) for loss in losses}
            for name in first.properties.properties
        }
        for score in SCORES
    }
    by_label = {
        label: {
            loss: {score.key: _averaged(classes, loss, label, score.key) for score in RETRIEVAL}
            for loss in losses
        }
        for label in labels
    }
    return Findings(
        recipe=recipe,
        losses=losses,
        datasets=datasets,
        trainings={loss: _trained(trainings, loss) for loss in losses} if trainings else {},
        properties=by_score,
        classes=by_label,
        retrieval_spearman=retrieval_spearman(by_score[MAIN.key], by_label),
        maps=maps,
        fold_agreement=_fold_agreement(losses, repeats) if repeats else {},
        groups=_groups(groups, properties, maps),
    )


def mean_r(pairs: Iterable[Pair]) -> float | None:
    """Mean in Fisher-z of the pairs' correlations."""
    known = [pair.correlation.mean for pair in pairs if pair.correlation.mean is not None]
    return summarize_correlations(known).mean


def mean_ceiling(pairs: Iterable[Pair]) -> float | None:
    """Mean in Fisher-z of the pairs' ceilings."""
    return summarize_correlations(
        [pair.ceiling.value for pair in pairs if pair.ceiling.value is not None]
    ).mean


def _averaged(measured: Mapping[Model, Measurement], loss: str, name: str, score: str) -> Averaged:
    found = [
        measurement.properties.properties[name].scores.get(score)
        for (one, _), measurement in measured.items()
        if one == loss
    ]
    scores = [one for one in found if one is not None and one.value is not None]
    values = [one.value for one in scores if one.value is not None]
    if not values or len(scores) < len(found):
        return Averaged(mean=None, std=None, ci95=None, beyond_chance=0, folds=len(found))
    mean = float(np.mean(values))
    return Averaged(
        mean=mean,
        std=float(np.std(values, ddof=1)) if len(values) > 1 else None,
        ci95=_interval(mean, scores),
        beyond_chance=sum(_is_beyond(one) for one in scores),
        folds=len(found),
    )


def _interval(mean: float, scores: Sequence[Score]) -> Interval | None:
    replicates = [one.replicates for one in scores if one.replicates is not None]
    if len(replicates) < len(scores):
        return None
    return jackknife_interval(mean, np.mean(replicates, axis=0))


def _is_beyond(score: Score) -> bool:
    """Whether it lies above what permuted labels score."""
    if score.value is None or score.chance is None:
        return False
    return score.value > score.chance[1]


def _trained(trainings: Mapping[Model, Training], loss: str) -> Trained:
    own = [training.metrics for (one, _), training in trainings.items() if one == loss]
    untrained = [metrics["untrained"] for metrics in own]
    trained = [metrics["trained"] for metrics in own if metrics["trained"] is not None]
    return Trained(
        untrained=_means(untrained),
        trained=_means(trained) if trained else None,
        beats=sum(a["map_at_r"] > b["map_at_r"] for a, b in zip(trained, untrained, strict=False)),
        folds=len(own),
    )


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {
        score: float(np.mean([row[score] for row in rows]))
        for score in ("map_at_r", "precision_at_1")
    }


def retrieval_spearman(
    properties: Mapping[str, Mapping[str, Averaged]],
    classes: Mapping[str, Mapping[str, Mapping[str, Averaged]]],
) -> dict[str, float]:
    """See `Findings`; properties that have no score for some loss, or the same for all, are left
    out.

    Args:
        properties: by name and loss.
        classes: by label, loss and score.
    """
    retrieval = next(iter(classes.values()), {})
    trained = [loss for loss in retrieval if loss_named(loss).group != "control"]
    if len(trained) < FEWEST_LOSSES:
        return {}
    found = {}
    for name, by_loss in properties.items():
        columns = [
            [retrieval[loss]["map_at_r"].mean for loss in trained],
            [by_loss[loss].mean for loss in trained],
        ]
        if all(None not in column and len(set(column)) > 1 for column in columns):
            found[name] = float(spearmanr(*columns).statistic)
    return found


def _fold_agreement(losses: Sequence[str], maps: MapComparison) -> dict[str, FoldAgreement]:
    found = {}
    for loss in losses:
        own = {model for model, (one, _) in maps.names.items() if one == loss}
        pairs = [pair for pair in maps.pairs if {pair.a, pair.b} <= own]
        found[loss] = FoldAgreement(r=mean_r(pairs), ceiling=mean_ceiling(pairs), pairs=len(pairs))
    return found


def _groups(
    groups: Groups | None, properties: Mapping[Model, Measurement], maps: MapComparison | None
) -> GroupComparison | None:
    if groups is None:
        return None
    first = next(iter(properties.values())).properties.properties
    by_property = {
        name: {one.run.model.id: one.properties.properties[name] for one in properties.values()}
        for name in first
    }
    attention = {model: mean.value for model, mean in maps.attention_on_car.items()} if maps else {}
    correlations = mean_correlations(maps.pairs if maps else ())
    return compare_groups(groups, by_property, attention, correlations)


def pairs_of(maps: MapComparison, losses: Sequence[str]) -> list[Pair]:
    """The pairs of models of these losses."""
    own = {model for model, (loss, _) in maps.names.items() if loss in losses}
    return [
        maps.pair(a, b) for a, b in itertools.combinations([m for m in maps.models if m in own], 2)
    ]
