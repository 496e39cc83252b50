"""Write scores as JSON (everything), CSV (one number per row), Markdown or LaTeX (the table)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dmlbench.present.comparison_files import markdown_table
from dmlbench.present.latex import latex_table
from dmlbench.present.result_tables import csv_document, score_table
from dmldata.common.errors import UnknownNameError
from dmldata.common.files import is_stream, write_atomic

if TYPE_CHECKING:
    from dmlbench.evaluate.score_files import ScoredFiles

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


def write_scores(scores: ScoredFiles, path: Path) -> None:
    """Write scores into the file that the suffix names; JSON into a pipe."""
    write_atomic(path, _WRITERS.get(path.suffix, as_json)(scores))


def as_json(scores: ScoredFiles) -> str:
    """Everything."""
    return json.dumps(scores.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def as_csv(scores: ScoredFiles) -> str:
    """A number per row, with `COLUMNS`; a cell without a value is empty."""
    return csv_document(COLUMNS, _rows(scores))


def _rows(scores: ScoredFiles) -> Iterator[tuple[str | float | None, ...]]:
    for name, scored in scores.properties.items():
        for measure, score in scored.scores.items():
            ends = (*(score.ci95 or (None, None)), *(score.chance or (None, None)))
            yield (name, measure, score.value, *ends)


_WRITERS: dict[str, Callable[[ScoredFiles], str]] = {
    ".json": as_json,
    ".csv": as_csv,
    ".md": lambda scores: markdown_table(score_table(scores.properties)) + "\n",
    ".tex": lambda scores: latex_table(score_table(scores.properties)) + "\n",
}
