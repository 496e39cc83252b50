"""The two heat maps of a page: property scores and correlations of maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from dmlbench.comparison import Comparison, Pair
from dmlbench.present.color_scales import GRAY, GRAY_INK, Scale, ink_on, scale_for
from dmlbench.present.numbers import NONE, interval, number
from dmlbench.results.files import PropertyScores
from dmlbench.scores.registry import MAIN

MAX_COLUMNS = 8
INSIDE_CHANCE = "inside chance: within the central 95 % of permuted labels"


@dataclass(frozen=True)
class Gauge:
    """A correlation and its bounds, as percentages of the range 0 to 1."""

    floor: float
    ceiling: float
    value: float


@dataclass(frozen=True)
class Cell:
    """One cell of a heat map.

    Attributes:
        text: the printed value.
        hover: hover text with all details.
        background, ink: colors of the cell and its text.
        below: a second, smaller line.
        marked: whether the model may be the best of its property; see `Comparison.leaders`.
    """

    text: str
    hover: str = ""
    background: str = "#ffffff"
    ink: str = "#1a1a1a"
    below: str = ""
    gauge: Gauge | None = None
    marked: bool = False


@dataclass(frozen=True)
class Legend:
    """Legend of the colors.

    Attributes:
        title: name of the numbers.
        stops: colors at equal steps.
        ticks: (text, position in percent) of the marks under the colors.
        gray: meaning of a gray cell; empty if there is none.
    """

    title: str
    stops: Sequence[str]
    ticks: Sequence[tuple[str, float]]
    gray: str = ""

    @property
    def gradient(self) -> str:
        """The colors as a CSS gradient."""
        return f"linear-gradient(to right, {', '.join(self.stops)})"


@dataclass(frozen=True)
class Grid:
    """A heat map.

    Attributes:
        corner: name of what the rows are.
        rows: name and cells of each row.
        breaks: rows with a gap above them.
    """

    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    legend: Legend
    breaks: Sequence[int] = ()


def property_grid(comparison: Comparison) -> Grid:
    """Return NR-Precision of properties by models, or the transpose for many models."""
    values = [
        scores.scores[MAIN.key].value or 0.0
        for by_model in comparison.properties.values()
        for scores in by_model.values()
    ]
    scale = scale_for(values, root=True)
    legend = legend_of(MAIN.title, scale, 1, gray=INSIDE_CHANCE)
    names, models = list(comparison.properties), comparison.models
    leaders = {name: comparison.leaders(name) for name in names}
    cells = {
        (name, model.id): _score_cell(
            name,
            model.label,
            comparison.properties[name][model.id],
            scale,
            marked=model.id in leaders[name],
        )
        for name in names
        for model in models
    }
    if len(models) > MAX_COLUMNS:
        rows = [(model.label, [cells[name, model.id] for name in names]) for model in models]
        return Grid("model", names, rows, legend)
    by_name = [(name, [cells[name, model.id] for model in models]) for name in names]
    return Grid("property", [model.label for model in models], by_name, legend)


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


def correlation_colors(pairs: Sequence[Pair]) -> tuple[Scale, Legend]:
    """Return the color scale of correlations, from the pairs' median floor to their median ceiling.

    Maps of different images already agree up to the floor. Missing bounds are 0 and 1.
    """
    floors = [pair.floor.value for pair in pairs if pair.floor.value is not None]
    ceilings = [pair.ceiling.value for pair in pairs if pair.ceiling.value is not None]
    floor, ceiling = median(floors or [0.0]), median(ceilings or [1.0])
    scale = Scale(ceiling if ceiling > floor else 1.0, low=floor, origin=floor)
    words = {floor: "floor"} if floors else {}
    if ceilings and ceiling > floor:
        words[ceiling] = "ceiling"
    return scale, legend_of("Pearson r of saliency maps", scale, 2, words)


def _score_cell(
    name: str, label: str, scores: PropertyScores, scale: Scale, *, marked: bool
) -> Cell:
    score = scores.scores[MAIN.key]
    hover = (
        f"{name}, {label}: {MAIN.title} {number(score.value, MAIN.digits)}, 95 % interval "
        f"{interval(score.ci95, MAIN.digits)}, chance {interval(score.chance, MAIN.digits)}"
    )
    if score.value is None:
        return Cell(NONE, f"{name}, {label}: {scores.reason}")
    hover += ": inside chance" if score.is_chance else ""
    hover += ", may be the best" if marked else ""
    if score.is_chance:
        return Cell(number(score.value, 2), hover, GRAY, GRAY_INK, marked=marked)
    return replace(shaded(score.value, 2, scale, hover), marked=marked)


def _pair_cell(comparison: Comparison, pair: Pair, scale: Scale) -> Cell:
    correlation, floor, ceiling = pair.correlation, pair.floor.value, pair.ceiling.value
    hover = (
        f"{comparison.label(pair.a)}, {comparison.label(pair.b)}: "
        f"r = {number(correlation.mean, 3)}, 95 % interval {interval(correlation.ci95, 3)}, "
        f"floor {number(floor, 3)}, "
        f"ceiling {number(ceiling, 3)}"
    )
    below = f"{number(floor, 2)} to {number(ceiling, 2)}"
    if correlation.mean is None:
        return Cell(NONE, hover)
    bounds = None
    if floor is not None and ceiling is not None:
        bounds = Gauge(
            *(100 * min(max(value, 0.0), 1.0) for value in (floor, ceiling, correlation.mean))
        )
    return shaded(correlation.mean, 2, scale, hover, below=below, gauge=bounds)


def shaded(
    value: float | None,
    digits: int,
    scale: Scale,
    hover: str,
    *,
    below: str = "",
    gauge: Gauge | None = None,
) -> Cell:
    """Return a cell with a number on its color."""
    if value is None:
        return Cell(NONE, hover)
    background = scale.color(value)
    return Cell(number(value, digits), hover, background, ink_on(background), below, gauge=gauge)


def legend_of(
    title: str,
    scale: Scale,
    digits: int,
    words: Mapping[float, str] | None = None,
    *,
    gray: str = "",
) -> Legend:
    """Return the legend of all colors of a scale.

    Args:
        words: names of special numbers under the legend.
        gray: meaning of a gray cell.
    """
    ticks = [
        (f"{(words or {}).get(value, '')} {number(value, digits)}".strip(), position)
        for value, position in scale.ticks
    ]
    return Legend(title, scale.stops, ticks, gray)
