"""What explains the neighbours once the class is held fixed.

An embedding that tells car models apart puts images of one model together; any property that goes
with the model then explains neighbours, too. Within one model, only the property itself can.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dmlbench.scores._kernels.block_sums import Scores
from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores._kernels.parallel import nothing
from dmlbench.scores._kernels.resampled import Means
from dmlbench.scores.embeddings import Floats
from dmlbench.scores.labels import Ints, Labels
from dmlbench.scores.options import Options, entry, same_rows
from dmlbench.scores.retrieval import labelling_means, make_labelling

SCORE = "arp_within_class"


def within_class_scores(
    embeddings: Floats, labels: Mapping[str, Labels], held: str, options: Options
) -> dict[str, dict[str, Any]]:
    """By property, the entry of `arp_within_class`: ARP among the images of one class.

    Computed for each class on its own, neighbours of other classes left out, and averaged over the
    classes by their numbers of queries. The class itself has no entry.

    Args:
        held: the property that is the class.
    """
    classes = labels[held]
    step = options.stage("within classes", len(classes.sizes))
    parts: dict[str, list[tuple[int, Means]]] = {name: [] for name in labels if name != held}
    for code, class_name in enumerate(classes.names):
        members = classes.rows[classes.codes == code]
        inside = {name: _restrict(labels[name], members) for name in parts}
        scored = {name: one for name, one in inside.items() if one.reason is None}
        for names in same_rows({name: one.rows for name, one in scored.items()}):
            rows = scored[names[0]].rows
            points = prepare_points(embeddings[rows], normalise=True)
            labellings = [
                make_labelling(f"{name} within {class_name}", scored[name], options)
                for name in names
            ]
            scores = Scores(standard=True, paper=False)
            found = labelling_means(points, labellings, rows, scores, options, nothing)
            for name, means in zip(names, found, strict=True):
                sizes = scored[name].sizes
                parts[name].append((int(sizes[sizes >= 2].sum()), means))
        step(1)
    return {name: {SCORE: _average(found)} for name, found in parts.items()}


def _restrict(labels: Labels, members: Ints) -> Labels:
    """The labels of some images alone."""
    staying = np.isin(labels.rows, members)
    found, codes, sizes = np.unique(labels.codes[staying], return_inverse=True, return_counts=True)
    names = [labels.names[code] for code in found]
    missing = len(members) - int(staying.sum())
    return Labels(labels.rows[staying], codes, sizes, names, missing)


def _average(parts: list[tuple[int, Means]]) -> dict[str, Any]:
    if not parts:
        return entry(SCORE, float("nan"), np.zeros(0), np.zeros(0))
    queries = np.array([count for count, _ in parts], dtype=np.float64)

    def mean(columns: list[Any]) -> Any:
        """Over the classes that have a score; without a jackknife group, some may not."""
        table = np.stack(columns)
        weights = queries.reshape(-1, *[1] * (table.ndim - 1)) * np.isfinite(table)
        with np.errstate(invalid="ignore"):
            return (np.nan_to_num(table) * weights).sum(axis=0) / weights.sum(axis=0)

    value = mean([means.values["arp"] for _, means in parts])
    replicates = mean([means.replicates["arp"] for _, means in parts])
    permuted = mean([means.permuted["arp"] for _, means in parts])
    return entry(SCORE, float(value), replicates, permuted)
