"""Plots of a study: properties at equal MAP@R, and how far losses agree beside folds and seeds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from dmlbench.comparison.representations import MEASURES
from dmlbench.losses import loss_named, without_controls
from dmlbench.present.dot_plots import Dot, DotPanel, DotPlot
from dmlbench.present.numbers import p_value
from dmlbench.scores.registry import MAIN
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.findings import Findings

SAME_GROUP, OTHER_GROUP = "another loss of its group", "a loss of another group"
OTHER_FOLD = "the same loss, other classes"


def study_dot_plots(findings: Findings) -> Iterator[tuple[str, DotPlot]]:
    """Yield the name of a file and its plot, for each that has content."""
    if findings.equal_map_at_r is not None:
        yield "equal_map_at_r", equal_plot(findings)
    panels = list(_agreement_panels(findings))
    if panels:
        yield "agreement", DotPlot("Agreement of models", "agreement", panels, min(2, len(panels)))


def equal_plot(findings: Findings) -> DotPlot:
    """Return the properties of all losses at equal MAP@R, with intervals."""
    equal = findings.equal_map_at_r
    assert equal is not None
    tests = equal.groups.properties if equal.groups else {}
    panels = []
    for name, by_loss in equal.properties[MAIN.key].items():
        dots = [
            Dot(loss_named(loss).title, loss_named(loss).group, score.mean, score.ci95)
            for loss, score in by_loss.items()
            if score.mean is not None
        ]
        test = tests.get(name)
        p = test.corrected.p_holm if test else None
        untrained = findings.properties[MAIN.key][name].get(UNTRAINED)
        known = untrained is not None and untrained.mean is not None
        marks = {"untrained network": untrained.mean} if known else {}  # type: ignore[union-attr]
        title = name if p is None else f"{name}\np (Holm) {p_value(p)}"
        panels.append(DotPanel(title, dots, marks))  # type: ignore[arg-type]
    return DotPlot("Properties at equal MAP@R", MAIN.title, panels, 4)


def _agreement_panels(findings: Findings) -> Iterator[DotPanel]:
    """Yield a panel for maps and for each measure of embeddings."""
    trained = set(without_controls(findings.losses))
    if findings.maps is not None:
        dots = []
        names = findings.maps.names
        for pair in findings.maps.pairs:
            losses = names[pair.a][0], names[pair.b][0]
            if trained.issuperset(losses) and pair.correlation.mean is not None:
                dots.append(_between(losses, pair.correlation.mean))
        for loss, agreement in findings.fold_agreement.items():
            if loss in trained and agreement.r is not None:
                dots.append(Dot(OTHER_FOLD, loss_named(loss).group, agreement.r))
        for condition, of_condition in findings.conditions.items():
            pairs = of_condition.maps.pairs.items() if of_condition.maps else ()
            for loss, by_fold in pairs:
                values = [pair.correlation.mean for pair in by_fold.values()]
                group = loss_named(loss).group
                dots += [Dot(f"condition {condition}", group, v) for v in values if v is not None]
        yield DotPanel("saliency maps, r", _in_order(dots))
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
        yield DotPanel(f"embeddings, {title}", _in_order(dots))


def _between(losses: tuple[str, str], value: float) -> Dot:
    first, second = (loss_named(loss).group for loss in losses)
    return Dot(SAME_GROUP, first, value) if first == second else Dot(OTHER_GROUP, "", value)


def _in_order(dots: list[Dot]) -> list[Dot]:
    order = {row: place for place, row in enumerate((OTHER_GROUP, SAME_GROUP, OTHER_FOLD))}
    by_row = itertools.chain.from_iterable(
        [dot for dot in dots if dot.row == row]
        for row in sorted({dot.row for dot in dots}, key=lambda row: (order.get(row, 9), row))
    )
    return list(by_row)
