"""The evaluation of one model, as a notebook shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dmlbench.api.frames import score_frame
from dmlbench.api.pages import write_page
from dmlbench.api.plots import Plots
from dmlbench.comparison import compare_results
from dmlbench.present.result_tables import score_table
from dmlbench.present.table_writers import html_table
from dmlbench.results import Result
from dmlbench.sources import ImageSource


@dataclass(frozen=True)
class Evaluation:
    """What was measured of one model on one dataset; a notebook shows its table.

    Attributes:
        result: all of it, typed, with the folder that holds it.
        dataset: the images that it was measured on; None if they were not opened.

    ```python
    mine = dmlbench.evaluate("model.pt", "paper", maps=8)
    mine.to_frame().query("score == 'nr_precision'")
    mine.plot.heatmap()
    mine.report("mine.html")
    ```
    """

    result: Result
    dataset: ImageSource | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.result.run.name

    def to_frame(self) -> pd.DataFrame:
        """Return the scores with the columns `dmlbench.api.frames.COLUMNS`."""
        return score_frame({self.name: self.result.properties.properties})

    @property
    def plot(self) -> Plots:
        """Its figures: `heatmap`, `maps`, `embeddings`, `response`."""
        comparison = compare_results([self.result], at_least=1)
        return Plots(comparison, {self.name: self.result}, self.dataset)

    def report(self, path: str | Path) -> Path:
        """Write the report of this model as one HTML file, and return its path."""
        return write_page([self.result], self.dataset, path)

    def __repr__(self) -> str:
        run, properties = self.result.run, self.result.properties
        return (
            f"<Evaluation of {run.name} on {run.dataset.name}: {properties.n} images, "
            f"{len(properties.properties)} properties, {run.settings.maps} maps, "
            f"in {self.result.folder.path}>"
        )

    def _repr_html_(self) -> str:
        return html_table(score_table(self.result.properties.properties), caption=self.name)
