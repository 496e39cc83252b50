"""Combine the measurements of all models of a study into its findings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, TypedDict, Unpack

import numpy as np

from dmlbench.comparison.comparison import Pair, mean_correlations
from dmlbench.comparison.group_tests import (
    MAPS,
    MAPS_GIVEN_UNTRAINED,
    RETRIEVAL_SCORE,
    AgreementGiven,
    Agreements,
    GroupComparison,
    GroupTest,
    agreement_given,
    class_retrieval,
    compare_groups,
    further_tests,
    unit_means,
)
from dmlbench.comparison.groups import Groups, family_groups
from dmlbench.comparison.rank_tests import holm
from dmlbench.comparison.relabeling import rank_correlation
from dmlbench.losses import without_controls
from dmlbench.results.files import CLASSES, PropertyScores
from dmlbench.scores.registry import ADJUSTED, MAIN, PAPER, RETRIEVAL
from dmlbench.study.averages import Averaged, average, mean_or_none
from dmlbench.study.changes import (
    Change,
    Differences,
    count_differences,
    scores_of,
    training_changes,
)
from dmlbench.study.conditions import ConditionFindings
from dmlbench.study.findings import (
    AtGain,
    AtSteps,
    EqualRetrieval,
    Findings,
    FoldAgreement,
    MapComparison,
    PartialCorrelations,
    RankCorrelation,
    Trained,
    mean_ceiling,
    mean_r,
)
from dmlbench.study.interventions import find_interventions
from dmlbench.study.measurements import MeasuredInterventions, Measurement, main_values
from dmlbench.study.recipe import Model, StudyRecipe
from dmlbench.study.representations import RepresentationComparison
from dmlbench.study.search import RATES, Searched
from dmlbench.study.trainings import Training, untrained_levels
from dmlbench.study.trajectories import ChosenPoints, ScoredPoint

SCORES = tuple(score.key for score in (MAIN, PAPER, ADJUSTED))
ScoredProperties = Mapping[str, PropertyScores]
"""The scores of a model by property."""

FEWEST_LOSSES = 5
"""Minimum number of losses for a rank correlation over them."""


class Parts(TypedDict, total=False):
    """Fields of `Findings` that are there only if a recipe asks for them."""

    equal_map_at_r: EqualRetrieval | None
    further_gains: tuple[AtGain, ...]
    without_weakest: EqualRetrieval | None
    equal_steps: tuple[AtSteps, ...]
    after_level: dict[str, GroupTest]
    searches: dict[str, Searched]
    conditions: dict[str, ConditionFindings]
    trajectories: dict[str, dict[int, list[ScoredPoint]]]
    other_maps: dict[str, MapComparison]
    representations: RepresentationComparison | None
    left_out: dict[str, Change]
    diverged: tuple[str, ...]


def find(
    recipe: StudyRecipe,
    trainings: Mapping[Model, Training],
    properties: Mapping[Model, Measurement],
    classes: Mapping[Model, Measurement],
    labels: Sequence[str],
    maps: MapComparison | None,
    repeats: MapComparison | None,
    given_untrained: PartialCorrelations | None,
    groups: Groups | None,
    interventions: Mapping[str, Mapping[Model, MeasuredInterventions]],
    **parts: Unpack[Parts],
) -> Findings:
    """Combine the results of all steps of a study.

    Args:
        labels: properties of the images of `classes` that are classes.
        maps: comparison of maps of all losses of one fold.
        repeats: comparison of maps of all losses of all folds that have maps.
        given_untrained: the maps of trained losses given those of the untrained network.
        groups: the models of both groups; None if the losses are not of two groups.
        interventions: those of each model by swept group of factors.
        parts: as in `Findings`.
    """
    measured = {loss for loss, _ in properties}
    losses = tuple(loss for loss in recipe.compared if loss in measured)
    first = next(iter(properties.values()))
    datasets = {"properties": first.run.dataset}
    if classes:
        datasets["classes"] = next(iter(classes.values())).run.dataset
    by_score = _by_score(_scores(properties), losses, SCORES)
    of_classes = _scores(classes)
    by_label = {
        label: {
            loss: {score.key: _averaged(of_classes, loss, label, score.key) for score in RETRIEVAL}
            for loss in losses
        }
        for label in labels
    }
    agreements = _map_agreements(maps, repeats, parts.get("other_maps", {}))
    if given_untrained is not None:
        agreements[MAPS_GIVEN_UNTRAINED] = given_untrained.agreements()
    representations = parts.get("representations")
    agreements |= representations.agreements() if representations else {}
    attention = {
        model: mean.value
        for table in (repeats, maps)
        if table is not None
        for model, mean in table.attention_on_car.items()
    }
    measured_groups = (properties, classes, labels, attention, agreements)
    comparison = _groups(groups, *measured_groups)
    families = _groups(groups and family_groups(groups), *measured_groups)
    ids = {model: each.run.model.id for model, each in properties.items()}
    return Findings(
        recipe=recipe,
        losses=losses,
        datasets=datasets,
        trainings={loss: _trained(trainings, loss) for loss in losses} if trainings else {},
        properties=by_score,
        changes={
            name: training_changes(scores_of(properties, name), losses)
            for name in first.properties.properties
        },
        classes=by_label,
        retrieval_differences={
            label: differences
            for label in labels
            if (differences := _retrieval_differences(classes, label, losses)) is not None
        },
        retrieval_spearman=retrieval_spearman(by_score[MAIN.key], by_label),
        maps=maps,
        maps_given_untrained=given_untrained,
        fold_agreement=_fold_agreement(losses, repeats) if repeats else {},
        groups=comparison,
        families=families,
        agreements_given_rates=_given_rates(groups, agreements, parts.get("searches", {})),
        interventions=find_interventions(interventions, losses, ids, comparison, families),
        **parts,
    )


def at_equal_retrieval(
    chosen: ChosenPoints,
    scored: Mapping[Model, ScoredProperties],
    names: Mapping[Model, str],
    groups: Groups | None,
    trainings: Mapping[Model, Training],
    retrieved: Mapping[Model, float | None],
    interpolated: Mapping[Model, Mapping[str, float | None]],
) -> EqualRetrieval:
    """Combine the scores of the models at equal MAP@R.

    Args:
        chosen, scored: these models, and their scores.
        names: names of the models in `groups`.
        retrieved: their MAP@R on classes that were not trained on; may be empty.
        interpolated: scores by property, interpolated to the level; may be empty.
    """
    by_property = _by_property({names[at]: scores for at, scores in scored.items()})
    retrieval = {
        names[loss, fold]: point.map_at_r
        for loss, by_fold in chosen.points.items()
        for fold, point in by_fold.items()
    }

    def compared(of: Groups | None) -> GroupComparison | None:
        return compare_groups(of, by_property, {}, {}, retrieval) if of else None

    map_at_r = {names[at]: level for at, level in retrieved.items()}
    on_others, given_others = None, {}
    if groups is not None and map_at_r and None not in map_at_r.values():
        on_others = further_tests(groups, {RETRIEVAL_SCORE: map_at_r}, {}).get(RETRIEVAL_SCORE)
        main = {at: main_values(scores) for at, scores in scored.items()}
        tests = further_tests(groups, _by_name(main, names), unit_means(groups, map_at_r))
        given_others = {
            name: test.given_retrieval for name, test in tests.items() if test.given_retrieval
        }
    return EqualRetrieval(
        **vars(chosen),
        properties=_by_score(scored, tuple(chosen.points), (MAIN.key,)),
        groups=compared(groups),
        families=compared(groups and family_groups(groups)),
        untrained=untrained_levels(trainings),
        retrieval={
            loss: mean_or_none([retrieved[loss, fold] for fold in by_fold])
            for loss, by_fold in chosen.points.items()
        }
        if retrieved
        else {},
        retrieval_test=on_others,
        given_retrieval=given_others,
        interpolated=further_tests(groups, _by_name(interpolated, names), {})
        if groups and len(interpolated) == len(scored)
        else {},
        interpolated_known=len(interpolated),
    )


def at_equal_steps(
    groups: Groups,
    names: Mapping[Model, str],
    trajectories: Mapping[str, Mapping[int, Mapping[int, ScoredPoint]]],
) -> tuple[AtSteps, ...]:
    """Test two groups of losses at each number of steps at which a model of all of them was kept.

    Args:
        names: names of the models in `groups`.
        trajectories: scored models by loss, fold and number of steps.
    """
    of_models = [set(by_steps) for of in trajectories.values() for by_steps in of.values()]
    compared = []
    for steps in sorted(set.intersection(*of_models)) if of_models else ():
        points = {
            (loss, fold): by_steps[steps]
            for loss, by_fold in trajectories.items()
            for fold, by_steps in by_fold.items()
        }
        map_at_r = {names[at]: point.map_at_r for at, point in points.items()}
        scores = _by_name({at: point.scores for at, point in points.items()}, names)
        levels = {
            group: [
                map_at_r[model]
                for unit in groups.of(group)
                for model in unit.models
                if model in map_at_r
            ]
            for group in groups.names
        }
        compared.append(
            AtSteps(
                steps=steps,
                levels={group: fmean(of_group) for group, of_group in levels.items() if of_group},
                tests=further_tests(groups, scores, unit_means(groups, map_at_r)),
            )
        )
    return tuple(compared)


def _by_name(
    scored: Mapping[Model, Mapping[str, float | None]], names: Mapping[Model, str]
) -> dict[str, dict[str, float | None]]:
    """Return the scores by property, then by id of the model."""
    properties = next(iter(scored.values()), {})
    return {
        name: {names[model]: scores[name] for model, scores in scored.items()}
        for name in properties
    }


def _scores(measured: Mapping[Model, Measurement]) -> dict[Model, ScoredProperties]:
    return {model: each.properties.properties for model, each in measured.items()}


def _by_score(
    scored: Mapping[Model, ScoredProperties], losses: Sequence[str], keys: Sequence[str]
) -> dict[str, dict[str, dict[str, Averaged]]]:
    """Return the scores of these keys by key, property and loss."""
    names = next(iter(scored.values()))
    return {
        key: {name: {loss: _averaged(scored, loss, name, key) for loss in losses} for name in names}
        for key in keys
    }


def _averaged(scored: Mapping[Model, ScoredProperties], loss: str, name: str, key: str) -> Averaged:
    return average(
        [scores[name].scores.get(key) for (of, _), scores in scored.items() if of == loss]
    )


def _retrieval_differences(
    classes: Mapping[Model, Measurement], label: str, losses: Sequence[str]
) -> Differences | None:
    return count_differences(scores_of(classes, label, RETRIEVAL_SCORE), losses)


def _trained(trainings: Mapping[Model, Training], loss: str) -> Trained:
    metrics_by_fold = [
        training.metrics
        for (trained_loss, _), training in trainings.items()
        if trained_loss == loss
    ]
    untrained = [metrics["untrained"] for metrics in metrics_by_fold]
    trained = [metrics["trained"] for metrics in metrics_by_fold if metrics["trained"] is not None]
    return Trained(
        untrained=_means(untrained),
        trained=_means(trained) if trained else None,
        beats=sum(a["map_at_r"] > b["map_at_r"] for a, b in zip(trained, untrained, strict=False)),
        folds=len(metrics_by_fold),
    )


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {
        score: float(np.mean([row[score] for row in rows]))
        for score in ("map_at_r", "precision_at_1")
    }


def retrieval_spearman(
    properties: Mapping[str, Mapping[str, Averaged]],
    classes: Mapping[str, Mapping[str, Mapping[str, Averaged]]],
) -> dict[str, RankCorrelation]:
    """Return Spearman's rho of retrieval and NR-Precision by property; see `Findings`.

    Properties that lack a score for some loss, or have the same for all, are left out.

    Args:
        properties: scores by property and loss.
        classes: scores by label, loss and score.
    """
    retrieval = next(iter(classes.values()), {})
    trained = without_controls(retrieval)
    if len(trained) < FEWEST_LOSSES:
        return {}
    tests = {}
    for name, by_loss in properties.items():
        scores = [(retrieval[loss]["map_at_r"].mean, by_loss[loss].mean) for loss in trained]
        known = [(a, b) for a, b in scores if a is not None and b is not None]
        retrieved, clustered = [a for a, _ in known], [b for _, b in known]
        if len(known) == len(trained) and min(len({*retrieved}), len({*clustered})) > 1:
            tests[name] = rank_correlation(retrieved, clustered)
    adjusted = holm([test.p for test in tests.values()])
    return {
        name: RankCorrelation(rho=test.effect, p=test.p, p_holm=p_holm)
        for (name, test), p_holm in zip(tests.items(), adjusted, strict=True)
    }


def _fold_agreement(losses: Sequence[str], maps: MapComparison) -> dict[str, FoldAgreement]:
    pairs: dict[frozenset[str], list[Pair]] = {}
    elsewhere: dict[frozenset[str], list[Pair]] = {}
    for pair in maps.pairs:
        (first, of_first), (second, of_second) = maps.names[pair.a], maps.names[pair.b]
        together = first == second or of_first == of_second
        (pairs if together else elsewhere).setdefault(frozenset((first, second)), []).append(pair)
    trained = without_controls(losses)
    agreement_by_loss = {}
    for loss in losses:
        folds = pairs.get(frozenset((loss,)), [])
        beside = [other for other in trained if other != loss and loss in trained]
        agreement_by_loss[loss] = FoldAgreement(
            r=mean_r(folds),
            ceiling=mean_ceiling(folds),
            pairs=len(folds),
            images=len(maps.keys),
            others={other: mean_r(pairs[frozenset((loss, other))]) for other in beside},
            elsewhere={other: mean_r(elsewhere[frozenset((loss, other))]) for other in beside},
        )
    return agreement_by_loss


def _map_agreements(
    maps: MapComparison | None,
    repeats: MapComparison | None,
    other_maps: Mapping[str, MapComparison],
) -> dict[str, Agreements]:
    """Return how the maps of models of one fold agree, by method.

    Args:
        maps, repeats: as for `find`. Folds that are in both are taken from the first, which may
            have more images.
        other_maps: those of other methods.
    """
    of_one_fold = [
        pair
        for pair in (repeats.pairs if repeats else ())
        if repeats and repeats.names[pair.a][1] == repeats.names[pair.b][1]
    ]
    of_all = {**mean_correlations(of_one_fold), **mean_correlations(maps.pairs if maps else ())}
    by_method = {method: mean_correlations(other.pairs) for method, other in other_maps.items()}
    return {MAPS: of_all, **by_method}


def _given_rates(
    groups: Groups | None, agreements: Mapping[str, Agreements], searches: Mapping[str, Searched]
) -> dict[str, AgreementGiven]:
    """Test agreement within groups given the network's learning rates, which search chose."""
    rates = {loss: math.log(search.best.rates[RATES[0]]) for loss, search in searches.items()}
    return {
        measure: test
        for measure, of_pairs in agreements.items()
        if groups and (test := agreement_given(groups, of_pairs, rates)) is not None
    }


def _groups(
    groups: Groups | None,
    properties: Mapping[Model, Measurement],
    classes: Mapping[Model, Measurement],
    labels: Sequence[str],
    attention: Mapping[str, float | None],
    agreements: Mapping[str, Agreements],
) -> GroupComparison | None:
    if groups is None:
        return None
    by_property = _by_property(_by_model(properties))
    retrieval = class_retrieval(
        {CLASSES[0]: _by_property(_by_model(classes))[labels[0]]} if classes else by_property
    )
    return compare_groups(groups, by_property, attention, agreements, retrieval)


def _by_model(measured: Mapping[Model, Measurement]) -> dict[str, ScoredProperties]:
    """Return the scores by id of the model."""
    return {each.run.model.id: each.properties.properties for each in measured.values()}


def _by_property(scored: Mapping[str, ScoredProperties]) -> dict[str, dict[str, PropertyScores]]:
    """Return the scores by property, then by model."""
    return {
        name: {model: scores[name] for model, scores in scored.items()}
        for name in next(iter(scored.values()))
    }
