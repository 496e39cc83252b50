"""Draw the figures of a page as files for papers: SVG, PDF and PNG."""

from __future__ import annotations

import io
import itertools
from collections import Counter, deque
from collections.abc import Sequence
from itertools import pairwise
from textwrap import wrap
from typing import Any, Literal, NamedTuple

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dmlbench.present.color_scales import GRAY, ORANGE
from dmlbench.present.dendrogram import ROW, SPAN, Dendrogram
from dmlbench.present.dot_plots import DotPanel, DotPlot
from dmlbench.present.heat_maps import Grid, Legend
from dmlbench.present.line_plots import LinePanel, LinePlot
from dmlbench.present.numbers import minus
from dmlbench.present.response_plots import ResponsePlot
from dmlbench.scores.score import Score

Drawn = Grid | Dendrogram | ResponsePlot | LinePlot | DotPlot
"""What can be drawn."""
SUFFIXES = ("svg", "pdf", "png")
DPI = 300
CELL, LINE = 0.46, 0.22
"""Width and height of a cell, in inches."""
LEGEND, NOTE = 3.0, 0.16
"""Least width of a heat map's legend, and height of a line below its colors, in inches."""
LEGEND_LETTERS = 52
"""Letters that fit a line of the legend."""
GAP = 0.06
FONT = 8
"""Size of most text, in points."""
MARGIN = 0.3
"""Space to the left of a tree for its first tick, in inches."""
LETTER = 0.075
"""Width of a letter at 8 points, in inches, for the room of labels."""
LEGEND_COLUMNS = 3
PANELS = 4
"""Panels beside each other in a plot of many."""
UNTRAINED = "untrained network"
SPREAD_ROWS = 8
"""Rows from which on each has one dot, and little height."""
GOLDEN = 0.618
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": FONT,
    "svg.fonttype": "none",
    "svg.hashsalt": "dmlbench",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # Names may hold dollars.
}
_RESPONSES = {
    "distance": "distance, in distances to another car",
    "retrieval": "same car after the change",
}
"""Titles of the two kinds of response curves."""
_UNDATED: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {},
}


_LATEST: deque[tuple[Drawn, dict[str, bytes]]] = deque(maxlen=32)
"""What was drawn last, and its files."""


def figure_files(drawn: Drawn) -> dict[str, bytes]:
    """Draw a figure and return its files by suffix; the same content gives the same bytes.

    A page shows a figure and links to its files, which are also written beside it: it is drawn
    once.
    """
    for known, files in _LATEST:
        if known is drawn:
            return files
    files = _drawn_files(drawn)
    _LATEST.append((drawn, files))
    return files


def _drawn_files(drawn: Drawn) -> dict[str, bytes]:
    with rc_context(STYLE):
        match drawn:
            case Grid():
                return _files(_heat(drawn))
            case Dendrogram():
                return _files(_tree(drawn))
            case ResponsePlot():
                return _files(_response(drawn))
            case LinePlot():
                return _files(_lines(drawn))
            case DotPlot():
                return _files(_dots(drawn))


def _files(figure: Figure) -> dict[str, bytes]:
    content_by_suffix = {}
    for suffix in SUFFIXES:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, dpi=DPI, metadata=_UNDATED[suffix])
        content_by_suffix[suffix] = buffer.getvalue()
    return content_by_suffix


def _heat(grid: Grid) -> Figure:
    figure, axes = _blank(*grid_size(grid))
    draw_grid(axes, grid)
    return figure


class _Room(NamedTuple):
    """Inches that a heat map needs around its cells, and whether its column names are slanted."""

    left: float
    top: float
    right: float
    slanted: bool


def _room(grid: Grid) -> _Room:
    longest = max(map(len, grid.columns))
    slanted = longest * LETTER > CELL
    top = LETTER * longest * 0.75 + 0.15 if slanted else 0.25
    left = LETTER * max(len(name) for name, _ in grid.rows) + 0.1
    # The last slanted name extends beyond the table.
    return _Room(left, top, top if slanted else 0.1, slanted)


