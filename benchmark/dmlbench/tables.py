"""Results as tables of text, and tables at the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dmlbench.results.files import Interval, PropertyScores, Score
from dmldata import console

if TYPE_CHECKING:
    from dmlbench.compare.comparison import Bound, Comparison, Pair
    from dmlbench.results import Result

NONE = "-"
NR_TITLE = "NR-Precision (95 % interval); in brackets: inside chance"


class Table(NamedTuple):
    """Column names and rows of text; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def number(value: float | None, digits: int) -> str:
    """A number for reading; '-' where there is none.

    >>> number(1.005, 1), number(-0.0001, 2), number(None, 2)
    ('1.0', '0.00', '-')
    """
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def interval(pair: Interval | None, digits: int) -> str:
    """
    >>> interval((0.5, 1.25), 1)
    '0.5 to 1.2'
    """
    return f"{number(pair[0], digits)} to {number(pair[1], digits)}" if pair else NONE


def score_table(properties: Mapping[str, PropertyScores]) -> Table:
    """One model: a row a property."""
    columns = ("property", "images", "NR-Precision", "95 % interval", "chance", "ARP", "note")
    rows = []
    for name, found in properties.items():
        main, arp = found.scores["nr_precision"], found.scores["arp"]
        rows.append(
            (
                name,
                str(found.n),
                number(main.value, 2),
                interval(main.ci95, 2),
                interval(main.chance, 2),
                number(arp.value, 3),
                found.reason or ("inside chance" if main.is_chance else ""),
            )
        )
    return Table("Properties", columns, rows)


def property_table(comparison: Comparison) -> Table:
    """Several models: a row a property, a column a model."""
    labels = [model.label for model in comparison.models]
    rows = [
        (name, *(_cell(by_model[model.id].scores["nr_precision"]) for model in comparison.models))
        for name, by_model in comparison.properties.items()
    ]
    return Table(NR_TITLE, ("property", *labels), rows)


def pair_table(comparison: Comparison) -> Table:
    """A row a pair of models: how alike their maps are."""
    columns = (
        "model A",
        "model B",
        "r",
        "95 % interval",
        "sd",
        "floor",
        "ceiling",
        "JSD",
        "sd JSD",
    )
    pairs = comparison.saliency.pairs if comparison.saliency else ()
    rows = [
        (comparison.label(pair.a), comparison.label(pair.b), *_pair_cells(pair)) for pair in pairs
    ]
    return Table("Saliency maps, Pearson r and Jensen-Shannon divergence", columns, rows)


def attention_table(comparison: Comparison) -> Table:
    """A row a model: attention on the car, and the maps' agreement with themselves."""
    columns = ("model", "attention on car", "95 % interval", "r under other noise", "95 % interval")
    found = comparison.saliency
    rows = []
    for model in found.models if found else ():
        assert found is not None
        on_car, itself = found.attention_on_car[model], found.self_correlation[model]
        rows.append(
            (
                comparison.label(model),
                number(on_car.value, 3),
                interval(on_car.ci95, 3),
                number(itself.value, 3),
                interval(itself.ci95, 3),
            )
        )
    return Table("Saliency maps of each model", columns, rows)


def print_result(result: Result) -> None:
    """One evaluation: its properties, its maps, and where they are."""
    _print(score_table(result.properties.properties))
    if result.saliency is not None:
        found = result.saliency
        mean = found.attention_on_car
        print(
            f"attention on car: {number(mean.value, 3)} (95 % interval "
            f"{interval(mean.ci95, 3)}) over {mean.images} images; maps agree with themselves "
            f"under other noise: r = {number(found.self_correlation.value, 3)}"
        )
    print(f"results: {result.folder.path}")


def print_scores(scores: Mapping[str, Any]) -> None:
    """What `dmlbench.score.score_files` gives."""
    found = {
        name: PropertyScores.model_validate_json(json.dumps(one))
        for name, one in scores["properties"].items()
    }
    _print(score_table(found))


def print_comparison(comparison: Comparison) -> None:
    """Both tables, and what a reader has to know."""
    _print(property_table(comparison))
    if comparison.saliency is not None:
        if comparison.saliency.pairs:
            _print(pair_table(comparison))
        _print(attention_table(comparison))
    for note in comparison.notes:
        print(f"note: {note}")


def _print(table: Table) -> None:
    console.table(table.columns, table.rows, title=table.title)


def _cell(score: Score) -> str:
    if score.value is None:
        return NONE
    value = number(score.value, 2)
    shown = f"({value})" if score.is_chance else value
    return f"{shown} [{interval(score.ci95, 2)}]" if score.ci95 else shown


def _pair_cells(pair: Pair) -> tuple[str, ...]:
    return (
        number(pair.correlation.mean, 3),
        interval(pair.correlation.ci95, 3),
        number(pair.correlation.std, 3),
        _bound(pair.floor),
        _bound(pair.ceiling),
        number(pair.divergence.mean, 4),
        number(pair.divergence.std, 4),
    )


def _bound(bound: Bound) -> str:
    shown = number(bound.value, 3)
    return f"{shown} [{interval(bound.ci95, 3)}]" if bound.ci95 else shown
