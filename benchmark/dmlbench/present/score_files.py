"""Write scores as JSON (everything), CSV (one number per row), Markdown or LaTeX (the table)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dmlbench.present.comparison_files import markdown_table
from dmlbench.present.latex import latex_table
from dmlbench.present.result_tables import csv_document, score_table, scores_by_property
from dmldata.common.errors import UnknownNameError
from dmldata.common.files import is_stream, write_atomic

COLUMNS = ("property", "measure", "value", "ci95_low", "ci95_high", "chance_low", "chance_high")


def check_suffix(path: Path) -> None:
    """Check the suffix of an output file before anything is computed; `-` is stdout.

    Raises:
        UnknownNameError: the suffix is not .json, .csv, .md or .tex.
    """
    if is_stream(path):
        return
    if path.suffix not in _WRITERS:
        raise UnknownNameError("suffix", path.suffix, _WRITERS, where=str(path))


def write_scores(scores: Mapping[str, Any], path: Path) -> None:
    """Write scores in the format that the suffix names; JSON into a pipe."""
    write_atomic(path, _WRITERS.get(path.suffix, as_json)(scores))


def as_json(scores: Mapping[str, Any]) -> str:
    """Return everything as JSON."""
    return json.dumps(scores, indent=1, ensure_ascii=False) + "\n"


def as_csv(scores: Mapping[str, Any]) -> str:
    """Return a CSV file: one number per row, with `COLUMNS`; cells without a value are empty."""
    return csv_document(COLUMNS, _rows(scores))


def _rows(scores: Mapping[str, Any]) -> Iterator[tuple[str | float | None, ...]]:
    for name, property_scores in scores_by_property(scores).items():
        for measure, score in property_scores.scores.items():
            ends = (*(score.ci95 or (None, None)), *(score.chance or (None, None)))
            yield (name, measure, score.value, *ends)


_WRITERS = {
    ".json": as_json,
    ".csv": as_csv,
    ".md": lambda scores: markdown_table(score_table(scores_by_property(scores))) + "\n",
    ".tex": lambda scores: latex_table(score_table(scores_by_property(scores))) + "\n",
}
