"""Cross-validated ridge regression of very many targets at once, from sums alone.

A ridge fit and its squared errors need no rows: the sums of products over the images of a fold say
all. Sums of training sets are sums over folds, and one eigendecomposition per training set serves
all penalties and targets, so that real labels, their permutations and jackknife replicates are
fitted with a penalty of their own each. scikit-learn would start afresh for each of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh

from dmlbench.scores._kernels.products import product
from dmldata.common.arrays import Floats, Ints

FOLDS = 5
PENALTIES = np.append(np.logspace(-6, 0, 7), np.inf)
"""Penalties per image, for features with a mean squared norm of 1; infinity is the mean alone."""

MAX_FREEDOM = 0.5
"""Maximum effective degrees of freedom per unit that is fitted to: where they are nearly as many, a
fit passes through all units, and its error is many times that of the mean."""
_TINY = 1e-12


@dataclass(frozen=True)
class FeatureSums:
    """Sums over the images of each of K sets.

    Attributes:
        n: [K] number of images.
        units: [K] number of units, which are images or whole scenes; a unit lies in one set.
        x: [K, p] sums of features.
        xx: [K, p, p] sums of products of features.
    """

    n: Floats
    units: Floats
    x: Floats
    xx: Floats

    @classmethod
    def of(cls, features: Floats, sets: Ints, count: int, units: Ints) -> FeatureSums:
        """Sum features [n, p] over sets [n], numbered 0 to count - 1; units [n] are numbers."""
        parts = [features[sets == number] for number in range(count)]
        first = np.unique(units, return_index=True)[1]
        return cls(
            np.array([len(part) for part in parts], dtype=np.float64),
            np.bincount(sets[first], minlength=count).astype(np.float64),
            np.array([part.sum(axis=0) for part in parts]),
            np.array([product(part.T, part) for part in parts]),
        )

    def joined(self, sets: Ints) -> FeatureSums:
        """Return the sums over sets [F, S] of which each row becomes one."""
        return FeatureSums(
            *(part[sets].sum(axis=1) for part in (self.n, self.units, self.x, self.xx))
        )


@dataclass(frozen=True)
class TargetSums:
    """Sums over the images of each of K sets for T targets of one or more columns, M in all.

    Attributes:
        starts: [T] place of each target's first column.
        y: [K, M] sums of targets.
        yy: [K, M] sums of their squares.
        xy: [K, p, M] sums of products with features.
    """

    starts: Ints
    y: Floats
    yy: Floats
    xy: Floats

    @classmethod
    def of(
        cls, features: Floats, columns: Floats, starts: Ints, sets: Ints, count: int
    ) -> TargetSums:
        """Sum the columns [n, M] of targets over sets [n], numbered 0 to count - 1."""
        rows = [np.flatnonzero(sets == number) for number in range(count)]
        return cls(
            starts,
            np.array([columns[part].sum(axis=0) for part in rows]),
            np.array([np.square(columns[part]).sum(axis=0) for part in rows]),
            np.array([product(features[part].T, columns[part]) for part in rows]),
        )

    def joined(self, sets: Ints) -> TargetSums:
        """Return the sums over sets [F, S] of which each row becomes one."""
        return TargetSums(
            self.starts, *(part[sets].sum(axis=1) for part in (self.y, self.yy, self.xy))
        )

    @property
    def target_of_column(self) -> Ints:
        """[M] target of each column."""
        return np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=self.y.shape[1]))


class Fit(NamedTuple):
    """The outcome for T targets.

    Attributes:
        share: [T] share of the squared error about the training folds' means that is explained.
        penalties: [FOLDS, T] penalty of each fold's fit, per image.
    """

    share: Floats
    penalties: Floats


@dataclass(frozen=True)
class _Judged:
    """A fold to be judged: its sums about the mean of a training set."""

    fold: int
    n: float
    x: Floats
    xx: Floats


@dataclass(frozen=True)
class _Training:
    """A training set: the folds in it, its mean, and its eigenvalues and eigenvectors."""

    folds: Ints
    n: float
    mean: Floats
    values: Floats
    vectors: Floats
    judged: tuple[_Judged, ...]

    @classmethod
    def of(cls, sums: FeatureSums, without: tuple[int, ...]) -> _Training:
        folds = np.setdiff1d(np.arange(FOLDS), without)
        n = float(sums.n[folds].sum())
        mean = sums.x[folds].sum(axis=0) / max(n, 1.0)
        centered = sums.xx[folds].sum(axis=0) - n * np.outer(mean, mean)
        # SciPy's own routine: NumPy's takes two to three times as long for 256 features.
        values, vectors = eigh(centered, driver="evd", check_finite=False, overwrite_a=True)
        judged = []
        for fold in without:
            cross = np.outer(sums.x[fold], mean)
            about = sums.xx[fold] - cross - cross.T + sums.n[fold] * np.outer(mean, mean)
            x = sums.x[fold] - sums.n[fold] * mean
            judged.append(_Judged(fold, float(sums.n[fold]), x, about))
        return cls(folds, n, mean, np.maximum(values, 0.0), vectors, tuple(judged))

    def freedom(self) -> Floats:
        """Return the effective degrees of freedom [L] of a fit with each penalty."""
        shrunk = self.values + self.n * PENALTIES[:, None] + _TINY
        return np.asarray((self.values / shrunk).sum(axis=1))

    def errors(
        self,
        targets: TargetSums,
        penalties: Floats,
        dtype: type[np.float32 | np.float64] = np.float64,
    ) -> list[Floats]:
        """Return the squared errors of each judged fold.

        Args:
            penalties: [L, T] or [L, 1], per image.
            dtype: precision of the products.

        Returns:
            [L, T] per judged fold.
        """
        p, columns = len(self.mean), targets.y.shape[1]
        # Products of few targets are fewer in the features themselves than in the eigenvectors,
        # into which the products of the features would have to be turned.
        turned = len(penalties) * columns > 2 * p
        y_mean = targets.y[self.folds].sum(axis=0) / max(self.n, 1.0)
        fitted = targets.xy[self.folds].sum(axis=0) - self.n * np.outer(self.mean, y_mean)
        vectors: Floats = self.vectors.astype(dtype)
        fitted = product(self.vectors.T, fitted).astype(dtype)
        if penalties.shape[1] > 1:
            penalties = penalties[:, targets.target_of_column]
        result = []
        for judged in self.judged:
            f = judged.fold
            seen = targets.xy[f] - np.outer(self.mean, targets.y[f])
            seen -= np.outer(judged.x, y_mean)
            xx = judged.xx
            if turned:
                seen = product(self.vectors.T, seen)
                xx = product(product(self.vectors.T, xx), self.vectors)
            twice, xx = (2 * seen).astype(dtype), xx.astype(dtype)
            total = targets.yy[f] - 2 * y_mean * targets.y[f] + judged.n * y_mean**2
            errors = np.empty((len(penalties), columns))
            for i, penalty in enumerate(penalties):
                shrunk = self.values[:, None] + self.n * penalty + _TINY
                weights: Floats = np.multiply(fitted, 1 / shrunk, dtype=dtype)
                if not turned:
                    weights = product(vectors, weights)
                change = product(xx, weights)
                change -= twice
                errors[i] = total + np.einsum("pt,pt->t", change, weights)
            result.append(np.add.reduceat(errors, targets.starts, axis=1))
        return result


class CrossValidation:
    """Ridge regression on all folds but one, judged on that one; see the module."""

    def __init__(self, sums: FeatureSums) -> None:
        """Decompose the training sets.

        Args:
            sums: of FOLDS folds; features have a mean squared norm of about 1.
        """
        self._outer = [_Training.of(sums, (fold,)) for fold in range(FOLDS)]
        self._inner = [_Training.of(sums, pair) for pair in combinations(range(FOLDS), 2)]
        limits = MAX_FREEDOM * (sums.units.sum() - sums.units)
        self._too_free = np.array([t.freedom() for t in self._outer]) > limits[:, None]

    def fit(self, targets: TargetSums) -> Fit:
        """Fit and judge T targets.

        The penalty of a target and fold is the one with the least squared error when each of the
        other folds is judged in turn by a fit to the rest of them, among those that leave it
        MAX_FREEDOM; between PENALTIES, the least of a parabola through the best and its neighbors.
        """
        count = len(targets.starts)
        inner = np.zeros((FOLDS, len(PENALTIES), count))
        for training in self._inner:
            # Single precision decides between penalties as well, in half the time.
            judged = training.errors(targets, PENALTIES[:, None], np.float32)
            first, second = (part.fold for part in training.judged)
            inner[second] += judged[0]
            inner[first] += judged[1]
        inner[self._too_free] = np.inf
        penalties = _least(inner)
        left, total = np.zeros(count), np.zeros(count)
        for fold, training in enumerate(self._outer):
            mean_alone = np.full(count, np.inf)
            (errors,) = training.errors(targets, np.stack([penalties[fold], mean_alone]))
            left += errors[0]
            total += errors[1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return Fit(np.where(total > 0, (total - left) / total, np.nan), penalties)


def _least(errors: Floats) -> Floats:
    """Return the penalties [F, T] with the least of errors [F, L, T] of all PENALTIES.

    A parabola in the logarithm of the penalty leads from one to the next without jumps, which the
    jackknife would take for uncertainty.
    """
    best = errors.argmin(axis=1)
    inside = (best > 0) & (best < len(PENALTIES) - 2)
    place = np.clip(best, 1, len(PENALTIES) - 2)[:, None]
    below, least, above = (
        np.take_along_axis(errors, place + step, axis=1)[:, 0] for step in (-1, 0, 1)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = (below - above) / (2 * (below - 2 * least + above))
    steps = np.where(inside & np.isfinite(shift), shift, 0.0)
    return np.asarray(PENALTIES[best] * (PENALTIES[1] / PENALTIES[0]) ** steps)
