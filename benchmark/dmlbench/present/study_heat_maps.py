"""The two heat maps of a study: property scores and correlations of maps, by loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dmlbench.losses import loss_named, without_controls
from dmlbench.present.color_scales import Scale, scale_for
from dmlbench.present.heat_maps import BELOW_ZERO, Cell, Grid, correlation_colors, legend_of, shaded
from dmlbench.present.numbers import interval, number
from dmlbench.scores.registry import MAIN
from dmlbench.study.averages import Averaged
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.findings import Findings


def study_grids(findings: Findings) -> Iterator[tuple[str, str, Grid]]:
    """Yield the name of a file, its title and its heat map, for each that has content."""
    yield MAIN.key, f"{MAIN.title}, mean over folds", score_grid(findings)
    if findings.maps is not None:
        yield "saliency_correlations", "Correlation of saliency maps", map_grid(findings)


def score_grid(findings: Findings) -> Grid:
    """Return NR-Precision, losses by properties; gray where some fold is not above chance.

    Every property has a scale of its own: the class clusters many times as much as any other. It
    ends with the trained losses and the untrained network; a random network may lie beyond.
    """
    scores = findings.properties[MAIN.key]
    read = [*without_controls(findings.losses), UNTRAINED]
    scales = {
        name: scale_for([by_loss[loss].mean or 0.0 for loss in read if loss in by_loss], root=False)
        for name, by_loss in scores.items()
    }
    rows = [
        (
            loss_named(loss).title,
            [_score(name, loss, by_loss[loss], scales[name]) for name, by_loss in scores.items()],
        )
        for loss in findings.losses
    ]
    gray = "not above what permuted labels score, in some fold"
    share = Scale(1.0, low=min(scale.low / scale.limit for scale in scales.values()))
    title = f"{MAIN.title}, colors in shares of the largest of the property"
    legend = legend_of(title, share, 1, gray=gray)
    legend = replace(legend, orange=BELOW_ZERO if share.low < 0 else "")
    return Grid("loss", list(scores), rows, legend, _breaks(findings.losses))


def map_grid(findings: Findings) -> Grid:
    """Return Pearson r of the maps, losses by losses; on the diagonal under other noise."""
    maps = findings.maps
    assert maps is not None
    model_of = {loss: model for model, (loss, _) in maps.names.items()}
    losses = [loss for loss in findings.losses if loss in model_of]
    scale, legend = correlation_colors(maps.pairs)
    rows = []
    for row_loss in losses:
        cells = []
        for column_loss in losses:
            names = f"{loss_named(row_loss).title}, {loss_named(column_loss).title}"
            if row_loss == column_loss:
                itself = maps.reliability[model_of[row_loss]]
                hover = f"{names}, under other noise: r = {number(itself.value, 3)}"
                cells.append(shaded(itself.value, 2, scale, hover))
                continue
            pair = maps.pair(model_of[row_loss], model_of[column_loss])
            r = pair.correlation
            hover = (
                f"{names}: r = {number(r.mean, 3)}, 95 % interval {interval(r.ci95, 3)}, "
                f"floor {number(pair.floor.value, 3)}, ceiling {number(pair.ceiling.value, 3)}"
            )
            cells.append(shaded(r.mean, 2, scale, hover))
        rows.append((loss_named(row_loss).title, cells))
    columns = [name for name, _ in rows]
    return Grid("loss", columns, rows, legend, _breaks(losses))


def _score(name: str, loss: str, score: Averaged, scale: Scale) -> Cell:
    hover = (
        f"{name}, {loss_named(loss).title}: {number(score.mean, 2)}, standard deviation "
        f"{number(score.std, 2)}, 95 % interval {interval(score.ci95, 2)}; above chance in "
        f"{score.beyond_chance} of {score.folds} folds"
    )
    if score.mean is not None and score.is_chance:
        return Cell.gray(number(score.mean, MAIN.digits), hover)
    return shaded(score.mean, MAIN.digits, scale, hover)


def _breaks(losses: Sequence[str]) -> list[int]:
    """Return the rows where another group begins."""
    groups = [loss_named(loss).group for loss in losses]
    return [row for row in range(1, len(groups)) if groups[row] != groups[row - 1]]
