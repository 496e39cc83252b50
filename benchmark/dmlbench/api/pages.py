"""Reports from a program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmlbench.present.report_page import IMAGES, find_dataset, write_report
from dmlbench.results import Result
from dmlbench.sources import ImageSource


def write_page(results: Sequence[Result], dataset: ImageSource | None, path: str | Path) -> Path:
    """Write the report of one or more models as one HTML file, and return its path.

    Args:
        dataset: the images; None opens those that the results name.
    """
    page = Path(path).expanduser()
    write_report(results, find_dataset(results, dataset, IMAGES), page)
    return page
