"""Linear decodability: is a property in an embedding at all?

NR-Precision and its relatives ask whether a property is what *near* means; a probe asks whether it
can be read off along any direction. A property can be decodable and yet explain no neighbors
(protocol section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores._kernels.parallel import one_thread_each
from dmlbench.scores.jackknife import GROUPS, assign_groups
from dmlbench.scores.labels import Labels, Property
from dmlbench.scores.options import Options
from dmlbench.scores.registry import DECODABILITY
from dmlbench.scores.score import ABSENT, Scores, make_score
from dmlbench.scores.uncertainty import generator
from dmldata.common.arrays import Floats, Ints

FOLDS = 5
MAX_IMAGES = 10_000
"""Maximum number of images (a seeded subset of more): enough to fit a few hundred weights."""
MAX_LABELS = 200
"""Maximum number of labels that a probe is fitted to, each with IMAGES_PER_LABEL images or more on
average."""
IMAGES_PER_LABEL = 5
MIN_UNITS = GROUPS
"""Minimum number of images, or of scenes, as for an interval: three scenes teach nothing."""
Judge = Callable[[NDArray[np.bool_]], float]
"""Maps a mask [n] of images to the score of what was predicted for them."""
PENALTIES = np.logspace(-2, 5, 15)
"""Penalties of the ridge, of which leave-one-out on the fitted images chooses; features have
variance 1."""
MIN_SPREAD = 0.1
"""Minimum standard deviation that a dimension is divided by, in root mean squares of all
dimensions."""


def decodability_scores(
    embeddings: Floats,
    labels: Mapping[str, Labels],
    values: Mapping[str, NDArray[np.float64]],
    properties: Mapping[str, Property],
    options: Options,
) -> dict[str, Scores]:
    """Return `decodability`, by property: what a probe reads off images it has not seen.

    Linear and cyclic properties: ridge regression of the value, or of sine and cosine of its angle;
    the score is 1 - squared error / squared error of the mean of the images it was fitted to.
    Categorical ones: multinomial logistic regression; the score is the mean over the labels of the
    share of images that are predicted right, adjusted for guessing, (a - 1/C) / (1 - 1/C). Either
    way 1 is perfect, 0 is what needs no embedding, and below 0 is worse. Fewer than MIN_UNITS
    units have none, nor have categorical properties with more than MAX_LABELS labels, or fewer
    than IMAGES_PER_LABEL images per label.

    Embeddings are normalized, then each dimension is standardized; one that hardly varies over the
    fitted images, as where a ReLU lets little through, is divided by a bound (MIN_SPREAD): in
    another image it may lie thousands of its standard deviations away. Images of one unit, which
    is a scene where there are scenes, stay in one of five folds.

    `ci95` drops images from those that are judged, not from those that a probe is fitted to.
    """
    step = options.stage("probes", len(labels))
    result: dict[str, Scores] = {}
    for name, coded in labels.items():
        usable = coded.rows
        if name in values:
            usable = usable[np.isfinite(values[name][usable])]
        rows = options.choose(usable, MAX_IMAGES, "probes")
        scenes = options.scenes_of(rows)
        units = rows if scenes is None else scenes
        if len(np.unique(units)) < MIN_UNITS:
            result[name] = {DECODABILITY.key: ABSENT}
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
                codes = coded.codes[np.searchsorted(coded.rows, rows)]
                judge = _judge_labels(features, codes, folds)
        groups = options.groups_of(rows)
        everyone = np.ones(len(rows), bool)
        without_each = [] if groups is None else [groups != group for group in range(GROUPS)]
        value, *replicates = (judge(images) for images in (everyone, *without_each))
        result[name] = {DECODABILITY.key: make_score(DECODABILITY.key, value, np.array(replicates))}
        step(1)
    return result


def _targets(values: NDArray[np.float64], prop: Property) -> NDArray[np.float64]:
    """Return [n, 1] values, or [n, 2] sine and cosine of where they lie on the circle."""
    if prop.kind == "linear" or prop.period is None:
        return values[:, None]
    angle = values * (2 * np.pi / prop.period)
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


def _judge_values(features: Floats, targets: NDArray[np.float64], folds: Ints) -> Judge:
    from sklearn.linear_model import RidgeCV

    error, baseline = np.full(len(targets), np.nan), np.full(len(targets), np.nan)
    for train, test in _split(folds):
        fitted, unseen = _standardized(features[train], features[test])
        probe = RidgeCV(PENALTIES).fit(fitted, targets[train])
        predicted = probe.predict(unseen).reshape(len(unseen), -1)
        error[test] = np.square(targets[test] - predicted).sum(axis=1)
        baseline[test] = np.square(targets[test] - targets[train].mean(axis=0)).sum(axis=1)

    def judge(images: NDArray[np.bool_]) -> float:
        known = images & np.isfinite(error)
        total = baseline[known].sum()
        return float(1 - error[known].sum() / total) if total > 0 else float("nan")

    return judge


def _judge_labels(features: Floats, codes: Ints, folds: Ints) -> Judge:
    from sklearn.linear_model import LogisticRegression

    right = np.full(len(codes), np.nan)
    labels = len(np.unique(codes))
    if labels > min(MAX_LABELS, len(codes) // IMAGES_PER_LABEL):
        return lambda images: float("nan")
    for train, test in _split(folds):
        if len(np.unique(codes[train])) >= 2:
            fitted, unseen = _standardized(features[train], features[test])
            probe = LogisticRegression(max_iter=1000).fit(fitted, codes[train])
            right[test] = probe.predict(unseen) == codes[test]

    def judge(images: NDArray[np.bool_]) -> float:
        known = images & np.isfinite(right)
        sizes = np.bincount(codes[known])
        if np.count_nonzero(sizes) < 2:
            return float("nan")
        recall = np.bincount(codes[known], weights=right[known])[sizes > 0] / sizes[sizes > 0]
        guessing = 1 / len(recall)
        return float((recall.mean() - guessing) / (1 - guessing))

    return judge


def _split(folds: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield the rows to fit a probe to and those to judge it on, for each fold that has both."""
    for fold in range(FOLDS):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(train) and len(test):
            yield train, test


def _standardized(train: Floats, test: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    spread = train.std(axis=0, dtype=np.float64)
    least = MIN_SPREAD * np.sqrt(np.square(spread).mean())
    mean, spread = train.mean(axis=0, dtype=np.float64), np.maximum(spread, least or 1.0)
    return (train - mean) / spread, (test - mean) / spread
