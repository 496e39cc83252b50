"""The two heat maps of a comparison: property scores and correlations of maps."""

from __future__ import annotations

from dataclasses import replace

from dmlbench.comparison import Comparison, Pair
from dmlbench.comparison.differences import Difference
from dmlbench.present.color_scales import Scale, scale_for
from dmlbench.present.heat_maps import (
    BELOW_ZERO,
    Cell,
    Gauge,
    Grid,
    correlation_colors,
    legend_of,
    shaded,
)
from dmlbench.present.numbers import NONE, interval, number
from dmlbench.results.files import PropertyScores
from dmlbench.scores.registry import MAIN

MAX_COLUMNS = 8
MAX_WITH_INTERVALS = 4
"""Maximum number of models whose intervals fit below their scores."""
INSIDE_CHANCE = "inside chance: within the central 95 % of permuted labels"
MAY_BE_BEST = (
    "may be the best of the property, at 95 % over all pairs of models together (max-t, paired "
    "jackknife); not marked where the highest is inside chance"
)
DIFFERENCE = "difference"
"""Title of the column that has the difference of two models."""


def property_grid(comparison: Comparison) -> Grid:
    """Return NR-Precision of properties by models, or the transpose for many models.

    Of two models, the last column has their difference.
    """
    names, models = comparison.varied, comparison.models
    scored = {
        (name, model.id): comparison.properties[name][model.id]
        for name in names
        for model in models
    }
    scale = scale_for(
        (scores.scores[MAIN.key].value or 0.0 for scores in scored.values()), root=True
    )
    leaders = {name: comparison.leaders(name) for name in names}
    cells = {
        (name, model.id): _score_cell(
            f"{name}, {model.label}",
            scored[name, model.id],
            scale,
            marked=model.id in leaders[name],
            with_interval=len(models) <= MAX_WITH_INTERVALS,
        )
        for name in names
        for model in models
    }
    gray = INSIDE_CHANCE + ("; of a difference: may be 0" if len(models) == 2 else "")
    legend = legend_of(MAIN.title, scale, 1, gray=gray)
    legend = replace(
        legend,
        orange=BELOW_ZERO if scale.low < 0 else "",
        marks=MAY_BE_BEST if any(leaders.values()) else "",
    )
    if len(models) > MAX_COLUMNS:
        rows = [(model.label, [cells[name, model.id] for name in names]) for model in models]
        return Grid("model", names, rows, legend)
    by_name = [(name, [cells[name, model.id] for model in models]) for name in names]
    columns = [model.label for model in models]
    if len(models) == 2:
        columns.append(DIFFERENCE)
        for name, row in by_name:
            row.append(_difference_cell(comparison, comparison.differences[name][0]))
    return Grid("property", columns, by_name, legend)


def correlation_grid(comparison: Comparison) -> Grid | None:
    """Return Pearson r of the maps, models by models, similar ones next to each other.

    The diagonal has the reliability of each model's maps.
    """
    saliency = comparison.saliency
    if saliency is None or not saliency.pairs:
        return None
    scale, legend = correlation_colors(saliency.pairs)
    rows, order = [], saliency.clustering.order
    for row in order:
        cells = []
        for column in order:
            if row == column:
                itself = saliency.reliability[row]
                hover = f"{comparison.label(row)}: reliability of its maps "
                hover += f"{number(itself.value, 3)}, 95 % interval {interval(itself.ci95, 3)}"
                cells.append(shaded(itself.value, 2, scale, hover, below="itself"))
            else:
                cells.append(_pair_cell(comparison, saliency.pair(row, column), scale))
        rows.append((comparison.label(row), cells))
    labels = [comparison.label(model) for model in order]
    return Grid("model", labels, rows, legend)


def _score_cell(
    what: str, scores: PropertyScores, scale: Scale, *, marked: bool, with_interval: bool
) -> Cell:
    score = scores.scores[MAIN.key]
    if score.value is None:
        return Cell(NONE, f"{what}: {scores.reason}")
    shown = number(score.value, MAIN.digits)
    hover = (
        f"{what}: {MAIN.title} {shown}, 95 % interval {interval(score.ci95, MAIN.digits)}, chance "
        f"{interval(score.chance, MAIN.digits)}"
    )
    hover += ": inside chance" if score.is_chance else ""
    hover += "; may be the best" if marked else ""
    below = interval(score.ci95, MAIN.digits) if with_interval and score.ci95 else ""
    if score.is_chance:
        return Cell.gray(shown, hover, below=below, marked=marked)
    return replace(shaded(score.value, MAIN.digits, scale, hover, below=below), marked=marked)


def _difference_cell(comparison: Comparison, pair: Difference) -> Cell:
    """Return the score of the first model minus that of the second; gray if it may be 0."""
    first, second = comparison.models
    value, ci95 = pair.value, pair.ci95
    if pair.a != first.id:
        value = None if value is None else -value
        ci95 = ci95 and (-ci95[1], -ci95[0])
    shown, low_high = number(value, MAIN.digits), interval(ci95, MAIN.digits)
    hover = f"{first.label} minus {second.label}: {shown}, paired 95 % interval {low_high}"
    if value is None or pair.tied is None:
        return Cell(shown, f"{hover}; {pair.reason}")
    if pair.tied:
        return Cell.gray(shown, f"{hover}, which holds 0", below=low_high)
    return Cell(shown, f"{hover}, which excludes 0", below=low_high)


def _pair_cell(comparison: Comparison, pair: Pair, scale: Scale) -> Cell:
    correlation, floor, ceiling = pair.correlation, pair.floor.value, pair.ceiling.value
    hover = (
        f"{comparison.label(pair.a)}, {comparison.label(pair.b)}: "
        f"r = {number(correlation.mean, 3)}, 95 % interval {interval(correlation.ci95, 3)}, "
        f"floor {number(floor, 3)}, "
        f"ceiling {number(ceiling, 3)}"
    )
    above = "?" if ceiling is None else number(ceiling, 2)
    below = f"{number(floor, 2)} to {above}"
    if correlation.mean is None:
        return Cell(NONE, hover)
    bounds = None
    if floor is not None and ceiling is not None:
        bounds = Gauge(
            *(100 * min(max(value, 0.0), 1.0) for value in (floor, ceiling, correlation.mean))
        )
    return shaded(correlation.mean, 2, scale, hover, below=below, gauge=bounds)
