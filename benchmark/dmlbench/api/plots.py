"""Figures of evaluations, each drawn into Axes of Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import colormaps, pyplot, rc_context
from matplotlib.axes import Axes

from dmlbench.comparison import Comparison
from dmlbench.present.comparison_heat_maps import correlation_grid, property_grid
from dmlbench.present.comparison_tables import by_label
from dmlbench.present.explorer import neighbors, principal, spread_rows
from dmlbench.present.figures import draw_grid, draw_response, grid_size, legend_label
from dmlbench.present.heat_maps import Grid
from dmlbench.present.overlays import overlay
from dmlbench.present.report_page import find_dataset
from dmlbench.present.response_plots import response_plots
from dmlbench.results import Result
from dmlbench.sources import ImageSource
from dmldata.common.errors import InputError, UnknownNameError

MAX_NAMED = 20
"""Values that a legend names; more would cover the plot."""

_plain = rc_context({"text.parse_math": False})
"""Names may hold dollars."""


@dataclass(frozen=True)
class Plots:
    """The figures of one or more evaluations on a dataset, those that the report has.

    Each method draws into `ax` and returns it; without `ax` it makes a figure of a fitting size.
    Where there are several models, `model` is the name of one of them.

    ```python
    figure, (left, right) = pyplot.subplots(1, 2)
    comparison.plot.heatmap(ax=left)
    mine.plot.embeddings(by="car_model", ax=right)
    ```
    """

    comparison: Comparison
    results: Mapping[str, Result]
    dataset: ImageSource | None

    @_plain
    def heatmap(self, *, ax: Axes | None = None) -> Axes:
        """Draw NR-Precision by property and model; gray is inside chance.

        Raises:
            InputError: no property varies.
        """
        if not self.comparison.varied:
            raise InputError("heatmap: no property varies, or no embedding; valid: other images")
        return _drawn(property_grid(self.comparison), ax)

    @_plain
    def correlations(self, *, ax: Axes | None = None) -> Axes:
        """Draw the mean correlation of the maps of every two models.

        Raises:
            InputError: there are not two models with maps.
        """
        grid = correlation_grid(self.comparison)
        if grid is None:
            raise InputError("correlations: fewer than two models have maps; valid: maps=8 or more")
        return _drawn(grid, ax)

    @_plain
    def maps(
        self, image: str | None = None, *, model: str | None = None, ax: Axes | None = None
    ) -> Axes:
        """Draw the saliency map of an image over it.

        Args:
            image: its key; by default the first that has a map.

        Raises:
            InputError: there is no map of it.
        """
        result, dataset = self._result(model), self._images()
        if result.saliency is None:
            raise InputError(f"maps: {result.run.name} has none; valid: evaluate(..., maps=8)")
        maps = result.maps()
        keys = maps.keys.tolist()
        key = keys[0] if image is None else image
        if key not in keys:
            raise UnknownNameError("image with a map", key, keys)
        row = int(maps.rows_of([key])[0])
        (item,) = dataset.samples_iter(keys=[key], with_mask=False)
        shown = overlay(item.image, maps.maps[row].astype(np.float32), maps.geometry_of(row))
        axes = _axes(ax)
        axes.imshow(np.asarray(shown))
        axes.set_axis_off()
        axes.set_title(f"{result.run.name}: {key}", loc="left", parse_math=False)
        return axes

    @_plain
    def embeddings(
        self,
        by: str,
        *,
        model: str | None = None,
        method: Literal["tsne", "pca"] = "tsne",
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the embeddings in two dimensions, colored by a property.

        At most 1,000 images, spread evenly over the dataset, as in the report.

        Args:
            by: name of the property.

        Raises:
            UnknownNameError: there is no such property.
        """
        result, dataset = self._result(model), self._images()
        names = dataset.manifest.varied
        if by not in names:
            raise UnknownNameError("property", by, names)
        embeddings = result.folder.read_embeddings()
        rows = spread_rows(len(embeddings))
        x, y = (neighbors if method == "tsne" else principal)(embeddings[rows]).T
        column = dataset.samples[by].to_pandas()[rows]
        values, known = column.to_numpy(), column.notna().to_numpy()
        factor = dataset.manifest.factor(by)
        axes = _axes(ax)
        axes.scatter(x[~known], y[~known], s=9, facecolors="none", edgecolors="#888888")
        if factor.is_numeric:
            numbers = values[known].astype(float)
            low, high, colors = numbers.min(), numbers.max(), "viridis"
            if factor.period:
                # Both ends of this map have one color, for values that are a full turn apart.
                high, colors = low + factor.period, "twilight"
            points = axes.scatter(
                x[known], y[known], c=numbers, s=9, cmap=colors, vmin=low, vmax=high
            )
            unit = f" ({factor.unit})" if factor.unit else ""
            axes.figure.colorbar(points, ax=axes, label=f"{by}{unit}")
        else:
            labels = sorted({str(value) for value in values[known]})
            for number, name in enumerate(labels):
                where = known & np.array([str(value) == name for value in values])
                few = len(labels) <= 10
                color = f"C{number}" if few else colormaps["turbo"](number / (len(labels) - 1))
                label = legend_label(name) if number < MAX_NAMED else None
                axes.scatter(x[where], y[where], s=9, color=color, label=label)
            title = by if len(labels) <= MAX_NAMED else f"{by}: {MAX_NAMED} of {len(labels)}"
            axes.legend(title=title, fontsize=7, markerscale=1.5)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{result.run.name}: {method}", parse_math=False)
        return axes

    @_plain
    def response(
        self,
        factor: str,
        what: Literal["distance", "retrieval"] = "distance",
        *,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw how far embeddings move with the size of the change in a factor of a sweep.

        Args:
            what: the distance, or the share of cars that are retrieved after the change.

        Raises:
            UnknownNameError: no such factor changed by sizes.
        """
        interventions = by_label(self.comparison, self.comparison.interventions)
        plots = {plot.factor: plot for plot in response_plots(interventions)}
        if factor not in plots:
            raise UnknownNameError("factor that a sweep changed", factor, plots)
        axes = draw_response(_axes(ax), plots[factor], what)
        if len(plots[factor].lines) > 1:
            axes.legend(frameon=False, fontsize=7)
        return axes

    def _result(self, model: str | None) -> Result:
        if model is None:
            return next(iter(self.results.values()))
        if model not in self.results:
            raise UnknownNameError("model", model, self.results)
        return self.results[model]

    def _images(self) -> ImageSource:
        dataset = find_dataset([*self.results.values()], self.dataset, 1)
        if dataset is None:
            raise InputError(
                "plot: the images are not at hand; valid: compare what `evaluate` returned"
            )
        return dataset


def _axes(ax: Axes | None) -> Axes:
    return pyplot.subplots(layout="constrained")[1] if ax is None else ax


def _drawn(grid: Grid, ax: Axes | None) -> Axes:
    if ax is None:
        ax = pyplot.figure(figsize=grid_size(grid)).add_axes((0, 0, 1, 1))
    return draw_grid(ax, grid)
