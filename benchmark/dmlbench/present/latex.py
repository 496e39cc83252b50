"""Write tables as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dmlbench.present.numbers import NEGATIVE
from dmlbench.present.table import Table
from dmldata.common.errors import one_line

_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
}


def latex_table(table: Table) -> str:
    """Return a table as one float, with title and note as its caption above the table.

    >>> from dmlbench.present.table import Column, Estimate, names
    >>> columns = *names("name"), Column("r", digits=1)
    >>> print(latex_table(Table("A & B", columns, [("x_1", Estimate(-0.5, marked=True))])))
    \\begin{table}
    \\centering
    \\caption{A \\& B.}
    \\begin{tabular}{lr}
    \\toprule
    name & r \\\\
    \\midrule
    x\\_1 & \\textbf{$-$0.5} \\\\
    \\bottomrule
    \\end{tabular}
    \\end{table}
    """
    caption = f"{escape(table.title)}." + (f" {escape(table.note)}" if table.note else "")
    columns = list(zip(*table.texts(), strict=True)) or [()] * len(table.columns)
    alignment = "l" + "".join(map(_alignment, columns[1:]))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            _row([escape(title) for title in table.titles]),
            r"\midrule",
            *map(_row, table.texts(escape, r"\textbf{", "}")),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def escape(text: str) -> str:
    """Escape text for LaTeX, on one line, with a minus sign before numbers below zero.

    Two hyphens stay two.

    >>> print(escape("a_b: -0.5, 50 %, c--d"))
    a\\_b: $-$0.5, 50 \\%, c-{}-d
    """
    escaped = "".join(_SPECIAL.get(character, character) for character in one_line(text))
    escaped = re.sub("-(?=-)", "-{}", escaped)
    return NEGATIVE.sub("$-$", escaped)


def _row(cells: Sequence[str]) -> str:
    """Return a row; braces keep its first cell from being parsed as an option of the row above."""
    first, *rest = cells
    return " & ".join([f"{{{first}}}" if first[:1] in ("[", "*") else first, *rest]) + r" \\"


def _alignment(column: Sequence[str]) -> str:
    """Return the alignment of a column: names left, numbers right."""
    return "l" if any(cell[:1].isalpha() for cell in column) else "r"
