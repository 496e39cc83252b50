"""Reports from a program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmlbench.present.report_page import write_report
from dmlbench.results import Result
from dmlbench.sources import ImageSource


def write_page(results: Sequence[Result], dataset: ImageSource | None, path: str | Path) -> Path:
    """Write the report of one or more models as one HTML file, and return its path."""
    page = Path(path).expanduser()
    write_report(results, dataset, page)
    return page
