"""Plots of dots of a study: scores of every loss with intervals, and how far losses agree."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping

from dmlbench.comparison.group_tests import GroupTest
from dmlbench.comparison.representations import MEASURES
from dmlbench.losses import loss_named, without_controls
from dmlbench.maps import summarize_correlations
from dmlbench.present.dot_plots import Dot, DotPanel, DotPlot
from dmlbench.present.numbers import p_value
from dmlbench.scores.registry import MAIN, MAP_SCORES, declared
from dmlbench.study.averages import Averaged
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.findings import (
    Findings,
    MapComparison,
    correlations_elsewhere,
    correlations_of_losses,
    mean_ceiling,
    pairs_of,
)

SAME_GROUP, OTHER_GROUP = "another loss of its group", "a loss of another group"
OTHER_FOLD = "the same loss, another fold"
ELSEWHERE = "another loss, another fold"
OTHER_IMAGES = "the model's maps of other images"
RANDOMIZATION = declared("randomization").key


def study_dot_plots(findings: Findings) -> Iterator[tuple[str, DotPlot]]:
    """Yield the name of a file and its plot, for each that has content."""
    if findings.equal_map_at_r is not None:
        yield "equal_map_at_r", equal_plot(findings)
    if findings.interventions:
        yield "interventions", _sensitivity_plot(findings)
    panels = list(_agreement_panels(findings))
    if panels:
        yield "agreement", DotPlot("Agreement of models", "agreement", panels, min(2, len(panels)))
    panels = list(_faithfulness_panels(findings))
    if panels:
        title = "Are the maps faithful?"
        yield "faithfulness", DotPlot(title, "score", panels, len(panels), OTHER_IMAGES)


def equal_plot(findings: Findings) -> DotPlot:
    """Return the properties of all losses at equal MAP@R, with intervals."""
    equal = findings.equal_map_at_r
    assert equal is not None
    tests = equal.groups.properties if equal.groups else {}
    panels = []
    for name, by_loss in equal.properties[MAIN.key].items():
        untrained = findings.properties[MAIN.key][name].get(UNTRAINED)
        panels.append(_panel(name, by_loss, untrained, tests.get(name)))
    return DotPlot("Properties at equal MAP@R", MAIN.title, panels, 4)


def _sensitivity_plot(findings: Findings) -> DotPlot:
    """Return the sensitivity of all losses to each sweep, with intervals."""
    score = declared("sensitivity")
    panels = [
        _panel(
            group,
            {loss: of_group.sensitivity[loss] for loss in without_controls(findings.losses)},
            of_group.sensitivity.get(UNTRAINED),
            of_group.test,
        )
        for group, of_group in findings.interventions.items()
    ]
    title = "Sensitivity to what is changed alone"
    return DotPlot(title, f"{score.title} (1: the {score.unit})", panels, min(4, len(panels)))


def _panel(
    name: str,
    by_loss: Mapping[str, Averaged],
    untrained: Averaged | None,
    test: GroupTest | None,
) -> DotPanel:
    """Return a panel of a dot per loss, with the p of both groups in its title."""
    dots = [
        Dot(loss_named(loss).title, loss_named(loss).group, score.mean, score.ci95, score.std)
        for loss, score in by_loss.items()
        if score.mean is not None
    ]
    p = test.corrected.p_holm if test else None
    before = None if untrained is None else untrained.mean
    marks = {} if before is None else {"untrained network": before}
    title = name if p is None else f"{name}\np (Holm) {p_value(p)}"
    return DotPanel(title, dots, marks)


def _faithfulness_panels(findings: Findings) -> Iterator[DotPanel]:
    """Yield a panel for each score that tells whether maps are faithful."""
    checked = findings.maps.faithfulness if findings.maps else {}
    for score in MAP_SCORES:
        dots, images = [], 0
        for model, faithfulness in checked.items():
            assert findings.maps is not None
            loss = loss_named(findings.maps.names[model][0])
            mean = faithfulness.means[score.key]
            if mean.value is not None:
                group = "" if loss.group == "control" else loss.group
                is_compared = score.key == RANDOMIZATION and faithfulness.stages
                floor = faithfulness.stages[-1].floor if is_compared else None
                dots.append(Dot(loss.title, group, mean.value, mean.ci95, floor=floor))
                images = max(images, mean.images)
        if dots:
            yield DotPanel(f"{score.title}\n{images} images", dots)


def _agreement_panels(findings: Findings) -> Iterator[DotPanel]:
    """Yield a panel for maps and for each measure of embeddings."""
    trained = set(without_controls(findings.losses))
    if findings.maps is not None:
        dots = [
            _between((first, second), r)
            for (first, second), r in correlations_of_losses(findings).items()
        ]
        dots += [Dot(ELSEWHERE, "", r) for r in correlations_elsewhere(findings).values()]
        for loss, agreement in findings.fold_agreement.items():
            if loss in trained and agreement.r is not None:
                dots.append(Dot(OTHER_FOLD, loss_named(loss).group, agreement.r))
        for condition, of_condition in findings.conditions.items():
            pairs = of_condition.maps.pairs.items() if of_condition.maps else ()
            for loss, by_fold in pairs:
                dots += _of_condition(
                    condition, loss, [pair.correlation.mean for pair in by_fold.values()]
                )
        yield DotPanel("saliency maps, r", _in_order(dots), _bounds(findings.maps, trained))
    compared = findings.representations
    for measure, title in MEASURES.items() if compared is not None else ():
        assert compared is not None
        dots = []
        for both in compared.pairs:
            value = getattr(both, measure).value
            first, second = compared.names[both.a], compared.names[both.b]
            if value is None or not trained.issuperset((first[0], second[0])):
                continue
            if first[0] == second[0]:
                dots.append(Dot(OTHER_FOLD, loss_named(first[0]).group, value))
            elif first[1] == second[1]:
                dots.append(_between((first[0], second[0]), value))
            else:
                dots.append(Dot(ELSEWHERE, "", value))
        for condition, of_condition in findings.conditions.items():
            repeated = of_condition.representations
            for loss, again in repeated.pairs.items() if repeated else ():
                values = [getattr(pair, measure).value for pair in again.values()]
                dots += _of_condition(condition, loss, values)
        yield DotPanel(f"embeddings, {title}", _in_order(dots))


def _bounds(maps: MapComparison, trained: Collection[str]) -> dict[str, float]:
    """Return between what bounds the maps of different losses could correlate."""
    pairs = pairs_of(maps, [*trained])
    floors = [pair.floor.value for pair in pairs if pair.floor.value is not None]
    bounds = {
        "maps of other images": summarize_correlations(floors).mean,
        "what noise allows": mean_ceiling(pairs),
    }
    return {name: value for name, value in bounds.items() if value is not None}


def _of_condition(condition: str, loss: str, values: Iterable[float | None]) -> list[Dot]:
    """Return the agreement of a loss in a condition with itself in the study, by fold."""
    group = loss_named(loss).group
    return [Dot(f"condition {condition}", group, value) for value in values if value is not None]


def _between(losses: tuple[str, str], value: float) -> Dot:
    first, second = (loss_named(loss).group for loss in losses)
    return Dot(SAME_GROUP, first, value) if first == second else Dot(OTHER_GROUP, "", value)


def _in_order(dots: list[Dot]) -> list[Dot]:
    order = {
        row: place for place, row in enumerate((ELSEWHERE, OTHER_GROUP, SAME_GROUP, OTHER_FOLD))
    }
    by_row = itertools.chain.from_iterable(
        [dot for dot in dots if dot.row == row]
        for row in sorted({dot.row for dot in dots}, key=lambda row: (order.get(row, 9), row))
    )
    return list(by_row)
