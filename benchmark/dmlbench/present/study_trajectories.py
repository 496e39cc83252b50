"""The plot of a study's properties along training, mean over folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dmlbench.losses import loss_named
from dmlbench.present.trajectory_plots import TrajectoryLine, TrajectoryPanel, TrajectoryPlot
from dmlbench.scores.registry import MAIN
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.findings import Findings
from dmlbench.study.trajectories import ScoredPoint


def trajectory_plot(findings: Findings) -> TrajectoryPlot | None:
    """Return the plot of a study; None if the study did not score checkpoints."""
    if not findings.trajectories:
        return None
    panels = []
    for name in findings.properties[MAIN.key]:
        lines = []
        for loss, by_fold in findings.trajectories.items():
            declaration = loss_named(loss)
            levels, scores = _mean_over_folds(list(by_fold.values()), name)
            lines.append(TrajectoryLine(declaration.title, declaration.group, levels, scores))
        panels.append(TrajectoryPanel(name, lines, _untrained(findings, name)))
    return TrajectoryPlot(panels)


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


def _untrained(findings: Findings, name: str) -> tuple[float, float] | None:
    training = findings.trainings.get(UNTRAINED)
    score = findings.properties[MAIN.key][name].get(UNTRAINED)
    if training is None or score is None or score.mean is None:
        return None
    return training.untrained["map_at_r"], score.mean
