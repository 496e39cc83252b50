"""Linear decodability: is a property in an embedding at all?

NR-Precision and its relatives ask whether a property is what *near* means; a probe asks whether it
can be read off along any direction. A property can be decodable and yet explain no neighbors
(protocol section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.cross_validation import (
    FOLDS,
    CrossValidation,
    FeatureSums,
    Fit,
    TargetSums,
)
from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores._kernels.logistic import explained_likelihood
from dmlbench.scores._kernels.parallel import in_order, one_thread_each
from dmlbench.scores._kernels.products import product
from dmlbench.scores.jackknife import GROUPS, assign_groups
from dmlbench.scores.labels import Labels, Property
from dmlbench.scores.options import Options, same_rows
from dmlbench.scores.registry import DECODABILITY
from dmlbench.scores.score import ABSENT, Scores, make_score
from dmlbench.scores.uncertainty import generator, permuted_orders
from dmldata.common.arrays import Floats, Ints

MAX_IMAGES = 10_000
"""Maximum number of images (a seeded subset of more): enough to fit a few hundred weights."""
MAX_LABELS = 30
"""Maximum number of labels: their permutations are as many fits."""
MAX_CELLS = 60_000
"""Maximum number of images times labels of a categorical property (a seeded subset of more)."""
IMAGES_PER_LABEL = 5
MIN_UNITS = GROUPS
"""Minimum number of images, or of scenes, as for an interval: three scenes teach nothing."""
MAX_COMPONENTS = 256
"""Maximum number of principal components of the embeddings that a probe is fitted to."""
_ROUNDING = 1e-12

WHY_ABSENT = (
    f"more than {MAX_LABELS} labels, fewer than {IMAGES_PER_LABEL} images per label or "
    f"{MIN_UNITS} images or scenes, or equal values"
)


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
    Categorical ones: multinomial logistic regression; the score is McFadden's,
    1 - log-likelihood / log-likelihood of the labels' shares among the images it was fitted to.
    Either way 1 is perfect and 0 is what needs no embedding. Categorical properties with more than
    MAX_LABELS labels or fewer than IMAGES_PER_LABEL images per label have none, nor have fewer
    than MIN_UNITS units.

    Embeddings are normalized, centered and scaled as a whole, so that no rotation changes the
    score, and rotated to their MAX_COMPONENTS principal components at most. Images of one unit,
    which is a scene where there are scenes, stay in one of five folds. Each fold is judged by a
    probe of the other four, whose penalty is the best where each of these is judged in turn by the
    rest, among those that leave it half as many degrees of freedom as units.

    All of this is done again without each jackknife group, and for permuted labels. So `ci95` is
    that of the score of probes that learn from so many images; more images teach more.
    """
    step = options.stage("probes", len(labels))
    chosen: dict[str, Ints] = {}
    for name, coded in labels.items():
        usable = coded.rows
        if name in values:
            usable = usable[np.isfinite(values[name][usable])]
        cells = MAX_IMAGES if name in values else MAX_CELLS // len(coded.sizes)
        chosen[name] = options.choose_images(usable, min(MAX_IMAGES, cells), "probes")
    result: dict[str, Scores] = {}
    for names in same_rows(chosen):
        rows = chosen[names[0]]
        scenes = options.scenes_of(rows)
        units = rows if scenes is None else scenes
        enough = len(np.unique(units)) >= MIN_UNITS
        targets = {}
        for name in names if enough else []:
            if name in values:
                targets[name] = _positions(values[name][rows], properties[name])
            else:
                codes = labels[name].codes[np.searchsorted(labels[name].rows, rows)]
                if len(labels[name].sizes) <= min(MAX_LABELS, len(rows) // IMAGES_PER_LABEL):
                    targets[name] = _Target.of_labels(codes)
        if targets:
            folds = assign_groups(
                len(rows), generator(options.seed, "folds"), groups=FOLDS, units=units.tolist()
            )
            probes = _Probes(_features(embeddings[rows]), folds, options.groups_of(rows), units)
            with one_thread_each():
                replicates = probes.replicates(targets, options.threads)
                shares = partial(_shares_with_chance, probes, scenes, options)
                named = list(targets.items())
                for (name, _), (value, *permuted) in in_order(shares, named, options.threads):
                    score = make_score(
                        DECODABILITY.key, value, replicates[name], np.array(permuted)
                    )
                    result[name] = {DECODABILITY.key: score}
        result |= {name: {DECODABILITY.key: ABSENT} for name in names if name not in targets}
        step(len(names))
    return result


@dataclass(frozen=True)
class _Target:
    """What a probe is fitted to.

    Attributes:
        columns: [n, k] numbers: a value, sine and cosine, or a column of 0 and 1 per label.
        codes: [n] code of the label, or of the value.
        categorical: whether the columns stand for labels.
    """

    columns: Floats
    codes: Ints
    categorical: bool

    @classmethod
    def of_labels(cls, codes: Ints) -> _Target:
        distinct, compact = np.unique(codes, return_inverse=True)
        return cls(np.eye(len(distinct))[compact], compact, True)


def _positions(values: NDArray[np.float64], prop: Property) -> _Target:
    """Return values as the target of a probe: centered, or as places on the circle."""
    if prop.kind == "linear" or prop.period is None:
        columns = (values - values.mean())[:, None]
        columns /= np.abs(columns).max() or 1.0
    else:
        angle = values * (2 * np.pi / prop.period)
        columns = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return _Target(columns, np.unique(values, return_inverse=True)[1], False)


class _Probes:
    """Probes of the same images: cross-validated on all, and without each jackknife group."""

    def __init__(self, features: Floats, folds: Ints, groups: Ints | None, units: Ints) -> None:
        self._features, self._folds, self._groups, self._units = features, folds, groups, units
        self._validation = CrossValidation(FeatureSums.of(features, folds, FOLDS, units))

    def shares(self, target: _Target, orders: list[Ints]) -> Floats:
        """Return the scores of a target in each of some orders of its images."""
        columns = np.concatenate([target.columns[order] for order in orders], axis=1)
        starts = np.arange(len(orders)) * target.columns.shape[1]
        sums = TargetSums.of(self._features, columns, starts, self._folds, FOLDS)
        fit = self._validation.fit(sums)
        if not target.categorical:
            return fit.share
        codes = np.stack([target.codes[order] for order in orders], axis=1)
        everyone = np.ones(codes.shape)
        return explained_likelihood(self._features, codes, everyone, self._folds, fit.penalties)

    def replicates(self, targets: Mapping[str, _Target], threads: int | None) -> dict[str, Floats]:
        """Return the scores [GROUPS] of targets without each jackknife group; empty without."""
        if self._groups is None:
            return dict.fromkeys(targets, np.zeros(0))
        cells = self._folds * GROUPS + self._groups
        count = FOLDS * GROUPS
        features = FeatureSums.of(self._features, cells, count, self._units)
        columns = [target.columns for target in targets.values()]
        starts = np.cumsum([0, *(part.shape[1] for part in columns[:-1])])
        sums = TargetSums.of(self._features, np.concatenate(columns, axis=1), starts, cells, count)

        def fit_without(group: int) -> Fit:
            remaining = np.arange(count).reshape(FOLDS, GROUPS)
            remaining = np.delete(remaining, group, axis=1)
            return CrossValidation(features.joined(remaining)).fit(sums.joined(remaining))

        fits = [fit for _, fit in in_order(fit_without, range(GROUPS), threads)]
        result = {}
        for place, (name, target) in enumerate(targets.items()):
            result[name] = np.array([fit.share[place] for fit in fits])
            if target.categorical:
                codes = np.repeat(target.codes[:, None], GROUPS, axis=1)
                present = (self._groups[:, None] != np.arange(GROUPS)).astype(np.float64)
                penalties = np.stack([fit.penalties[:, place] for fit in fits], axis=1)
                result[name] = explained_likelihood(
                    self._features, codes, present, self._folds, penalties
                )
        return result


def _shares_with_chance(
    probes: _Probes, scenes: Ints | None, options: Options, named: tuple[str, _Target]
) -> Floats:
    """Return the score of a property, then those of permutations of its labels."""
    name, target = named
    rng = generator(options.seed, "chance of probes", name)
    orders = permuted_orders(target.codes, options.permutations, rng, scenes)
    return probes.shares(target, [np.arange(len(target.codes)), *orders])


def _features(embeddings: Floats) -> Floats:
    """Return principal components [n, p] of normalized embeddings, of mean squared norm 1."""
    from scipy.linalg import eigh

    x = unit_rows(embeddings)
    x -= x.mean(axis=0)
    spread = np.sqrt(np.square(x).sum(axis=1).mean())
    # What float64 leaves of equal embeddings after centering is no spread.
    x = x / spread if spread > _ROUNDING else np.zeros_like(x)
    images, dimensions = x.shape
    components = min(images, dimensions, MAX_COMPONENTS)
    if components == dimensions:
        return x
    smaller = min(images, dimensions)
    products = product(x, x.T) if images < dimensions else product(x.T, x)
    largest = (smaller - components, smaller - 1)
    values, vectors = eigh(products, subset_by_index=largest)
    return (
        vectors * np.sqrt(np.maximum(values, 0.0)) if images < dimensions else product(x, vectors)
    )
