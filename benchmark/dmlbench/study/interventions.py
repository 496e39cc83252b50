"""What changing one group of factors alone does to the embeddings of the losses of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dmlbench.comparison.group_tests import GroupComparison, GroupTest, further_tests
from dmlbench.results.files import DatasetRecord, Score
from dmlbench.study.averages import Averaged, average
from dmlbench.study.changes import Change, by_fold, training_changes
from dmlbench.study.measurements import MeasuredInterventions
from dmlbench.study.recipe import Model
from dmldata.common.strict import StrictModel


class ResponseCurve(StrictModel):
    """How far changes of one factor move embeddings, by their size.

    Attributes:
        sizes: sizes of the changes in the unit of the factor; None for changes without a size.
        response: by loss, for each size the mean over the folds; see `dmlbench.scores.response`.
    """

    factor: str
    unit: str
    sizes: tuple[float | None, ...]
    response: dict[str, tuple[float | None, ...]]


class InterventionFindings(StrictModel):
    """What changing one group of factors alone does to the embeddings of the losses.

    Attributes:
        sensitivity: by loss; see `dmlbench.scores.interventions`.
        changes: change of the sensitivity with training by trained loss.
        retrieval: share of images that stay nearest to their car, by loss.
        retrieval_expected: that share for random embeddings.
        test: of the sensitivity, in both groups of losses; p_holm accounts for all sweeps. None
            without groups.
        family_test: the same with losses that differ in one detail counted once.
        curves: by factor of the group.
    """

    dataset: DatasetRecord
    sensitivity: dict[str, Averaged]
    changes: dict[str, Change]
    retrieval: dict[str, Averaged]
    retrieval_expected: float | None
    test: GroupTest | None
    family_test: GroupTest | None
    curves: tuple[ResponseCurve, ...]


def find_interventions(
    measured: Mapping[str, Mapping[Model, MeasuredInterventions]],
    losses: Sequence[str],
    names: Mapping[Model, str],
    groups: GroupComparison | None,
    families: GroupComparison | None,
) -> dict[str, InterventionFindings]:
    """Combine the interventions on all models of a study.

    Args:
        measured: by swept group of factors, then by model.
        names: ids of the models in `groups` and `families`.
    """
    sensitivity = {
        group: {model: each.interventions.sensitivity for model, each in of_models.items()}
        for group, of_models in measured.items()
    }
    values = {
        group: {names[model]: score.value for model, score in scores.items()}
        for group, scores in sensitivity.items()
    }
    tests, family_tests = (
        further_tests(each.groups, values, each.retrieval) if each else {}
        for each in (groups, families)
    )
    findings = {}
    for group, of_models in measured.items():
        first = next(iter(of_models.values()))
        retrieval = {
            model: each.interventions.retrieval_under_intervention
            for model, each in of_models.items()
        }
        findings[group] = InterventionFindings(
            dataset=first.dataset,
            sensitivity=_averages(sensitivity[group], losses),
            changes=training_changes(sensitivity[group], losses),
            retrieval=_averages(retrieval, losses),
            retrieval_expected=first.interventions.retrieval_expected,
            test=tests.get(group),
            family_test=family_tests.get(group),
            curves=tuple(_curves(of_models, losses)),
        )
    return findings


def _averages(scores: Mapping[Model, Score], losses: Sequence[str]) -> dict[str, Averaged]:
    return {loss: average(list(by_fold(scores, loss).values())) for loss in losses}


def _curves(
    measured: Mapping[Model, MeasuredInterventions], losses: Sequence[str]
) -> list[ResponseCurve]:
    """Return the curves of all factors; sizes and pairs are those of the sweep, for all models."""
    responses = {
        model: {each.factor: each.points for each in of_model.interventions.response}
        for model, of_model in measured.items()
    }
    curves = []
    for curve in next(iter(measured.values())).interventions.response:
        response = {}
        for loss in losses:
            folds = [of for (trained, _), of in responses.items() if trained == loss]
            response[loss] = tuple(
                average([of[curve.factor][place].response for of in folds]).mean
                for place in range(len(curve.points))
            )
        sizes = tuple(point.size for point in curve.points)
        curves.append(
            ResponseCurve(factor=curve.factor, unit=curve.unit, sizes=sizes, response=response)
        )
    return curves
