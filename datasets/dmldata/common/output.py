"""Lines and tables for the user, without credentials and without what acts on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence

from dmldata.common.text import printable, without_credentials

Say = Callable[[str], None]
"""Called with lines for the user; `say` prints them."""


def say(text: object, *, error: bool = False) -> None:
    """Print a line for the user, without credentials and without terminal control characters.

    Args:
        error: print to stderr rather than stdout.
    """
    print(shown(text), file=sys.stderr if error else sys.stdout, flush=error)


def shown(text: object) -> str:
    """Return text that is safe to show to a user: `printable` and `without_credentials`."""
    return printable(without_credentials(str(text)))


MAX_CELL_WIDTH = 40
"""Maximum width of a column of a table in characters; longer cells are broken into lines."""
MIN_WORDS = 12
"""Minimum width of a column of words, which may be broken into lines to make a table fit."""
GAP = 2
"""Spaces between the columns of a table."""


def terminal_width() -> int | None:
    """Return the width of stdout in characters; None where it is no terminal."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console().width


def table_width(
    columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[int] = ()
) -> int:
    """Return the smallest width in characters at which `print_rows` prints one table.

    >>> table_width(["model", "a score"], [["small", "0.5"]])
    12
    """
    widths = _min_widths(columns, rows, words)
    return sum(widths) + GAP * (len(widths) - 1)


def print_rows(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    words: Collection[int] = (),
) -> None:
    """Print a table to stdout: aligned on a terminal, tab-separated elsewhere.

    Nothing is cut off: columns that do not fit the terminal are printed below, in a second table
    that repeats the first column.

    Args:
        words: columns whose cells may be broken into lines where the table does not fit otherwise.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    width = terminal_width()
    if width is None:
        if title:
            say(title)
        for line in (columns, *cells):
            say("\t".join(line))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [shown(name) for name in columns]
    cells = [[shown(cell) for cell in row] for row in cells]
    smallest = [min(needed, width) for needed in _min_widths(columns, cells, words)]
    whole = [
        max(len(name), longest)
        for name, longest in zip(columns, _longest(columns, cells), strict=True)
    ]
    for place, chosen in enumerate(_parts(smallest, width)):
        # Without lines between columns, as they take a third of a narrow terminal.
        drawn = Table(
            title=shown(title) if title and place == 0 else None,
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, GAP - 1, 0, 0),
            pad_edge=False,
            show_edge=False,
        )
        widths = _spread([smallest[i] for i in chosen], [whole[i] for i in chosen], width)
        for i, column_width in zip(chosen, widths, strict=True):
            drawn.add_column(columns[i], width=column_width, overflow="fold")
        for row in cells:
            drawn.add_row(*(Text(row[i]) for i in chosen))
        Console().print(drawn, "")


def _longest(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of the longest cell of each column, at most MAX_CELL_WIDTH."""
    longest = [min(max(map(len, column)), MAX_CELL_WIDTH) for column in zip(*rows, strict=True)]
    return longest or [0] * len(columns)


def _min_widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[int]
) -> list[int]:
    """Return the smallest width of each column; a name of several words may take several lines."""
    widths = []
    for place, (name, longest) in enumerate(zip(columns, _longest(columns, rows), strict=True)):
        cell = min(longest, MIN_WORDS) if place in words else longest
        widths.append(max([cell, *map(len, name.split())]))
    return widths


def _spread(smallest: Sequence[int], whole: Sequence[int], width: int) -> list[int]:
    """Return widths of columns: what is left of the width goes to the first that need more.

    >>> _spread([4, 4], [10, 6], 12)
    [6, 4]
    """
    left = max(0, width - sum(smallest) - GAP * (len(smallest) - 1))
    widths = []
    for least, most in zip(smallest, whole, strict=True):
        more = min(left, max(0, most - least))
        widths.append(least + more)
        left -= more
    return widths


def _parts(widths: Sequence[int], width: int) -> list[list[int]]:
    """Return the columns of each table, so that none is wider than `width`.

    The first column is in all tables.

    >>> _parts([10, 8, 8, 8], 30)
    [[0, 1, 2], [0, 3]]
    """
    parts, room = [[0]], width - widths[0]
    left = room
    for column, needed in enumerate(widths[1:], 1):
        if needed + GAP > left and len(parts[-1]) > 1:
            parts.append([0])
            left = room
        parts[-1].append(column)
        left -= needed + GAP
    return parts
