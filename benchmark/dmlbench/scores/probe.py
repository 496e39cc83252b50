"""Linear decodability: is a property in an embedding at all?

NR-Precision and its kin ask whether a property is what *near* means; a probe asks whether it can be
read off along any direction. A property can be decodable and yet explain no neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores._kernels.parallel import one_thread_each
from dmlbench.scores.embeddings import Floats
from dmlbench.scores.jackknife import GROUPS, assign_groups
from dmlbench.scores.labels import Ints, Labels, Property
from dmlbench.scores.options import ABSENT, Options, entry
from dmlbench.scores.uncertainty import generator

FOLDS = 5
MOST_IMAGES = 10_000
"""More images than that are not needed to fit a few hundred weights; a seeded subset is taken."""
MOST_LABELS = 200
"""A probe of more, or of labels with fewer than IMAGES_A_LABEL images on average, is not fitted."""
IMAGES_A_LABEL = 5
FEWEST_UNITS = GROUPS
"""Images, or scenes, that a probe needs, as an interval does: of three scenes it learns nothing."""
Judge = Callable[[NDArray[np.bool_]], float]
"""From a mask [n] of images to the score of what was predicted for them."""
PENALTIES = np.logspace(-2, 5, 15)
"""Of the ridge, chosen on the images it is fitted to by leave-one-out; features have variance 1."""
LEAST_SPREAD = 0.1
"""Least standard deviation that a dimension is divided by, of the dimensions' root mean square."""


def decodability_scores(
    embeddings: Floats,
    labels: Mapping[str, Labels],
    values: Mapping[str, NDArray[np.float64]],
    properties: Mapping[str, Property],
    options: Options,
) -> dict[str, dict[str, Any]]:
    """By property, the entry of `decodability`: what a probe reads off images it has not seen.

    Linear and cyclic properties: ridge regression of the value, or of sine and cosine of its angle;
    the score is 1 - squared error / squared error of the mean of the images it was fitted to.
    Categorical ones: multinomial logistic regression; the score is the mean over the labels of the
    share of images that are told right, adjusted for guessing, (a - 1/C) / (1 - 1/C). Either way 1
    is perfect, 0 is what needs no embedding, and below 0 is worse. Fewer than FEWEST_UNITS units
    have none, nor have categorical properties with more than MOST_LABELS labels, or fewer than
    IMAGES_A_LABEL images a label. Embeddings are normalised, then each dimension is standardised;
    one that hardly varies over the fitted images, as where a ReLU lets little through, is divided
    by a bound (LEAST_SPREAD): in another image it may lie thousands of its standard deviations
    away. Images of one unit, which is a scene where there are scenes, stay in one of five folds.

    `ci95` drops images from those that are judged, not from those that a probe is fitted to.
    """
    step = options.stage("probes", len(labels))
    result = {}
    for name, one in labels.items():
        usable = one.rows if name not in values else one.rows[np.isfinite(values[name][one.rows])]
        rows = options.choose(usable, MOST_IMAGES, "probes")
        scenes = options.scenes_of(rows)
        units = rows if scenes is None else scenes
        if len(np.unique(units)) < FEWEST_UNITS:
            result[name] = {"decodability": dict(ABSENT)}
            step(1)
            continue
        rng = generator(options.seed, "folds")
        folds = assign_groups(len(rows), rng, groups=FOLDS, units=units.tolist())
        features = unit_rows(embeddings[rows])
        with one_thread_each():
            if name in values:
                targets = _targets(values[name][rows], properties[name])
                judge = _judge_values(features, targets, folds)
            else:
                codes = one.codes[np.searchsorted(one.rows, rows)]
                judge = _judge_labels(features, codes, folds)
        groups = options.groups_of(rows)
        everyone = np.ones(len(rows), bool)
        kept = [] if groups is None else [groups != group for group in range(GROUPS)]
        value, *replicates = (judge(some) for some in (everyone, *kept))
        result[name] = {
            "decodability": entry("decodability", value, np.array(replicates), np.zeros(0))
        }
        step(1)
    return result


def _targets(values: NDArray[np.float64], prop: Property) -> NDArray[np.float64]:
    """[n, 1] values, or [n, 2] sine and cosine of where they lie on the circle."""
    if prop.kind == "linear" or prop.period is None:
        return values[:, None]
    angle = values * (2 * np.pi / prop.period)
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


def _judge_values(features: Floats, targets: NDArray[np.float64], folds: Ints) -> Judge:
    from sklearn.linear_model import RidgeCV

    error, baseline = np.full(len(targets), np.nan), np.full(len(targets), np.nan)
    for train, test in _split(folds):
        fitted, unseen = _standardised(features[train], features[test])
        probe = RidgeCV(PENALTIES).fit(fitted, targets[train])
        predicted = probe.predict(unseen).reshape(len(unseen), -1)
        error[test] = np.square(targets[test] - predicted).sum(axis=1)
        baseline[test] = np.square(targets[test] - targets[train].mean(axis=0)).sum(axis=1)

    def judge(kept: NDArray[np.bool_]) -> float:
        known = kept & np.isfinite(error)
        total = baseline[known].sum()
        return float(1 - error[known].sum() / total) if total > 0 else float("nan")

    return judge


def _judge_labels(features: Floats, codes: Ints, folds: Ints) -> Judge:
    from sklearn.linear_model import LogisticRegression

    right = np.full(len(codes), np.nan)
    labels = len(np.unique(codes))
    if labels > min(MOST_LABELS, len(codes) // IMAGES_A_LABEL):
        return lambda kept: float("nan")
    for train, test in _split(folds):
        if len(np.unique(codes[train])) >= 2:
            fitted, unseen = _standardised(features[train], features[test])
            probe = LogisticRegression(max_iter=1000).fit(fitted, codes[train])
            right[test] = probe.predict(unseen) == codes[test]

    def judge(kept: NDArray[np.bool_]) -> float:
        known = kept & np.isfinite(right)
        images = np.bincount(codes[known])
        if np.count_nonzero(images) < 2:
            return float("nan")
        told = np.bincount(codes[known], weights=right[known])[images > 0] / images[images > 0]
        guessing = 1 / len(told)
        return float((told.mean() - guessing) / (1 - guessing))

    return judge


def _split(folds: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Rows to fit a probe to and rows to judge it on, fold by fold, where there are both."""
    for fold in range(FOLDS):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(train) and len(test):
            yield train, test


def _standardised(train: Floats, test: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    spread = train.std(axis=0, dtype=np.float64)
    least = LEAST_SPREAD * np.sqrt(np.square(spread).mean())
    mean, spread = train.mean(axis=0, dtype=np.float64), np.maximum(spread, least or 1.0)
    return (train - mean) / spread, (test - mean) / spread
