"""The two heat maps of the page: scores of properties, and correlations of maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from dmlbench.compare import Comparison, Pair
from dmlbench.present.color_scales import GREY, GREY_INK, Scale, ink_on, scale_for
from dmlbench.present.result_tables import NONE, interval, number
from dmlbench.results.files import PropertyScores
from dmlbench.scores.registry import MAIN

MOST_COLUMNS = 8
INSIDE_CHANCE = "inside chance: within the central 95 % of permuted labels"


@dataclass(frozen=True)
class Gauge:
    """A correlation between its bounds, in percent of 0 to 1."""

    floor: float
    ceiling: float
    value: float


@dataclass(frozen=True)
class Cell:
    """One field of a heat map.

    Attributes:
        text: the printed value.
        hover: all that is known of it.
        background, ink: colours.
        below: a second, smaller line.
        marked: whether it is the highest of its property, or tied with it.
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
    """What the colours say.

    Attributes:
        title: what the numbers are.
        stops: colours at equal steps.
        ticks: (text, position in percent) under them.
        grey: what a grey field says; empty where none is grey.
    """

    title: str
    stops: Sequence[str]
    ticks: Sequence[tuple[str, float]]
    grey: str = ""

    @property
    def gradient(self) -> str:
        """In CSS."""
        return f"linear-gradient(to right, {', '.join(self.stops)})"


@dataclass(frozen=True)
class Grid:
    """A heat map.

    Attributes:
        corner: names what the rows are.
        rows: name and cells.
        breaks: rows that stand apart from the one before.
    """

    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    legend: Legend
    breaks: Sequence[int] = ()


def property_grid(comparison: Comparison) -> Grid:
    """NR-Precision: properties by models, or models by properties where there are many models."""
    values = [
        found.scores[MAIN.key].value or 0.0
        for by_model in comparison.properties.values()
        for found in by_model.values()
    ]
    scale = scale_for(values, root=True)
    legend = legend_of(MAIN.title, scale, 1, grey=INSIDE_CHANCE)
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
    if len(models) > MOST_COLUMNS:
        rows = [(model.label, [cells[name, model.id] for name in names]) for model in models]
        return Grid("model", names, rows, legend)
    by_name = [(name, [cells[name, model.id] for model in models]) for name in names]
    return Grid("property", [model.label for model in models], by_name, legend)


def correlation_grid(comparison: Comparison) -> Grid | None:
    """Pearson r of the maps, models by models, similar ones side by side; on the diagonal each
    model under other noise.
    """
    found = comparison.saliency
    if found is None or not found.pairs:
        return None
    scale, legend = correlation_colours(found.pairs)
    rows, order = [], found.clustering.order
    for row in order:
        cells = []
        for column in order:
            if row == column:
                itself = found.self_correlation[row]
                hover = f"{comparison.label(row)} with itself under other noise: r = "
                hover += f"{number(itself.value, 3)}, 95 % interval {interval(itself.ci95, 3)}"
                cells.append(shaded(itself.value, 2, scale, hover, below="itself"))
            else:
                cells.append(_pair_cell(comparison, found.pair(row, column), scale))
        rows.append((comparison.label(row), cells))
    labels = [comparison.label(model) for model in order]
    return Grid("model", labels, rows, legend)


def correlation_colours(pairs: Sequence[Pair]) -> tuple[Scale, Legend]:
    """Of correlations: from the pairs' median floor, as models that look at different pixels still
    agree that far, to their median ceiling; 0 and 1 where there is none."""
    floors = [pair.floor.value for pair in pairs if pair.floor.value is not None]
    ceilings = [pair.ceiling.value for pair in pairs if pair.ceiling.value is not None]
    floor, ceiling = median(floors or [0.0]), median(ceilings or [1.0])
    scale = Scale(ceiling if ceiling > floor else 1.0, low=floor, origin=floor)
    words = {floor: "floor"} if floors else {}
    if ceilings and ceiling > floor:
        words[ceiling] = "ceiling"
    return scale, legend_of("Pearson r of saliency maps", scale, 2, words)


def _score_cell(
    name: str, label: str, found: PropertyScores, scale: Scale, *, marked: bool
) -> Cell:
    score = found.scores[MAIN.key]
    hover = (
        f"{name}, {label}: {MAIN.title} {number(score.value, MAIN.digits)}, 95 % interval "
        f"{interval(score.ci95, MAIN.digits)}, chance {interval(score.chance, MAIN.digits)}"
    )
    if score.value is None:
        return Cell(NONE, f"{name}, {label}: {found.reason}")
    hover += ": inside chance" if score.is_chance else ""
    hover += ", the highest or tied with it" if marked else ""
    if score.is_chance:
        return Cell(number(score.value, 2), hover, GREY, GREY_INK, marked=marked)
    return replace(shaded(score.value, 2, scale, hover), marked=marked)


def _pair_cell(comparison: Comparison, pair: Pair, scale: Scale) -> Cell:
    found, floor, ceiling = pair.correlation, pair.floor.value, pair.ceiling.value
    hover = (
        f"{comparison.label(pair.a)}, {comparison.label(pair.b)}: r = {number(found.mean, 3)}, "
        f"95 % interval {interval(found.ci95, 3)}, floor {number(floor, 3)}, "
        f"ceiling {number(ceiling, 3)}"
    )
    below = f"{number(floor, 2)} to {number(ceiling, 2)}"
    if found.mean is None:
        return Cell(NONE, hover)
    bounds = None
    if floor is not None and ceiling is not None:
        bounds = Gauge(*(100 * min(max(value, 0.0), 1.0) for value in (floor, ceiling, found.mean)))
    return shaded(found.mean, 2, scale, hover, below=below, gauge=bounds)


def shaded(
    value: float | None,
    digits: int,
    scale: Scale,
    hover: str,
    *,
    below: str = "",
    gauge: Gauge | None = None,
) -> Cell:
    """A number on its colour."""
    if value is None:
        return Cell(NONE, hover)
    background = scale.colour(value)
    return Cell(number(value, digits), hover, background, ink_on(background), below, gauge=gauge)


def legend_of(
    title: str,
    scale: Scale,
    digits: int,
    words: Mapping[float, str] | None = None,
    *,
    grey: str = "",
) -> Legend:
    """Of all colours of the scale.

    Args:
        words: what numbers under the legend are, where they are more than numbers.
        grey: what a grey field says.
    """
    ticks = [
        (f"{(words or {}).get(value, '')} {number(value, digits)}".strip(), position)
        for value, position in scale.ticks
    ]
    return Legend(title, scale.stops, ticks, grey)
