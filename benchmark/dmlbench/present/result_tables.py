"""Tables of results, and how tables are printed and written as CSV."""

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
from dmldata.common.errors import one_line
from dmldata.common.output import print_rows, say

if TYPE_CHECKING:
    from dmlbench.evaluate.score_files import ScoredFiles
    from dmlbench.results import Result

NONE = "-"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that spreadsheets interpret as formulas."""
_NUMBERS = re.compile(r"[-+0-9. to\[\]*()%]+")
"""A number, or numbers as the tables write them: `-0.5 to 1.2`."""
NEGATIVE = re.compile(r"(?<![\w-])-(?=\d)")
"""The hyphen before a number below zero."""


class Marked(str):
    """A cell whose first word, its value, is highlighted."""

    def marked(self, before: str, after: str) -> str:
        """Return the cell with marks around its first word.

        >>> Marked("0.5 [0.1 to 0.9]").marked("", "*")
        '0.5* [0.1 to 0.9]'
        """
        first, space, rest = self.partition(" ")
        return f"{before}{first}{after}{space}{rest}"


class Table(NamedTuple):
    """A table of text; the first column names the row, and `note` is printed below."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def number(value: float | None, digits: int) -> str:
    """Format a number; '-' if there is none.

    >>> number(1.005, 1), number(-0.0001, 2), number(None, 2)
    ('1.0', '0.00', '-')
    """
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def minus(text: str) -> str:
    """Replace the hyphen before numbers below zero by a minus sign.

    >>> minus("NR-Precision -0.5 to 2026-01-02")
    'NR-Precision −0.5 to 2026-01-02'
    """
    return NEGATIVE.sub("\N{MINUS SIGN}", text)


def interval(pair: Interval | None, digits: int) -> str:
    """Format an interval; '-' if there is none.

    >>> interval((0.5, 1.25), 1)
    '0.5 to 1.2'
    """
    return f"{number(pair[0], digits)} to {number(pair[1], digits)}" if pair else NONE


def csv_text(table: Table) -> str:
    """Return a table as CSV: the column names and the rows.

    >>> csv_text(Table("T", ("name", "r"), [("a, b", "0.5")]))
    'name,r\\n"a, b",0.5\\n'
    """
    return csv_document(table.columns, table.rows)


def csv_document(columns: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """Return a CSV file; cells without a value are empty.

    Text that spreadsheets would run as a formula is prefixed with an apostrophe, which marks text.

    >>> csv_document(("name", "r"), [("=1+A1", -0.5), ("-", None)]).splitlines()
    ['name,r', "'=1+A1,-0.5", '-,']
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_harmless, columns))
    writer.writerows(map(_harmless, row) for row in rows)
    return text.getvalue()


def _harmless(cell: str | float | None) -> str | float | None:
    if not isinstance(cell, str):
        return cell
    # A line break that stays unquoted would begin a cell, too.
    text = one_line(cell) if "\r" in cell or "\n" in cell else cell
    return text if not text.startswith(FORMULA) or _NUMBERS.fullmatch(text) else f"'{text}"


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
    """Print one evaluation: its property scores, its maps, and its folder."""
    print_table(score_table(result.properties.properties))
    for name in CLASSES:
        if name in result.properties.properties:
            say(retrieval_line(name, result.properties.properties[name]))
    if result.properties.interventions is not None:
        say(intervention_line(result.properties.interventions))
    if result.saliency is not None:
        saliency = result.saliency
        say(
            f"attention on car: {_attention(saliency.attention_on_car)}; maps agree with "
            f"themselves under other noise: {_agreement(saliency.self_correlation)}"
        )
    note = queries_note(result.properties.n, result.properties.settings)
    if note is not None:
        say(f"note: {note}")
    say(f"results: {result.folder.path}")


def retrieval_line(name: str, scores: PropertyScores) -> str:
    """Return the retrieval scores that papers report, of the property that is the class."""
    parts = []
    for declaration in RETRIEVAL:
        value, ci95, chance = full_cells(scores.scores[declaration.key], declaration.digits)
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


def intervention_line(interventions: Interventions) -> str:
    """Describe the effect of the swept group on the embeddings."""
    if interventions.reason is not None:
        return f"changing {interventions.group}: no sensitivity, {interventions.reason}"
    group = interventions.group
    moves, stays = interventions.sensitivity, interventions.retrieval_under_intervention
    return (
        f"changing {group} alone moves an embedding {number(moves.value, 3)} times as far as "
        f"another car is (95 % interval {interval(moves.ci95, 3)}); the nearest is the same car, "
        f"not the same {group}, for {number(stays.value, 3)} of the images (95 % interval "
        f"{interval(stays.ci95, 3)}; by chance {number(interventions.retrieval_expected, 3)})"
    )


def print_scores(scores: ScoredFiles) -> None:
    """Print scores from files as a table with its notes."""
    print_table(score_table(scores.properties))
    notes = (queries_note(scores.n, scores.settings), *scores.notes)
    for note in filter(None, notes):
        say(f"note: {note}")


def print_table(table: Table) -> None:
    """Print a table at the terminal; `*` marks cells."""
    rows = [
        [cell.marked("", "*") if isinstance(cell, Marked) else cell for cell in row]
        for row in table.rows
    ]
    print_rows(table.columns, rows, title=table.title)
    if table.note:
        say(f"note: {table.note}")
