"""Models compared on one dataset, as a notebook shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dmlbench.api.evaluated import Evaluation
from dmlbench.api.frames import score_frame
from dmlbench.api.pages import write_page
from dmlbench.api.plots import Plots
from dmlbench.comparison import Comparison, compare_results
from dmlbench.present.comparison_tables import comparison_tables
from dmlbench.present.table_writers import html_table
from dmlbench.results import Result, find_results
from dmlbench.sources import ImageSource


@dataclass(frozen=True)
class ComparedEvaluations:
    """Models compared on one dataset; a notebook shows the tables.

    Attributes:
        comparison: all of it, typed.
        results: the results of the models, in their order.
        dataset: the images that they were measured on; None until they are shown.

    ```python
    comparison = dmlbench.compare([mine, theirs])
    comparison.to_frame().pivot_table("value", "property", ["score", "model"])
    comparison.plot.correlations()
    ```
    """

    comparison: Comparison
    results: tuple[Result, ...]
    dataset: ImageSource | None = None

    @property
    def plot(self) -> Plots:
        """Its figures: `heatmap`, `correlations`, `maps`, `embeddings`, `response`."""
        return Plots(self.comparison, self._by_label(), self.dataset)

    def to_frame(self) -> pd.DataFrame:
        """Return the scores of all models with the columns `dmlbench.api.frames.COLUMNS`."""
        results = self._by_label()
        return score_frame({label: results[label].properties.properties for label in results})

    def _by_label(self) -> dict[str, Result]:
        return {self.comparison.label(result.model): result for result in self.results}

    def report(self, path: str | Path) -> Path:
        """Write the report of these models as one HTML file, and return its path."""
        return write_page(self.results, self.dataset, path)

    def __repr__(self) -> str:
        labels = ", ".join(model.label for model in self.comparison.models)
        return f"<comparison on {self.comparison.dataset.name} of {labels}>"

    def _repr_html_(self) -> str:
        return "".join(map(html_table, comparison_tables(self.comparison)))


def compare(
    evaluations: Evaluation | str | Path | Sequence[Evaluation | str | Path],
    *,
    data: str | None = None,
) -> ComparedEvaluations:
    """Compare models on one dataset.

    Args:
        evaluations: what `evaluate` returned, or folders that it wrote, such as `results`.
        data: fingerprint, or its beginning, of the dataset to compare on, where folders hold
            results of several.

    Raises:
        InputError: there are fewer than two models, or they were measured on different datasets.

    ```python
    dmlbench.compare(["results"]).report("report.html")
    ```
    """
    if isinstance(evaluations, Evaluation | str | Path):
        evaluations = [evaluations]
    folders = [
        item.result.folder.path if isinstance(item, Evaluation) else Path(item).expanduser()
        for item in evaluations
    ]
    results = find_results(folders, data)
    opened = [item.dataset for item in evaluations if isinstance(item, Evaluation)]
    dataset = next((dataset for dataset in opened if dataset is not None), None)
    return ComparedEvaluations(compare_results(results), tuple(results), dataset)
