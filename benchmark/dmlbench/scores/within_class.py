"""What explains the neighbors once the class is held fixed (protocol section 3.1).

An embedding that tells car models apart puts images of one model together; any property that goes
with the model then explains neighbors, too. Within one model, only the property itself can.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores._kernels.formulas import ScoreSet
from dmlbench.scores._kernels.parallel import nothing
from dmlbench.scores._kernels.ranked_means import Means
from dmlbench.scores._kernels.units import Units
from dmlbench.scores.labels import Labels
from dmlbench.scores.options import Options
from dmlbench.scores.registry import ADJUSTED, WITHIN_CLASS
from dmlbench.scores.retrieval import labeling_means, make_labeling, same_images
from dmlbench.scores.score import ABSENT, Score, Scores, make_score
from dmldata.common.arrays import Floats, Ints


def within_class_scores(
    embeddings: Floats, labels: Mapping[str, Labels], held: str, options: Options
) -> dict[str, Scores]:
    """Return `arp_within_class`, by property: ARP among the images of one class.

    Computed for each class on its own, neighbors of other classes left out, and averaged over the
    classes by their numbers of queries. The class itself has no entry.

    Args:
        held: name of the property that is the class.
    """
    classes = labels[held]
    step = options.stage("within classes", len(classes.sizes))
    parts: dict[str, list[tuple[int, Means]]] = {name: [] for name in labels if name != held}
    for code, class_name in enumerate(classes.names):
        members = classes.rows[classes.codes == code]
        inside = {name: _restrict(labels[name], members) for name in parts}
        scored = {name: coded for name, coded in inside.items() if coded.reason is None}
        for names in same_images(scored):
            rows, units = scored[names[0]].rows, Units.of(scored[names[0]].units)
            points = prepare_points(embeddings[rows], normalize=True)
            labelings = [
                make_labeling(f"{name} within {class_name}", scored[name], options)
                for name in names
            ]
            scores = ScoreSet(normalized=True, raw=False)
            means_of_properties = labeling_means(
                points, units, labelings, rows, scores, options, nothing
            )
            for name, means in zip(names, means_of_properties, strict=True):
                parts[name].append((int(scored[name].queries.sum()), means))
        step(1)
    return {name: {WITHIN_CLASS.key: _average(by_class)} for name, by_class in parts.items()}


def _restrict(labels: Labels, members: Ints) -> Labels:
    """Return the labels of some images alone."""
    staying = np.isin(labels.rows, members)
    distinct, codes, sizes = np.unique(
        labels.codes[staying], return_inverse=True, return_counts=True
    )
    names = [labels.names[code] for code in distinct]
    missing = len(members) - int(staying.sum())
    units = np.unique(labels.units[staying], return_inverse=True)[1]
    return Labels(labels.rows[staying], codes, sizes, names, missing, units)


def _average(parts: list[tuple[int, Means]]) -> Score:
    if not parts:
        return ABSENT
    queries = np.array([count for count, _ in parts], dtype=np.float64)

    def mean(columns: list[NDArray[np.float64] | float]) -> NDArray[np.float64]:
        """Average over the classes that have a score; without a jackknife group, some may not."""
        table = np.stack(columns)
        weights = queries.reshape(-1, *[1] * (table.ndim - 1)) * np.isfinite(table)
        with np.errstate(invalid="ignore"):
            return (np.nan_to_num(table) * weights).sum(axis=0) / weights.sum(axis=0)

    value = mean([means.values[ADJUSTED.key] for _, means in parts])
    replicates = mean([means.replicates[ADJUSTED.key] for _, means in parts])
    permuted = mean([means.permuted[ADJUSTED.key] for _, means in parts])
    return make_score(WITHIN_CLASS.key, float(value), replicates, permuted)
