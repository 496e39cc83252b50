"""Make a table fit a terminal in one piece: shorter titles, fewer columns, no intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dmlbench.present.table import Cell, Estimate, Table
from dmldata.common.output import MIN_WORDS, print_rows, say, table_width, terminal_width

MARK = "*"
"""Stands behind numbers that are highlighted."""


def print_table(table: Table) -> None:
    """Print a table at the terminal, in one piece where that is possible; `*` marks cells."""
    width = terminal_width()
    if width is not None:
        table = fitted(table, width)
    print_rows(table.titles, table.texts(after=MARK), title=table.title, words=_words(table))
    if table.note:
        say(f"note: {table.note}")


def fitted(table: Table, width: int) -> Table:
    """Return the table with as little left out as makes it fit; its note says what is.

    In this order: titles are shortened, columns that can be spared are left out, names are broken
    into lines, long titles become numbers, and intervals are left out.

    Args:
        width: number of characters of a line.
    """
    smaller, broken = table, False
    for smaller, broken in _smaller_and_smaller(table):
        words = _words(smaller) if broken else ()
        if table_width(smaller.titles, smaller.texts(after=MARK), words) <= width:
            break
    return smaller


def _smaller_and_smaller(table: Table) -> Iterator[tuple[Table, bool]]:
    """Yield smaller and smaller tables, and whether names have to be broken into lines."""
    yield table, False
    table = _with_short_titles(table)
    yield table, False
    whole, places = table, list(range(len(table.columns)))
    for spare in sorted({column.spare for column in table.columns} - {0}, reverse=True):
        places = [place for place in places if whole.columns[place].spare != spare]
        table = _with_columns(whole, places)
        yield table, False
    yield table, True
    table = _with_numbers(table)
    yield table, True
    yield _without_intervals(table), True


def _with_short_titles(table: Table) -> Table:
    columns = [replace(column, title=column.short or column.title) for column in table.columns]
    short = {column.title: column.short for column in table.columns if column.short}
    meanings = (f"{name}: {title}" for title, name in short.items() if name not in title)
    return replace(table, columns=columns, note=_with_note(table, meanings))


def _with_columns(table: Table, places: list[int]) -> Table:
    left_out = [column.title for place, column in enumerate(table.columns) if place not in places]
    return replace(
        table,
        columns=[table.columns[place] for place in places],
        rows=[[row[place] for place in places] for row in table.rows],
        note=_with_note(table, [f"left out for width: {', '.join(dict.fromkeys(left_out))}"]),
    )


def _with_numbers(table: Table) -> Table:
    """Number the columns whose title, such as a model's name, is wider than their cells."""
    columns, meanings = list(table.columns), list[str]()
    for place, column in enumerate(columns):
        widest = max((len(row[place]) for row in table.texts(after=MARK)), default=0)
        if max(map(len, column.title.split())) > max(widest, MIN_WORDS) and column.role != "name":
            columns[place] = replace(column, title=str(len(meanings) + 1))
            meanings.append(f"{len(meanings) + 1}: {column.title}")
    return replace(table, columns=columns, note=_with_note(table, meanings))


def _without_intervals(table: Table) -> Table:
    intervals = {place for row in table.rows for place, cell in enumerate(row) if _is_pair(cell)}
    if intervals:
        places = [place for place in range(len(table.columns)) if place not in intervals]
        table = _with_columns(table, places)

    def short(cell: Cell) -> Cell:
        return replace(cell, ci95=None) if isinstance(cell, Estimate) else cell

    rows = [[short(cell) for cell in row] for row in table.rows]
    if rows == [list(row) for row in table.rows]:
        return table
    return replace(table, rows=rows, note=_with_note(table, ["left out for width: intervals"]))


def _is_pair(cell: Cell) -> bool:
    return isinstance(cell, tuple)


def _with_note(table: Table, words: Iterable[str]) -> str:
    text = "; ".join(words)
    sentence = f"{text[0].upper()}{text[1:]}." if text else ""
    return f"{table.note} {sentence}".strip()


def _words(table: Table) -> list[int]:
    return [place for place, column in enumerate(table.columns) if column.role in ("name", "words")]
