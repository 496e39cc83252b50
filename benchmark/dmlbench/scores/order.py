"""distance_spearman: are images further apart in a property further apart in the embedding?

It uses the order of a linear or cyclic property, which bins throw away (protocol section 3).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distance_correlation import Column, correlate_distances
from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores.labels import Labels, Property
from dmlbench.scores.options import Options, same_rows
from dmlbench.scores.score import ABSENT, Scores, make_score
from dmlbench.scores.uncertainty import generator, permuted_orders
from dmldata.common.arrays import Floats, Ints

KEY = "distance_spearman"
MAX_IMAGES = 2_000
"""Maximum number of images whose pairs are compared (a seeded subset of more)."""
MIN_IMAGES = 3


def order_scores(
    embeddings: Floats,
    labels: Mapping[str, Labels],
    values: Mapping[str, NDArray[np.float64]],
    properties: Mapping[str, Property],
    options: Options,
) -> dict[str, Scores]:
    """Return `distance_spearman`, by linear or cyclic property.

    Pairs are those of the images with a label and a value (a seeded 2,000 of more), distances
    those of normalized embeddings.
    """
    chosen: dict[str, Ints] = {}
    for name in labels:
        if name in values:
            usable = labels[name].rows[np.isfinite(values[name][labels[name].rows])]
            chosen[name] = options.choose_images(usable, MAX_IMAGES, "pairs")
    step = options.stage("order", len(chosen))
    result: dict[str, Scores] = {}
    for names in same_rows(chosen):
        rows = chosen[names[0]]
        if len(rows) < MIN_IMAGES:
            result |= {name: {KEY: ABSENT} for name in names}
        else:
            columns = [
                Column(
                    values[name][rows],
                    properties[name].period if properties[name].kind == "cyclic" else None,
                    _orders(values[name][rows], rows, name, options),
                )
                for name in names
            ]
            points = prepare_points(embeddings[rows], normalize=True)
            correlations = correlate_distances(
                points.squared_distances(np.arange(len(rows))),
                columns,
                tolerance=points.tolerance,
                groups=options.groups_of(rows),
                threads=options.threads,
            )
            for name, correlation in zip(names, correlations, strict=True):
                result[name] = {KEY: make_score(KEY, *correlation)}
        step(len(names))
    return result


def _orders(values: NDArray[np.float64], rows: Ints, name: str, options: Options) -> list[Ints]:
    """The permutations of the images of a Mantel test."""
    codes = np.unique(values, return_inverse=True)[1]
    rng = generator(options.seed, "mantel", name)
    return list(permuted_orders(codes, options.permutations, rng, options.scenes_of(rows)))
