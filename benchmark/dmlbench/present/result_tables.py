"""Results as tables of text, and tables at the terminal."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dmlbench.results.files import CLASSES, Interval, Interventions, Mean, PropertyScores
from dmlbench.results.notes import queries_note
from dmlbench.scores.registry import ADJUSTED, DECODABILITY, MAIN, RETRIEVAL, WITHIN_CLASS
from dmlbench.scores.score import ABSENT, Score
from dmldata.common import console
from dmldata.common.console import say

if TYPE_CHECKING:
    from dmlbench.evaluate.score_files import ScoredFiles
    from dmlbench.results import Result

NONE = "-"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that spreadsheets take for a formula."""
_NUMBERS = re.compile(r"[-+0-9. to\[\]*()%]+")
"""A number, or numbers as the tables write them: `-0.5 to 1.2`."""
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


def minus(text: str) -> str:
    """Numbers below zero with a minus sign in place of a hyphen, in a text for reading.

    >>> minus("NR-Precision -0.5 to 2026-01-02")
    'NR-Precision −0.5 to 2026-01-02'
    """
    return NEGATIVE.sub("\N{MINUS SIGN}", text)


def interval(pair: Interval | None, digits: int) -> str:
    """
    >>> interval((0.5, 1.25), 1)
    '0.5 to 1.2'
    """
    return f"{number(pair[0], digits)} to {number(pair[1], digits)}" if pair else NONE


def csv_text(table: Table) -> str:
    """As a CSV file: the column names and the rows.

    >>> csv_text(Table("T", ("name", "r"), [("a, b", "0.5")]))
    'name,r\\n"a, b",0.5\\n'
    """
    return csv_document(table.columns, table.rows)


def csv_document(columns: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """A CSV file; a cell without a value is empty.

    A spreadsheet would run a text that begins as a formula does: it gets an apostrophe before it,
    as spreadsheets write text.

    >>> csv_document(("name", "r"), [("=1+A1", -0.5), ("-", None)]).splitlines()
    ['name,r', "'=1+A1,-0.5", '-,']
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_harmless, columns))
    writer.writerows(map(_harmless, row) for row in rows)
    return text.getvalue()


def _harmless(cell: str | float | None) -> str | float | None:
    if not isinstance(cell, str) or not cell.startswith(FORMULA) or _NUMBERS.fullmatch(cell):
        return cell
    return f"'{cell}"


def score_table(properties: Mapping[str, PropertyScores]) -> Table:
    """One model: a row a property."""
    within = any(WITHIN_CLASS.key in scored.scores for scored in properties.values())
    beside = (ADJUSTED, *([WITHIN_CLASS] if within else []), DECODABILITY)
    columns = (
        *("property", "images", MAIN.title, "95 % interval", "chance"),
        *(declaration.title for declaration in beside),
        "note",
    )
    rows = [
        (
            name,
            str(scored.n),
            *full_cells(scored.scores[MAIN.key], MAIN.digits),
            *(
                number(scored.scores.get(declaration.key, ABSENT).value, declaration.digits)
                for declaration in beside
            ),
            scored.note,
        )
        for name, scored in properties.items()
    ]
    return Table("Properties", columns, rows)


def full_cells(score: Score, digits: int) -> tuple[str, str, str]:
    """Return three cells: the value, its interval and chance."""
    return (
        number(score.value, digits),
        interval(score.ci95, digits),
        interval(score.chance, digits),
    )


def print_result(result: Result) -> None:
    """One evaluation: its properties, its maps, and where they are."""
    print_table(score_table(result.properties.properties))
    for name in CLASSES:
        if name in result.properties.properties:
            say(retrieval_line(name, result.properties.properties[name]))
    if result.properties.interventions is not None:
        say(intervention_line(result.properties.interventions))
    if result.saliency is not None:
        found = result.saliency
        say(
            f"attention on car: {_attention(found.attention_on_car)}; maps agree with themselves "
            f"under other noise: {_agreement(found.self_correlation)}"
        )
    note = queries_note(result.properties.n, result.properties.settings)
    if note is not None:
        say(f"note: {note}")
    say(f"results: {result.folder.path}")


def retrieval_line(name: str, found: PropertyScores) -> str:
    """The scores that papers on metric learning report, of a property that is the class."""
    parts = []
    for declaration in RETRIEVAL:
        value, ci95, chance = full_cells(found.scores[declaration.key], declaration.digits)
        parts.append(f"{declaration.short} {value} (95 % interval {ci95}; chance {chance})")
    return f"retrieval of {name}: {', '.join(parts)}"


def _agreement(mean: Mean) -> str:
    return f"none ({mean.reason})" if mean.value is None else f"r = {number(mean.value, 3)}"


def _attention(mean: Mean) -> str:
    if mean.value is None:
        return f"none ({mean.reason})"
    return (
        f"{number(mean.value, 3)} (95 % interval {interval(mean.ci95, 3)}) over {mean.images} "
        "images"
    )


def intervention_line(found: Interventions) -> str:
    """What the swept group does to the embeddings, in words."""
    if found.reason is not None:
        return f"changing {found.group}: no sensitivity, {found.reason}"
    moves, stays = found.sensitivity, found.retrieval_under_intervention
    return (
        f"changing {found.group} alone moves an embedding {number(moves.value, 3)} times as far as "
        f"another car is (95 % interval {interval(moves.ci95, 3)}); the nearest is the same car, "
        f"not the same {found.group}, for {number(stays.value, 3)} of the images (95 % interval "
        f"{interval(stays.ci95, 3)}; by chance {number(found.retrieval_expected, 3)})"
    )


def print_scores(scores: ScoredFiles) -> None:
    """Print scores from files as a table with its notes."""
    print_table(score_table(scores.properties))
    notes = (queries_note(scores.n, scores.settings), *scores.notes)
    for note in filter(None, notes):
        say(f"note: {note}")


def print_table(table: Table) -> None:
    """At the terminal, where `*` is the mark."""
    rows = [
        [cell.marked("", "*") if isinstance(cell, Marked) else cell for cell in row]
        for row in table.rows
    ]
    console.table(table.columns, rows, title=table.title)
    if table.note:
        say(f"note: {table.note}")
