"""The model of all tables: columns that say how numbers are written, and cells of typed values.

A table is built once, from typed results, and written by one writer per format: `print_table` for
the terminal, `markdown_table`, `latex_table`, `csv_table`, and the macro `list` of
`templates/macros.html.j2` for pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dmlbench.present.numbers import NONE, interval, number, p_value
from dmlbench.scores.jackknife import Interval


@dataclass(frozen=True)
class Estimate:
    """A number of a cell with what is known of it.

    Attributes:
        ci95: its 95 % interval, written behind it.
        std: its standard deviation, written behind it.
        bracketed: whether the number is in parentheses, such as a score inside chance.
        marked: whether the number is highlighted, such as the highest of its row.
        tied: whether the word 'tied' follows.
        digits: digits behind the point, where they are not those of the column.
    """

    value: float | None
    ci95: Interval | None = None
    std: float | None = None
    bracketed: bool = False
    marked: bool = False
    tied: bool = False
    digits: int | None = None


Cell = str | int | float | Interval | Estimate | None
Row = Sequence[Cell]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        digits: digits behind the point of its numbers.
        role: whether its cells name the row, are numbers, p-values, or a remark in words.
        short: its title where a terminal is too narrow for the table; empty for the same.
        spare: whether a terminal that is too narrow leaves the column out: 0 never, and the
            highest first.
    """

    title: str
    digits: int = 3
    role: Literal["name", "number", "p", "words"] = "number"
    short: str = ""
    spare: int = 0

    def text(self, cell: Cell) -> str:
        """Return a cell as text; a number that is missing is '-'.

        >>> Column("r", 2).text(Estimate(0.5, (0.25, 1.0), bracketed=True))
        '(0.50) [0.25 to 1.00]'
        >>> Column("r", 1).text((0.25, -1.0)), Column("images").text(8), Column("r").text(None)
        ('0.2 to -1.0', '8', '-')
        """
        match cell:
            case None:
                return NONE
            case str() | int():
                return str(cell)
            case float():
                return p_value(cell) if self.role == "p" else number(cell, self.digits)
            case Estimate():
                return self._estimate_text(cell)
            case _:
                return interval(cell, self.digits)

    def _estimate_text(self, estimate: Estimate) -> str:
        if estimate.value is None:
            return NONE
        digits = self.digits if estimate.digits is None else estimate.digits
        text = number(estimate.value, digits)
        text = f"({text})" if estimate.bracketed else text
        if estimate.std is not None:
            text += f" ± {number(estimate.std, digits)}"
        if estimate.ci95 is not None:
            text += f" [{interval(estimate.ci95, digits)}]"
        return f"{text} tied" if estimate.tied else text


def names(*titles: str) -> tuple[Column, ...]:
    """Return columns that name the rows."""
    return tuple(Column(title, role="name") for title in titles)


def interval_columns(title: str, digits: int = 3, of: str = "") -> tuple[Column, Column]:
    """Return a column of numbers and one of their 95 % intervals.

    >>> [column.title for column in interval_columns("r", of=" of r")]
    ['r', '95 % interval of r']
    """
    return Column(title, digits), Column(f"95 % interval{of}", digits)


@dataclass(frozen=True)
class Table:
    """A table; `note` is written below it."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    note: str = ""

    @property
    def titles(self) -> list[str]:
        """Titles of the columns."""
        return [column.title for column in self.columns]

    def texts(
        self, escape: Callable[[str], str] = str, before: str = "", after: str = ""
    ) -> list[list[str]]:
        """Return the rows as text, escaped for a format, with marks around highlighted numbers.

        >>> Table("T", names("r"), [[Estimate(0.5, (0.0, 1.0), marked=True)]]).texts(after="*")
        [['0.500* [0.000 to 1.000]']]
        """

        def written(column: Column, cell: Cell) -> str:
            text = escape(column.text(cell))
            if not (isinstance(cell, Estimate) and cell.marked):
                return text
            value, space, rest = text.partition(" ")
            return f"{before}{value}{after}{space}{rest}"

        return [
            [written(*pair) for pair in zip(self.columns, row, strict=True)] for row in self.rows
        ]
