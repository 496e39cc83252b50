"""Clusters of models by their scores, as far as properties separate them beyond doubt."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from dmlbench.comparison.comparison import Comparison
from dmlbench.scores.registry import MAIN

MAX_CLUSTERS = 4


class Separation(NamedTuple):
    """A property in which every model of one cluster differs from every model of another.

    Attributes:
        means: mean score of either cluster.
    """

    name: str
    means: tuple[float, float]


class Split(NamedTuple):
    """Two clusters (ids of models), and what separates them, largest difference first."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    separations: tuple[Separation, ...]


class ScoreClusters(NamedTuple):
    """Clusters of all models, and the splits that made them, the widest first."""

    clusters: tuple[tuple[str, ...], ...]
    splits: tuple[Split, ...]


def score_clusters(comparison: Comparison, most: int = MAX_CLUSTERS) -> ScoreClusters:
    """Split the models along a tree of their scores, as far as some property separates them.

    The tree is average linkage on the Euclidean distance of NR-Precision over the properties that
    all models have a score of. A node is split into its two branches where, in some property, each
    model of the one exceeds each of the other, over all pairs of models together at 95 % (see
    `Difference.better_and_worse`). So nothing separates clusters that may be luck in this property.

    Args:
        most: number of clusters to stop at.
    """
    models = tuple(model.id for model in comparison.models)
    names = [
        name
        for name in comparison.varied
        if all(_score(comparison, name, model) is not None for model in models)
    ]
    if len(models) < 2 or not names:
        return ScoreClusters((models,), ())
    branches = _branches(comparison, models, names)
    clusters, splits, whole = [models], [], set[tuple[str, ...]]()
    while len(clusters) < most:
        divisible = [each for each in clusters if each in branches and each not in whole]
        if not divisible:
            break
        # The widest node of the tree comes first.
        widest = max(divisible, key=lambda cluster: branches[cluster].height)
        first, second, _ = branches[widest]
        separations = tuple(
            sorted(_separations(comparison, names, first, second), key=_size, reverse=True)
        )
        if not separations:
            whole.add(widest)
            continue
        place = clusters.index(widest)
        clusters[place : place + 1] = [first, second]
        splits.append(Split(first, second, separations))
    return ScoreClusters(tuple(clusters), tuple(splits))


class _Branch(NamedTuple):
    """The two branches of a node of the tree, and the distance between them."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    height: float


def _branches(
    comparison: Comparison, models: Sequence[str], names: Sequence[str]
) -> dict[tuple[str, ...], _Branch]:
    """Return the nodes of the tree by their models, which keep their order."""
    from scipy.cluster.hierarchy import linkage

    scores = np.array([[_score(comparison, name, model) for name in names] for model in models])
    place = {model: row for row, model in enumerate(models)}
    nodes: list[tuple[str, ...]] = [(model,) for model in models]
    branches = {}
    for a, b, height, _ in linkage(scores, method="average").tolist():
        first, second = sorted((nodes[int(a)], nodes[int(b)]), key=lambda node: place[node[0]])
        nodes.append(tuple(sorted(first + second, key=place.__getitem__)))
        branches[nodes[-1]] = _Branch(first, second, height)
    return branches


def _separations(
    comparison: Comparison, names: Sequence[str], first: Sequence[str], second: Sequence[str]
) -> Iterator[Separation]:
    across = {frozenset(pair) for pair in itertools.product(first, second)}
    for name in names:
        better = {
            difference.better_and_worse and difference.better_and_worse[0] in first
            for difference in comparison.differences[name]
            if frozenset((difference.a, difference.b)) in across
        }
        if better in ({True}, {False}):
            yield Separation(
                name, (_mean(comparison, name, first), _mean(comparison, name, second))
            )


def _size(separation: Separation) -> float:
    return abs(separation.means[0] - separation.means[1])


def _mean(comparison: Comparison, name: str, models: Sequence[str]) -> float:
    values = [value for model in models if (value := _score(comparison, name, model)) is not None]
    return float(np.mean(values))


def _score(comparison: Comparison, name: str, model: str) -> float | None:
    return comparison.properties[name][model].scores[MAIN.key].value
