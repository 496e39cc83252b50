"""Lines and tables for the user, without credentials and without what acts on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

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


def print_rows(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = ""
) -> None:
    """Print a table to stdout: aligned on a terminal, tab-separated elsewhere.

    Nothing is cut off: columns that do not fit the terminal are printed below, in a second table
    that repeats the first column.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        if title:
            say(title)
        for line in (columns, *cells):
            say("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = [shown(name) for name in columns]
    cells = [[shown(cell) for cell in row] for row in cells]
    console = Console()
    longest = [
        min(max(map(len, column), default=0), MAX_CELL_WIDTH) for column in zip(*cells, strict=True)
    ] or [0] * len(columns)
    # A column name of several words may be broken into lines.
    min_widths = [
        max([cell, *map(len, name.split())]) for name, cell in zip(columns, longest, strict=True)
    ]
    for place, chosen in enumerate(_parts(min_widths, console.width)):
        drawn = Table(title=shown(title) if title and place == 0 else None)
        fits = sum(3 + max(len(columns[i]), longest[i]) for i in chosen) < console.width
        for i in chosen:
            drawn.add_column(
                columns[i], width=None if fits else min(min_widths[i], console.width - 4)
            )
        for row in cells:
            drawn.add_row(*(Text(row[i]) for i in chosen))
        console.print(drawn)


def _parts(widths: Sequence[int], width: int) -> list[list[int]]:
    """Return the columns of each table, so that none is wider than `width`.

    The first column is in all tables.

    >>> _parts([10, 8, 8, 8], 40)
    [[0, 1, 2], [0, 3]]
    """
    parts, room = [[0]], width - 1 - (widths[0] + 3)
    left = room
    for column, needed in enumerate(widths[1:], 1):
        if needed + 3 > left and len(parts[-1]) > 1:
            parts.append([0])
            left = room
        parts[-1].append(column)
        left -= needed + 3
    return parts
