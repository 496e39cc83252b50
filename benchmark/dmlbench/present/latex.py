"""Write a comparison as LaTeX tables, to be read into a paper with \\input."""

from __future__ import annotations

from collections.abc import Sequence

from dmlbench.compare.comparison import Comparison
from dmlbench.present.comparison_tables import comparison_tables
from dmlbench.present.result_tables import NEGATIVE, Marked, Table
from dmldata.common.errors import one_line

_SPECIAL = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def as_latex(comparison: Comparison) -> str:
    """Return the printed tables as LaTeX floats with booktabs rules; marked cells are bold."""
    dataset = comparison.dataset
    head = [
        r"% Needs \usepackage{booktabs} and, for quotation marks, \usepackage[T1]{fontenc}.",
        f"% Dataset {one_line(dataset.title)}, {dataset.images} images, fingerprint "
        f"{dataset.fingerprint}.",
        *(f"% Note: {one_line(note)}" for note in comparison.notes),
    ]
    tables = map(latex_table, comparison_tables(comparison))
    return "\n\n".join(["\n".join(head), *tables]) + "\n"


def latex_table(table: Table) -> str:
    """Return a table as one float, with title and note as its caption above the table.

    >>> print(latex_table(Table("A & B", ("name", "r"), [("x_1", Marked("-0.5"))])))
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
    others = [[row[place] for row in table.rows] for place in range(1, len(table.columns))]
    alignment = "l" + "".join(map(_alignment, others))
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{{alignment}}}",
            r"\toprule",
            _row(table.columns),
            r"\midrule",
            *map(_row, table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def escape(text: str) -> str:
    """Escape text for LaTeX, on one line, with a minus sign before numbers below zero.

    >>> print(escape("a_b: -0.5, 50 %"))
    a\\_b: $-$0.5, 50 \\%
    """
    escaped = "".join(_SPECIAL.get(character, character) for character in one_line(text))
    return NEGATIVE.sub("$-$", escaped)


def _row(cells: Sequence[str]) -> str:
    """Return a row; braces keep its first cell from being parsed as an option of the row above."""
    first, *rest = map(_cell, cells)
    return " & ".join([f"{{{first}}}" if first[:1] in ("[", "*") else first, *rest]) + r" \\"


def _cell(cell: str) -> str:
    escaped = escape(cell)
    return Marked(escaped).marked(r"\textbf{", "}") if isinstance(cell, Marked) else escaped


def _alignment(column: Sequence[str]) -> str:
    """Return the alignment of a column: names left, numbers right."""
    return "l" if any(cell[:1].isalpha() for cell in column) else "r"
