"""Multinomial logistic regression of many label columns on the same features, side by side.

Real labels, their permutations and jackknife replicates are columns of one problem: they share the
products with the features, which are all the cost. Gradient steps go by the curvature met so far,
from that at the labels' shares up to the bound of Boehning (1992), in the eigenvectors of the
features' products, with Nesterov's momentum, restarted where the gradient turns against it
(O'Donoghue and Candes, 2015). scikit-learn fits one column at a time.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh
from scipy.special import logsumexp

from dmlbench.scores._kernels.products import product
from dmldata.common.arrays import Floats, Ints

PRIOR = 0.5
"""Images added to each label's: a label that is absent from a training set keeps a share."""
TOLERANCE = 1e-7
"""Stop where a step promises less log-likelihood per image than this."""
MAX_STEPS = 500
MAX_LOGITS = 2**23
"""Maximum number of logits at a time; more columns are fitted in turn."""


def explained_likelihood(
    features: Floats, codes: Ints, weights: Floats, folds: Ints, penalties: Floats
) -> Floats:
    """Return McFadden's share of the log-likelihood of T columns of labels, cross-validated.

    Args:
        features: [n, p].
        codes: [n, T] label codes, 0 to C - 1.
        weights: [n, T], 1 for the images that count and 0 for others.
        folds: [n] fold of each image, each of which is judged by a fit to the others.
        penalties: [F, T] for each fold, per image, as for a ridge regression of the labels: it is
            multiplied by the curvature p(1 - p) that log-likelihood has at the labels' shares.
            Infinity is the shares alone.

    Returns:
        [T], 1 - log-likelihood / log-likelihood of the labels' shares in the other folds.
    """
    labels, count = int(codes.max()) + 1, codes.shape[1]
    left, total = np.zeros(count), np.zeros(count)
    for fold, penalties_of_fold in enumerate(penalties):
        train, test = folds != fold, folds == fold
        centered = features - features[train].mean(axis=0)
        shares = _log_shares(codes[train], weights[train], labels)
        by_shares = _log_likelihood(shares[None], codes[test], weights[test])
        total += by_shares
        left += by_shares
        fitted = np.flatnonzero(np.isfinite(penalties_of_fold))
        size = max(1, MAX_LOGITS // (len(features) * labels))
        for start in range(0, len(fitted), size):
            part = fitted[start : start + size]
            curvature = (np.exp(shares[part]) * (1 - np.exp(shares[part]))).mean(axis=1)
            penalty = penalties_of_fold[part] * weights[train][:, part].sum(axis=0) * curvature
            intercepts, slopes = fit_logistic(
                centered[train], codes[train][:, part], weights[train][:, part], penalty, labels
            )
            logits = np.tensordot(centered[test], slopes, axes=1) + intercepts
            logits -= logsumexp(logits, axis=2, keepdims=True)
            left[part] += _log_likelihood(logits, codes[test][:, part], weights[test][:, part])
            left[part] -= by_shares[part]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total < 0, (total - left) / total, np.nan)


def fit_logistic(
    features: Floats, codes: Ints, weights: Floats, penalties: Floats, labels: int
) -> tuple[Floats, Floats]:
    """Fit a multinomial logistic regression to each of T columns of labels.

    Args:
        features: [n, p], centered.
        codes: [n, T] label codes of T columns, 0 to labels - 1.
        weights: [n, T], 1 for the images that count and 0 for others.
        penalties: [T], finite and above 0: half of it times the squared norm of the weights is
            added to the negative log-likelihood. Intercepts are not penalized, but see PRIOR,
            whose images lie at the mean.

    Returns:
        The intercepts [T, labels] and the weights [p, T, labels].
    """
    values, vectors = eigh(product(features.T, features), driver="evd", check_finite=False)
    x, values = product(features, vectors), np.maximum(values, 0.0)
    p = x.shape[1]
    rows = np.arange(len(x))[:, None]
    images = weights.sum(axis=0)
    at = np.concatenate(
        [np.zeros((p, codes.shape[1], labels)), _log_shares(codes, weights, labels)[None]]
    )
    result = at.copy()
    # One more row for the intercepts, as of a feature that is 1 everywhere.
    size = np.append(values, len(x) + PRIOR * labels)[:, None, None]
    penalty = np.concatenate(
        [np.broadcast_to(penalties, (p, len(penalties))), np.zeros((1, len(penalties)))]
    )[:, :, None]
    shares = _softmax(at[-1].copy())
    curvature = shares.max(axis=1)
    before, momentum = at, np.ones(len(curvature))
    last = None
    active = np.arange(codes.shape[1])
    for _ in range(MAX_STEPS):
        weights_of = weights[:, active]
        residual = product(x, at[:-1].reshape(p, -1)).reshape(len(x), len(active), labels)
        residual = _softmax(residual + at[-1])
        residual[rows, np.arange(len(active)), codes[:, active]] -= 1
        residual *= weights_of[:, :, None]
        gradient = np.empty_like(at)
        gradient[:-1] = product(x.T, residual.reshape(len(x), -1)).reshape(p, len(active), labels)
        gradient[-1] = residual.sum(axis=0) + PRIOR * (labels * _softmax(at[-1].copy()) - 1)
        if last is not None:
            moved = at - last[0]
            measured = (moved * (gradient - last[1])).sum(axis=(0, 2)) / (
                (size * np.square(moved)).sum(axis=(0, 2)) + 1e-300
            )
            curvature = np.minimum(np.maximum(curvature, measured), 0.5)
        last = at, gradient.copy()
        gradient += penalty[:, active] * at
        step = 1 / (size * curvature[:, None] + penalty[:, active])
        promise = (step * np.square(gradient)).sum(axis=(0, 2))
        after = at - step * gradient
        result[:, active] = after
        against = (gradient * (after - before)).sum(axis=(0, 2)) > 0
        old = np.where(against, 1.0, momentum)
        momentum = (1 + np.sqrt(1 + 4 * old**2)) / 2
        at, before = after + ((old - 1) / momentum)[:, None] * (after - before), after
        going = promise > TOLERANCE * images[active]
        if not going.any():
            break
        if not going.all():
            active, momentum, curvature = active[going], momentum[going], curvature[going]
            at, before = at[:, going], before[:, going]
            last = last[0][:, going], last[1][:, going]
    return result[-1], np.tensordot(vectors, result[:-1], axes=1)


def _log_shares(codes: Ints, weights: Floats, labels: int) -> Floats:
    """Return log((images with a label + PRIOR) / (images + PRIOR labels)): [T, labels].

    Args:
        codes: [n, T] label codes of T columns.
        weights: [n, T], 1 for the images that count and 0 for others.
    """
    count = codes.shape[1]
    cells = codes + np.arange(count) * labels
    counts = np.bincount(cells.ravel(), weights.ravel(), minlength=count * labels)
    images: Floats = counts.reshape(count, labels) + PRIOR
    return np.asarray(np.log(images / images.sum(axis=1, keepdims=True)))


def _log_likelihood(log_shares: Floats, codes: Ints, weights: Floats) -> Floats:
    """Return the log-likelihood [T] of codes [n, T] for log shares [n or 1, T, labels]."""
    shape = (*codes.shape, log_shares.shape[2])
    of_codes = np.take_along_axis(np.broadcast_to(log_shares, shape), codes[:, :, None], axis=2)
    return np.asarray((of_codes[:, :, 0] * weights).sum(axis=0))


def _softmax(logits: Floats) -> Floats:
    """Turn logits [..., labels] into probabilities, in place."""
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=-1, keepdims=True)
    return logits
