"""Plots of lines of a study: properties along training, and responses to changes of a factor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from dmlbench.losses import loss_named, without_controls
from dmlbench.present.line_plots import Line, LinePanel, LinePlot
from dmlbench.scores.registry import MAIN, RESPONSE, declared
from dmlbench.study.averages import mean_or_none
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.findings import Findings
from dmlbench.study.interventions import ResponseCurve
from dmlbench.study.trajectories import ScoredPoint


def study_line_plots(findings: Findings) -> Iterator[tuple[str, LinePlot]]:
    """Yield the name of a file and its plot, for each that has content."""
    if findings.trajectories:
        yield "trajectories", _trajectory_plot(findings)
    panels = [
        panel
        for of_group in findings.interventions.values()
        for curve in of_group.curves
        if (panel := _response_panel(findings, curve)).lines
    ]
    if panels:
        title = "Responses by the size of the change in one factor"
        place = "size of the change"
        yield "responses", LinePlot(title, place, RESPONSE.title, panels, shares_places=False)


def _trajectory_plot(findings: Findings) -> LinePlot:
    panels = []
    for name in findings.properties[MAIN.key]:
        lines = []
        for loss, by_fold in findings.trajectories.items():
            folds = list(by_fold.values())
            levels, scores = _mean_over_folds(folds, name)
            lines.append(replace(_line(loss, levels, scores), dot=_best_epochs(folds, name)))
        panels.append(LinePanel(name, lines, _untrained(findings, name)))
    place = f"{declared('map_at_r').title} on validation classes"
    return LinePlot("Properties along training", place, MAIN.title, panels, shares_places=True)


def _mean_over_folds(
    folds: Sequence[Sequence[ScoredPoint]], name: str
) -> tuple[list[float], list[float]]:
    """Return mean levels and scores of the epochs that all folds have a model of."""
    shared = set.intersection(*({point.epoch for point in points} for points in folds))
    if not shared:
        return [], []
    rows = [
        [(point.map_at_r, point.scores[name]) for point in points if point.epoch in shared]
        for points in folds
    ]
    array = np.array(rows, float)
    means = array.mean(axis=0)
    return means[:, 0].tolist(), means[:, 1].tolist()


def _best_epochs(folds: Sequence[Sequence[ScoredPoint]], name: str) -> tuple[float, float] | None:
    """Return mean level and score of the best epochs, which may be different ones by fold."""
    best = [(point.map_at_r, point.scores[name]) for of in folds for point in of if point.best]
    level, score = (mean_or_none(values) for values in zip(*best, strict=True))
    return None if level is None or score is None else (level, score)


def _untrained(findings: Findings, name: str) -> Line | None:
    training = findings.trainings.get(UNTRAINED)
    score = findings.properties[MAIN.key][name].get(UNTRAINED)
    if training is None or score is None or score.mean is None:
        return None
    return Line(UNTRAINED, "", [training.untrained["map_at_r"]], [score.mean])


def _response_panel(findings: Findings, curve: ResponseCurve) -> LinePanel:
    """Return the lines of a curve; none if no change has a size."""
    lines = {}
    for loss, response in curve.response.items():
        known = [
            (size, score)
            for size, score in zip(curve.sizes, response, strict=True)
            if size is not None and score is not None
        ]
        if known:
            lines[loss] = _line(loss, *map(list, zip(*known, strict=True)))
    name = f"{curve.factor}, {curve.unit}" if curve.unit else curve.factor
    trained = [lines[loss] for loss in without_controls(findings.losses) if loss in lines]
    return LinePanel(name, trained, lines.get(UNTRAINED))


def _line(loss: str, places: list[float], scores: list[float]) -> Line:
    declaration = loss_named(loss)
    return Line(declaration.title, declaration.group, places, scores, (places[-1], scores[-1]))
