"""Write tables as Markdown, HTML and CSV; `latex_table` and `print_table` are beside it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from markupsafe import escape

from dmlbench.present.table import Table
from dmldata.common.errors import one_line

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that spreadsheets interpret as formulas."""
_NUMBERS = re.compile(r"-|[-+][0-9.](?:[-+0-9. \[\]*()%±]|to|tied)*")
"""A number, or numbers as the tables write them: `-0.5 [-1.2 to 0.2] tied`."""

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
"""What begins a tag of HTML."""


def markdown_table(table: Table) -> str:
    """Return a table as Markdown, with title above and note below; marked cells are bold."""
    head = [[_markdown(title) for title in table.titles], ["---"] * len(table.columns)]
    rows = [*head, *table.texts(_markdown, "**", "**")]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    below = ["", _without_tags(table.note)] if table.note else []
    return "\n".join([_without_tags(table.title) + ":", "", *lines, *below])


def _markdown(text: str) -> str:
    return _without_tags(one_line(text)).replace("|", "\\|")


def _without_tags(text: str) -> str:
    return _TAG.sub("&lt;", text)


def html_table(table: Table, caption: str = "") -> str:
    """Return a table as HTML without any style, as notebooks show it; marked cells are bold.

    Args:
        caption: written above it; the title of the table if it is empty.
    """
    head = "".join(f"<th>{escape(title)}</th>" for title in table.titles)
    rows = table.texts(lambda text: str(escape(text)), "<b>", "</b>")
    body = "".join("<tr>" + "".join(f"<td>{text}</td>" for text in row) + "</tr>" for row in rows)
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    return (
        f"<table><caption>{escape(caption or table.title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"
    )


def csv_table(table: Table) -> str:
    """Return a table as CSV: the column names and the rows, as they are printed."""
    return csv_document(table.titles, table.texts())


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
