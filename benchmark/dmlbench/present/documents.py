"""Write scores or a comparison into a file of the format that its suffix names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from dmlbench.present.latex import latex_table
from dmlbench.present.measurements import Measurements
from dmlbench.present.table import Table
from dmlbench.present.table_writers import csv_document, markdown_table
from dmlbench.results.files import DatasetRecord, Interval
from dmlbench.scores.score import Score
from dmldata.common.errors import UnknownNameError, one_line
from dmldata.common.files import is_stream, write_atomic

COLUMNS = (
    *("subject", "model", "other_model", "measure", "value", "std"),
    *("ci95_low", "ci95_high", "chance_low", "chance_high"),
)
"""Columns of a CSV file of numbers; the subject of scores is called `property`."""


@dataclass(frozen=True)
class Number:
    """A number with all that is known of it: a row of a CSV file."""

    subject: str
    measure: str
    value: float | None
    model: str | None = None
    other_model: str | None = None
    std: float | None = None
    ci95: Interval | None = None
    chance: Interval | None = None

    def cells(self, columns: Iterable[str]) -> list[str | float | None]:
        """Return the cells of a row; None where there is no value."""
        ends = (*(self.ci95 or (None, None)), *(self.chance or (None, None)))
        about = (self.subject, self.subject, self.model, self.other_model)
        cells = (*about, self.measure, self.value, self.std, *ends)
        by_column = dict(zip(("property", *COLUMNS), cells, strict=True))
        return [by_column[column] for column in columns]


@dataclass(frozen=True)
class Document:
    """What a command writes: everything as JSON, one number per row as CSV, or tables.

    Attributes:
        content: everything.
        columns: columns of the CSV file.
        numbers: rows of the CSV file.
        tables: the tables, as they are printed.
        dataset: dataset to name above the tables.
        notes: notes to write with the tables.
    """

    content: Measurements
    columns: Sequence[str]
    numbers: Sequence[Number]
    tables: Sequence[Table]
    dataset: DatasetRecord | None = None
    notes: Sequence[str] = ()


def score_numbers(
    subject: str, scores: dict[str, Score], model: str | None = None
) -> Iterable[Number]:
    """Return a number for each score of a property."""
    return (
        Number(subject, measure, score.value, model, ci95=score.ci95, chance=score.chance)
        for measure, score in scores.items()
    )


def check_suffix(path: Path) -> None:
    """Check the suffix of an output file before anything is computed; `-` is stdout.

    Raises:
        UnknownNameError: the suffix is not .json, .csv, .md or .tex.
    """
    if not is_stream(path) and path.suffix not in _WRITERS:
        raise UnknownNameError("suffix", path.suffix, _WRITERS, where=str(path))


def write_document(document: Document, path: Path) -> None:
    """Write the format that the suffix names; JSON into a pipe.

    Raises:
        UnknownNameError: the suffix is not .json, .csv, .md or .tex.
    """
    check_suffix(path)
    write_atomic(path, _WRITERS.get(path.suffix, _json)(document))


def json_text(content: BaseModel) -> str:
    """Return a result as JSON, which `model_validate_json` reads back."""
    return json.dumps(content.model_dump(mode="json"), indent=1, ensure_ascii=False)


def as_latex(document: Document) -> str:
    """Return the tables as LaTeX, to be read into a paper with \\input."""
    head = [r"% Needs \usepackage{booktabs} and, for quotation marks, \usepackage[T1]{fontenc}."]
    if document.dataset is not None:
        dataset = document.dataset
        head.append(
            f"% Dataset {one_line(dataset.title)}, {dataset.images} images, fingerprint "
            f"{dataset.fingerprint}."
        )
    head += [f"% Note: {one_line(note)}" for note in document.notes]
    return _paragraphs("\n".join(head), *map(latex_table, document.tables))


def _json(document: Document) -> str:
    return json_text(document.content) + "\n"


def _csv(document: Document) -> str:
    rows = (number.cells(document.columns) for number in document.numbers)
    return csv_document(document.columns, rows)


def _markdown(document: Document) -> str:
    dataset = document.dataset
    head = dataset and (
        f"Dataset {dataset.title} ({dataset.images} images, fingerprint `{dataset.fingerprint}`)"
    )
    notes = "\n".join(f"- {note}" for note in document.notes)
    return _paragraphs(head or "", *map(markdown_table, document.tables), notes)


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(filter(None, parts)) + "\n"


_WRITERS = {".json": _json, ".csv": _csv, ".md": _markdown, ".tex": as_latex}
