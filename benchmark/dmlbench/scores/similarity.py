"""Are two representations of the same images alike? CKA, RSA and Procrustes (protocol section 8).

Each takes embeddings [N, D1] and [N, D2] of the same N images in the same order, from two models
whose dimensions have nothing to do with each other, and is 1 if one is a rotation of the other.
Embeddings are normalized first, as their distances are in every other score.

They answer different questions. `cka` asks whether the directions of large variance agree, `rsa`
whether the same pairs of images are near and far, and `procrustes` how much is left between the two
after the best rotation, which also sees directions of small variance. None says whether what is
alike is what the task needs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores.embeddings import check_embeddings

Array = NDArray[np.float64]

COLLAPSED = 1e-6
"""Root mean squared distance from the mean, below which unit rows have no spread but rounding."""

MIN_IMAGES = 4
"""Minimum number of images: the debiased estimate of CKA divides by N - 3."""


def cka(a: ArrayLike, b: ArrayLike) -> float:
    """Return the debiased linear centered kernel alignment of two embeddings.

    1 for the same representation up to rotation and scale, around 0 for unrelated ones whatever the
    numbers of images and dimensions; the plain estimate grows with D / N instead. Sources:
    Kornblith et al. (2019); Song et al. (2012), equation 5, for the unbiased HSIC; Murphy,
    Zylberberg and Fyshe (2024) for its use in CKA.

    Args:
        a, b: [N, D1] and [N, D2], N >= 4, the same images in the same order.

    Raises:
        InputError: an embedding is not finite or zero.
        ValueError: the numbers of images differ, or are below 4.

    >>> rng = np.random.default_rng(0)
    >>> x, rotation = rng.normal(size=(50, 4)), np.linalg.qr(rng.normal(size=(4, 4)))[0]
    >>> round(cka(x, 2 * x @ rotation), 6), abs(cka(x, rng.normal(size=(50, 90)))) < 0.1
    (1.0, True)
    """
    return cka_of_kernels(*(kernel(x) for x in _pair(a, b)))


def rsa(a: ArrayLike, b: ArrayLike) -> float:
    """Return the Spearman correlation of the cosine distances of all pairs of images.

    Source: Kriegeskorte, Mur and Bandettini (2008).

    Arguments and errors are those of `cka`.

    >>> rng = np.random.default_rng(0)
    >>> x, rotation = rng.normal(size=(50, 4)), np.linalg.qr(rng.normal(size=(4, 4)))[0]
    >>> round(rsa(x, 2 * x @ rotation), 6), abs(rsa(x, rng.normal(size=(50, 9)))) < 0.2
    (1.0, True)
    """
    return rsa_of_kernels(*(kernel(x) for x in _pair(a, b)))


def procrustes(a: ArrayLike, b: ArrayLike) -> float:
    """Return 1 - the distance that is left after the best rotation of one embedding onto the other.

    Both are centered and scaled to a Frobenius norm of 1. The distance |A - B Q| over orthogonal Q
    is sqrt(2 - 2 |A'B|_*) with the nuclear norm; it is divided by sqrt(2), its largest value.
    Unrelated embeddings are above 0, the more so the more dimensions there are: read it beside its
    floor.
    Sources: Schoenemann (1966); Williams et al. (2021).

    Arguments and errors are those of `cka`.

    >>> rng = np.random.default_rng(0)
    >>> x, rotation = rng.normal(size=(50, 4)), np.linalg.qr(rng.normal(size=(4, 4)))[0]
    >>> round(procrustes(x, 2 * x @ rotation), 6), round(procrustes(x, -x), 6)
    (1.0, 1.0)
    """
    return procrustes_of_rows(*(narrow(x) for x in _pair(a, b)))


def kernel(x: Array) -> Array:
    """Return the similarities x x' [N, N] of rows [N, D]."""
    return x @ x.T


def cka_of_kernels(a: Array, b: Array) -> float:
    """Return the debiased CKA of two kernels [N, N]; see `cka`."""
    a, b = _centered(a), _centered(b)
    if min(float(np.trace(x)) for x in (a, b)) <= COLLAPSED**2 * len(a):
        return float("nan")
    of_both = _hsic(a, a) * _hsic(b, b)
    return float(_hsic(a, b) / np.sqrt(of_both)) if of_both > 0 else float("nan")


def rsa_of_kernels(a: Array, b: Array) -> float:
    """Return the Spearman correlation of the entries above the diagonals of two kernels [N, N]."""
    from scipy.stats import spearmanr

    above = np.triu_indices(len(a), 1)
    pairs = a[above], b[above]
    if min(float(np.ptp(similarities)) for similarities in pairs) <= COLLAPSED**2:
        return float("nan")
    return float(spearmanr(*pairs).statistic)


def procrustes_of_rows(a: Array, b: Array) -> float:
    """Return the similarity of rows [N, D1] and [N, D2]; see `procrustes`."""
    centered = [x - x.mean(axis=0) for x in (a, b)]
    lengths = [float(np.linalg.norm(x)) for x in centered]
    if min(lengths) <= COLLAPSED * len(a) ** 0.5:
        return float("nan")
    first, second = (x / length for x, length in zip(centered, lengths, strict=True))
    nuclear = float(np.linalg.norm(first.T @ second, "nuc")) if first.shape[0] else 0.0
    return 1 - float(np.sqrt(max(0.0, 1 - min(nuclear, 1.0))))


def narrow(x: Array) -> Array:
    """Return rows [N, D] rotated into at most N dimensions, which changes no similarity."""
    if x.shape[1] <= x.shape[0]:
        return x
    left, values, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(left * values)


def _centered(a: Array) -> Array:
    """Return the kernel [N, N] of the centered rows, which has the same HSIC and rounds less."""
    means = a.mean(axis=0)
    return a - means - means[:, None] + means.mean()


def _hsic(a: Array, b: Array) -> float:
    """Return an unbiased estimate of HSIC of two kernels [N, N] (Song et al., 2012, equation 5)."""
    n = len(a)
    a, b = a - np.diag(np.diag(a)), b - np.diag(np.diag(b))
    sums_a, sums_b = a.sum(axis=0), b.sum(axis=0)
    trace = float((a * b).sum())
    product = float(sums_a.sum() * sums_b.sum()) / ((n - 1) * (n - 2))
    return (trace + product - 2 / (n - 2) * float(sums_a @ sums_b)) / (n * (n - 3))


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    first, second = (unit_rows(check_embeddings(x)) for x in (a, b))
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} embeddings, expected the same images")
    if len(first) < MIN_IMAGES:
        raise ValueError(f"{len(first)} images, expected at least {MIN_IMAGES}")
    return first, second