def grid_size(grid: Grid) -> tuple[float, float]:
    """Return width and height in inches at which a heat map's text fits its cells."""
    room = _room(grid)
    rows = LINE * len(grid.rows) + GAP * len(grid.breaks)
    width = room.left + max(CELL * len(grid.columns) + room.right, LEGEND)
    return width, room.top + rows + 0.65 + NOTE * len(_notes(grid.legend))


def _notes(legend: Legend) -> list[tuple[str, str]]:
    """Lines of what the bar of colors does not say, each with the color that it begins with."""
    bold = legend.marks and f"bold: {legend.marks}"
    lines = []
    for note, color in ((legend.gray, GRAY), (legend.orange, ORANGE), (bold, "")):
        first, *more = wrap(note, LEGEND_LETTERS) or [""]
        lines += [(first, color), *((line, "") for line in more)]
    return [(line, color) for line, color in lines if line]


def draw_grid(axes: Axes, grid: Grid) -> Axes:
    """Draw a heat map with its legend into `axes`, which lose their frame; see `grid_size`."""
    _measure_in_inches(axes, *grid_size(grid))
    left, y, _, slanted = _room(grid)
    top = y
    for row, (name, cells) in enumerate(grid.rows):
        y += GAP if row in grid.breaks else 0
        axes.text(left - 0.06, y + LINE / 2, name, ha="right", va="center", fontsize=FONT)
        for column, cell in enumerate(cells):
            x = left + CELL * column
            field = (x + 0.01, y + 0.01), CELL - 0.02, LINE - 0.02
            axes.add_patch(Rectangle(*field, facecolor=cell.background, linewidth=0))
            axes.text(
                x + CELL / 2,
                y + LINE / 2,
                minus(cell.text),
                ha="center",
                va="center",
                fontsize=7,
                color=cell.ink,
                fontweight="bold" if cell.marked else "normal",
            )
        y += LINE
    for column, name in enumerate(grid.columns):
        x = left + CELL * (column + 0.5)
        turned: dict[str, Any] = (
            {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
            if slanted
            else {"ha": "center"}
        )
        axes.text(x, top - 0.06, name, va="bottom", fontsize=FONT, **turned)
    _legend(axes, grid.legend, left, y + 0.28)
    return axes


def _legend(axes: Axes, legend: Legend, left: float, top: float) -> None:
    width, height = 1.8, 0.09
    axes.text(left, top - 0.05, legend.title, fontsize=7)
    step = width / len(legend.stops)
    for place, color in enumerate(legend.stops):
        part = (left + step * place, top), step * 1.02, height
        axes.add_patch(Rectangle(*part, facecolor=color, linewidth=0))
    for text, percent in legend.ticks:
        x = left + width * percent / 100
        axes.text(x, top + height + 0.04, minus(text), ha="center", va="top", fontsize=7)
    for place, (note, color) in enumerate(_notes(legend)):
        y = top + 0.34 + NOTE * place
        if color:
            axes.add_patch(Rectangle((left, y), 0.16, height, facecolor=color, linewidth=0))
        axes.text(left + 0.22, y + height / 2, note, va="center", fontsize=7)


def _tree(tree: Dendrogram) -> Figure:
    scale = LINE / ROW
    width, height = SPAN * scale, tree.height * scale
    labels = LETTER * max(len(name) for name, _ in tree.leaves) + 0.2
    figure, axes = _blank(MARGIN + width + labels, height + 0.52)
    axes.plot([MARGIN, MARGIN + width], [height + 0.08] * 2, color="#888888", linewidth=0.6)
    for join in tree.joins:
        xs, ys = _scaled(join.points, scale)
        axes.plot(xs, ys, color="#1a1a1a", linewidth=1, solid_joinstyle="miter")
    for name, y in tree.leaves:
        axes.text(MARGIN + width + 0.08, y * scale, name, va="center")
    for text, x in tree.ticks:
        at = MARGIN + x * scale
        axes.plot([at, at], [height + 0.08, height + 0.12], color="#888888", linewidth=0.6)
        axes.text(at, height + 0.15, minus(text), ha="center", va="top", fontsize=7)
    axes.text(MARGIN, height + 0.3, "mean Pearson r of saliency maps", va="top", fontsize=7)
    return figure


def _response(plot: ResponsePlot) -> Figure:
    """Draw distance and retrieval beside each other, each over the size of the change."""
    rows_of_legend = -(-len(plot.lines) // LEGEND_COLUMNS) if len(plot.lines) > 1 else 0
    figure = Figure(figsize=(6.4, 2.3 + 0.16 * rows_of_legend), layout="constrained")
    distance, retrieval = figure.subplots(1, 2)
    draw_response(distance, plot, "distance")
    draw_response(retrieval, plot, "retrieval")
    if len(plot.lines) > 1:
        figure.legend(
            *distance.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=LEGEND_COLUMNS,
            frameon=False,
            fontsize=7,
        )
    return figure


def draw_response(
    axes: Axes, plot: ResponsePlot, what: Literal["distance", "retrieval"] = "distance"
) -> Axes:
    """Draw the curves of all models over the size of the change: one kind of score, its title."""
    colors = colormaps["tab10" if len(plot.lines) <= 10 else "tab20"]
    for place, line in enumerate(plot.lines):
        # Points of several models stand beside each other, so that no interval hides another.
        gaps = [after - before for before, after in pairwise(line.sizes)]
        step = min(0.012 * (max(line.sizes) or 1.0), 0.4 * min(gaps, default=1) / len(plot.lines))
        shift = step * (place - (len(plot.lines) - 1) / 2)
        scores = line.response if what == "distance" else line.retrieval
        sizes = [size + shift for size in line.sizes]
        _curve(axes, line.label, colors(place % colors.N), sizes, scores)
    unit = f" ({plot.unit})" if plot.unit else ""
    axes.set_title(_RESPONSES[what], fontsize=8, loc="left")
    axes.set_xlabel(f"change of {plot.factor}{unit}")
    axes.set_ylim(bottom=0.0)
    axes.spines[["top", "right"]].set_visible(False)
    if what == "retrieval":
        chance = [
            (size, value)
            for size, value in zip(plot.lines[0].sizes, plot.expected, strict=True)
            if value is not None
        ]
        axes.plot(*zip(*chance, strict=True), color="#888888", linestyle=":", linewidth=1)
        axes.set_ylim(0.0, 1.03)
    return axes


def legend_label(name: str) -> str:
    """Return a name as a legend shows it: without the space, it leaves out what begins with '_'."""
    return f" {name}" if name.startswith("_") else name


def _curve(
    axes: Axes, label: str, color: Any, sizes: Sequence[float], scores: Sequence[Score]
) -> None:
    """Draw the scores that are known, each with its interval."""
    xs, values, below, above = [], [], [], []
    for size, score in zip(sizes, scores, strict=True):
        if score.value is not None:
            low, high = score.ci95 or (score.value, score.value)
            xs.append(size)
            values.append(score.value)
            below.append(score.value - low)
            above.append(high - score.value)
    axes.errorbar(
        xs,
        values,
        yerr=(below, above),
        label=legend_label(label),
        color=color,
        marker="o",
        markersize=3,
        linewidth=1,
        elinewidth=0.8,
        capsize=2,
    )


def _lines(plot: LinePlot) -> Figure:
    """Draw the panels; lines have the color of the loss's group."""
    columns = min(PANELS, len(plot.panels))
    rows = -(-len(plot.panels) // columns)
    size = (7.0, 1.45 * rows + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=plot.shares_places).ravel()
    groups = list(dict.fromkeys(line.group for panel in plot.panels for line in panel.lines))
    for axes, panel in zip(panels, plot.panels, strict=False):
        draw_lines(axes, panel, groups)
    for axes in panels[len(plot.panels) :]:
        axes.set_axis_off()
    figure.supxlabel(plot.place, fontsize=FONT)
    figure.supylabel(plot.score, fontsize=FONT)
    named: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        named |= zip(labels, handles, strict=True)
    figure.legend(
        named.values(), named.keys(), loc="outside upper left", ncols=3, frameon=False, fontsize=7
    )
    return figure


def draw_lines(axes: Axes, panel: LinePanel, groups: Sequence[str]) -> Axes:
    """Draw the lines of all losses, a color per group, with their dots."""
    for line in panel.lines:
        color = colormaps["tab10"](groups.index(line.group))
        axes.plot(
            line.places, line.scores, color=color, label=line.group, linewidth=0.8, alpha=0.75
        )
        if line.dot is not None:
            axes.plot(*line.dot, color=color, marker="o", markersize=2)
    if panel.untrained is not None:
        before = panel.untrained
        dashes, marker = ("--", "") if len(before.places) > 1 else ("", "s")
        axes.plot(
            before.places,
            before.scores,
            color="#1a1a1a",
            linestyle=dashes,
            linewidth=1.2,
            marker=marker,
            markersize=3,
            label=UNTRAINED,
        )
    axes.set_title(panel.name, fontsize=7, loc="left")
    axes.tick_params(labelsize=6)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _dots(plot: DotPlot) -> Figure:
    """Draw the panels; rows are named in the first of each line."""
    lines = -(-len(plot.panels) // plot.columns)
    rows = len(plot.rows)
    height = (0.11 * rows + 0.6 if rows > SPREAD_ROWS else 0.3 * rows + 0.6) * lines + 0.4
    figure = Figure(figsize=(7.2, height), layout="constrained")
    panels = figure.subplots(lines, plot.columns, squeeze=False)
    groups = sorted({dot.group for panel in plot.panels for dot in panel.dots if dot.group})
    for place, axes in enumerate(panels.ravel()):
        if place >= len(plot.panels):
            axes.set_axis_off()
            continue
        named_rows = place % plot.columns == 0
        draw_dots(axes, plot.panels[place], plot.rows, groups, named=named_rows, floor=plot.floor)
    figure.supxlabel(plot.axis, fontsize=FONT)
    named: dict[str, Any] = {}
    for axes in panels.ravel():
        handles, labels = axes.get_legend_handles_labels()
        named |= zip(labels, handles, strict=True)
    named = dict(sorted(named.items()))
    figure.legend(
        named.values(), named.keys(), loc="outside upper left", ncols=4, frameon=False, fontsize=7
    )
    return figure


def draw_dots(
    axes: Axes,
    panel: DotPanel,
    rows: Sequence[str],
    groups: Sequence[str],
    *,
    named: bool = True,
    floor: str = "",
) -> Axes:
    """Draw one panel: the rows from the top, a color per group.

    Args:
        named: whether the rows are named.
        floor: name of the floors of dots.
    """
    place_of = {row: place for place, row in enumerate(rows)}
    shared = Counter(dot.row for dot in panel.dots)
    seen: Counter[str] = Counter()
    for dot in panel.dots:
        # Dots of one row are spread over its height, so that they can be counted.
        step = (seen[dot.row] * GOLDEN) % 1 if shared[dot.row] > 1 else 0.5
        seen[dot.row] += 1
        y = place_of[dot.row] + 0.6 * (step - 0.5)
        color = colormaps["tab10"](groups.index(dot.group)) if dot.group else "#777777"
        if dot.std is not None:
            ends = [dot.value - dot.std, dot.value + dot.std]
            axes.plot(ends, [y, y], color=color, linewidth=3, alpha=0.25, solid_capstyle="butt")
        if dot.floor is not None:
            axes.plot(
                *([dot.floor], [y]),
                color="#1a1a1a",
                marker="|",
                linestyle="",
                markersize=5,
                label=floor,
            )
        if dot.ci95 is not None:
            axes.plot(dot.ci95, [y, y], color=color, linewidth=0.8, alpha=0.7)
        axes.plot(
            [dot.value],
            [y],
            color=color,
            marker="o",
            markersize=2.2,
            linestyle="",
            label=dot.group or None,
        )
    for (name, value), style in zip(panel.marks.items(), itertools.cycle((":", "--"))):
        axes.axvline(value, color="#1a1a1a", linewidth=0.7, linestyle=style, label=name)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), rows if named else [], fontsize=6)
    axes.tick_params(axis="x", labelsize=6)
    axes.set_title(panel.title, fontsize=7, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _scaled(points: Sequence[tuple[float, float]], scale: float) -> tuple[list[float], list[float]]:
    return [MARGIN + x * scale for x, _ in points], [y * scale for _, y in points]


def _blank(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure whose coordinates are inches from the top left."""
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    _measure_in_inches(axes, width, height)
    return figure, axes


def _measure_in_inches(axes: Axes, width: float, height: float) -> None:
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
