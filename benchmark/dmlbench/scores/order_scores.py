"""distance_spearman of many properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores.embeddings import Floats
from dmlbench.scores.labels import Ints, Labels, Property
from dmlbench.scores.options import Options, entry, same_rows
from dmlbench.scores.order import (
    MOST_IMAGES,
    Column,
    Correlation,
    correlate_distances,
)
from dmlbench.scores.uncertainty import generator, permuted_orders


def order_scores(
    embeddings: Floats,
    labels: Mapping[str, Labels],
    values: Mapping[str, NDArray[np.float64]],
    properties: Mapping[str, Property],
    options: Options,
) -> dict[str, dict[str, Any]]:
    """By linear or cyclic property, the entry of `distance_spearman`.

    Pairs are those of the images with a label and a value (a seeded 2,000 of more), distances
    those of normalised embeddings.
    """
    chosen: dict[str, Ints] = {}
    for name in labels:
        if name in values:
            usable = labels[name].rows[np.isfinite(values[name][labels[name].rows])]
            chosen[name] = options.choose(usable, MOST_IMAGES, "pairs")
    step = options.stage("order", len(chosen))
    result: dict[str, dict[str, Any]] = {}
    for names in same_rows(chosen):
        rows = chosen[names[0]]
        if len(rows) >= 3:
            columns = [
                Column(
                    values[name][rows],
                    properties[name].period if properties[name].kind == "cyclic" else None,
                    _orders(values[name][rows], rows, name, options),
                )
                for name in names
            ]
            points = prepare_points(embeddings[rows], normalise=True)
            squared = points.squared_distances(np.arange(len(rows)))
            groups = options.groups_of(rows)
            found = correlate_distances(
                squared, columns, tolerance=points.tolerance, groups=groups, threads=options.threads
            )
        else:
            found = [Correlation(float("nan"), np.zeros(0), np.zeros(0)) for _ in names]
        result |= {
            name: {"distance_spearman": entry("distance_spearman", *one)}
            for name, one in zip(names, found, strict=True)
        }
        step(len(names))
    return result


def _orders(values: NDArray[np.float64], rows: Ints, name: str, options: Options) -> list[Ints]:
    codes = np.unique(values, return_inverse=True)[1]
    rng = generator(options.seed, "mantel", name)
    return list(permuted_orders(codes, options.permutations, rng, options.scenes_of(rows)))
