"""A comparison as a document to write: its numbers for data frames, and its tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dmlbench.comparison.comparison import Comparison, Pair
from dmlbench.comparison.group_tests import MAPS, GroupAgreement, GroupComparison, GroupTest
from dmlbench.comparison.representations import MEASURES, Similarity
from dmlbench.present.comparison_tables import comparison_tables
from dmlbench.present.documents import COLUMNS, Document, Number, score_numbers
from dmlbench.present.geometry_tables import geometry_numbers
from dmlbench.present.measurements import Measurements
from dmlbench.present.response_tables import size_text
from dmlbench.scores.registry import MAIN, RESPONSE, RESPONSE_RETRIEVAL


def comparison_document(comparison: Comparison) -> Document:
    """Return a comparison as a document to write; its numbers name models by their labels."""
    labels = {model.id: model.label for model in comparison.models}
    numbers = [
        *_property_numbers(comparison),
        *_difference_numbers(comparison),
        *_intervention_numbers(comparison),
        *_response_numbers(comparison),
        *_geometry_numbers(comparison),
        *_representation_numbers(comparison),
        *_map_numbers(comparison),
        *_group_numbers(comparison.groups),
    ]
    named = [
        replace(
            number,
            model=labels.get(number.model or "", number.model),
            other_model=labels.get(number.other_model or "", number.other_model),
        )
        for number in numbers
    ]
    tables = list(comparison_tables(comparison))
    content = Measurements(comparison=comparison)
    return Document(content, COLUMNS, named, tables, comparison.dataset, comparison.notes)


def _property_numbers(comparison: Comparison) -> Iterator[Number]:
    for name, by_model in comparison.properties.items():
        for model, scored in by_model.items():
            yield from score_numbers(name, scored.scores, model)


def _difference_numbers(comparison: Comparison) -> Iterator[Number]:
    measure, p = f"{MAIN.key}_difference", f"{MAIN.key}_difference_p"
    for name, differences in comparison.differences.items():
        for pair in differences:
            yield Number(name, measure, pair.value, pair.a, pair.b, ci95=pair.ci95)
            yield Number(name, p, pair.p, pair.a, pair.b)


def _intervention_numbers(comparison: Comparison) -> Iterator[Number]:
    for model, interventions in comparison.interventions.items():
        scores = {
            "sensitivity": interventions.sensitivity,
            "retrieval_under_intervention": interventions.retrieval_under_intervention,
        }
        for measure, score in scores.items():
            yield Number(interventions.group, measure, score.value, model, ci95=score.ci95)
    for pair in comparison.sensitivity_differences:
        group = comparison.interventions[pair.a].group
        yield Number(group, "sensitivity_difference", pair.value, pair.a, pair.b, ci95=pair.ci95)


def _response_numbers(comparison: Comparison) -> Iterator[Number]:
    """Yield the numbers of response curves; a subject is a factor and the size of its change."""
    for model, interventions in comparison.interventions.items():
        for curve in interventions.response:
            for point in curve.points:
                subject = f"{curve.factor} by {size_text(point.size, curve.unit)}"
                scores = {RESPONSE.key: point.response, RESPONSE_RETRIEVAL.key: point.retrieval}
                for measure, score in scores.items():
                    yield Number(subject, measure, score.value, model, ci95=score.ci95)


def _geometry_numbers(comparison: Comparison) -> Iterator[Number]:
    for model, geometry in comparison.geometry.items():
        yield from geometry_numbers(geometry, model)


def _representation_numbers(comparison: Comparison) -> Iterator[Number]:
    for pair in comparison.representations:
        for measure in MEASURES:
            similarity: Similarity = getattr(pair, measure)
            yield Number(
                "embeddings", measure, similarity.value, pair.a, pair.b, ci95=similarity.ci95
            )
            yield Number("embeddings", f"{measure}_floor", similarity.floor, pair.a, pair.b)


def _map_numbers(comparison: Comparison) -> Iterator[Number]:
    saliency = comparison.saliency
    if saliency is None:
        return
    means_by_measure = {
        "attention_on_car": saliency.attention_on_car,
        "reliability": saliency.reliability,
    }
    for measure, means in means_by_measure.items():
        for model, mean in means.items():
            yield Number("maps", measure, mean.value, model, ci95=mean.ci95)
    for model, faithfulness in saliency.faithfulness.items():
        for measure, mean in faithfulness.means.items():
            yield Number("maps", measure, mean.value, model, ci95=mean.ci95)
    for pair in saliency.pairs:
        yield from _pair_numbers(pair)


def _pair_numbers(pair: Pair) -> Iterator[Number]:
    spreads = {"correlation": pair.correlation, "divergence": pair.divergence}
    for measure, spread in spreads.items():
        yield Number("maps", measure, spread.mean, pair.a, pair.b, spread.std, spread.ci95)
    bounds = {
        "ceiling": pair.ceiling,
        "floor": pair.floor,
        "correlation_above_floor": pair.above_floor,
        "correlation_below_ceiling": pair.below_ceiling,
        "attention_on_car_difference": pair.more_on_car,
    }
    for measure, bound in bounds.items():
        yield Number("maps", measure, bound.value, pair.a, pair.b, ci95=bound.ci95)


def _group_numbers(groups: GroupComparison | None) -> Iterator[Number]:
    """Yield the numbers of groups, whose names are in the columns of models."""
    if groups is None:
        return
    names = groups.groups.names
    for name, test in groups.properties.items():
        yield from _test_numbers(name, names, test)
    if groups.attention_on_car is not None:
        yield from _test_numbers("maps", names, groups.attention_on_car)
    for measure, agreement in groups.agreements.items():
        yield from _agreement_numbers(measure, names, agreement)


def _agreement_numbers(
    measure: str, names: tuple[str, str], agreement: GroupAgreement
) -> Iterator[Number]:
    if measure == MAPS:
        subject, measure = "maps", "correlation"
    else:
        subject = "embeddings"
    means = {(name, name): mean for name, mean in agreement.within.items()}
    for pair, mean in {**means, names: agreement.between}.items():
        yield Number(subject, f"group_{measure}", mean.mean, *pair)
    if agreement.relabeling is not None:
        for name, value in agreement.relabeling.model_dump().items():
            yield Number(subject, f"group_{measure}_relabeling_{name}", value, *names)


def _test_numbers(subject: str, names: tuple[str, str], test: GroupTest) -> Iterator[Number]:
    corrected, paper = test.corrected, test.paper
    for name, mean in corrected.means.items():
        yield Number(subject, "group_mean", mean, name)
    yield Number(subject, "cliffs_delta", corrected.delta, *names, ci95=corrected.delta_ci95)
    values = {"group_u": corrected.u, "group_p": corrected.p, "group_p_holm": corrected.p_holm}
    if test.given_retrieval is not None:
        controlled = test.given_retrieval
        values |= {
            "group_partial_r": controlled.effect,
            "group_p_given_retrieval": controlled.p,
            "group_p_holm_given_retrieval": controlled.p_holm,
        }
    if paper is not None:
        values |= {"group_p_paper": paper.p, "group_p_paper_two_sided": paper.p_two_sided}
    for measure, value in values.items():
        yield Number(subject, measure, value, *names)
