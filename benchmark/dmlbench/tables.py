"""Results as tables of text, and tables at the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dmlbench.results.files import Interval, PropertyScores
from dmldata import console

if TYPE_CHECKING:
    from dmlbench.results import Result

NONE = "-"
NEGATIVE = re.compile(r"(?<![\w-])-(?=\d)")
"""The hyphen before a number below zero, in a text for reading."""


class Marked(str):
    """A cell whose first word, its value, stands out."""

    def marked(self, before: str, after: str) -> str:
        """The cell with marks around its first word.

        >>> Marked("0.5 [0.1 to 0.9]").marked("", "*")
        '0.5* [0.1 to 0.9]'
        """
        first, space, rest = self.partition(" ")
        return f"{before}{first}{after}{space}{rest}"


class Table(NamedTuple):
    """Column names and rows of text; the first column names the row. `note` stands below."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


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


def print_result(result: Result) -> None:
    """One evaluation: its properties, its maps, and where they are."""
    print_table(score_table(result.properties.properties))
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
    print_table(score_table(found))


def print_table(table: Table) -> None:
    """At the terminal, where `*` is the mark."""
    rows = [
        [f"{cell} *" if isinstance(cell, Marked) else cell for cell in row] for row in table.rows
    ]
    console.table(table.columns, rows, title=table.title)
    if table.note:
        print(f"note: {table.note}")
