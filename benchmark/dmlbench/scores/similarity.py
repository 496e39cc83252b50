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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.scores._kernels.distances import TIE_TOLERANCE, unit_rows
from dmlbench.scores._kernels.products import product, svd
from dmlbench.scores.embeddings import check_embeddings
from dmldata.common.arrays import Ints

Array = NDArray[np.float64]

COLLAPSED = 1e-6
"""Root mean squared distance from the mean, below which unit rows have no spread but rounding."""

_OFF_FRACTIONS = 5**0.5 / 2
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
    return debiased_cka(*map(Representation.of, _pair(a, b)))


def rsa(a: ArrayLike, b: ArrayLike) -> float:
    """Return the Spearman correlation of the cosine distances of all pairs of images.

    Source: Kriegeskorte, Mur and Bandettini (2008).

    Arguments and errors are those of `cka`.

    >>> rng = np.random.default_rng(0)
    >>> x, rotation = rng.normal(size=(50, 4)), np.linalg.qr(rng.normal(size=(4, 4)))[0]
    >>> round(rsa(x, 2 * x @ rotation), 6), abs(rsa(x, rng.normal(size=(50, 9)))) < 0.2
    (1.0, True)
    """
    return rank_agreement(*map(Representation.of, _pair(a, b)))


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
    return rotated_overlaps(*_pair(a, b), (), ())[0]


@dataclass(frozen=True)
class Representation:
    """An embedding of N images, prepared to be compared with others of the same images.

    Attributes:
        kernel: [N, N] similarities of the centered rows, 0 on the diagonal.
        sums: [N] of the rows of `kernel`.
        hsic: of the kernel with itself, unbiased.
        ranks: [N, N] ranks of the similarities of pairs of images, centered and of norm 1, 0 on the
            diagonal; equal ones share a rank. NaN where all are equal.
        collapsed: whether there is no spread but rounding.
    """

    kernel: Array
    sums: Array
    hsic: float
    ranks: Array
    collapsed: bool

    @classmethod
    def of(cls, x: Array) -> Representation:
        """Return the representation of unit rows [N, D]; `narrow` them first where D > N."""
        similarities = product(x, x.T)
        centered = x - x.mean(axis=0)
        length = float(np.linalg.norm(centered))
        kernel = product(centered, centered.T)
        np.fill_diagonal(kernel, 0.0)
        sums = kernel.sum(axis=0)
        return cls(
            kernel=kernel,
            sums=sums,
            hsic=_hsic(kernel, kernel, sums, sums),
            ranks=_ranks(similarities, TIE_TOLERANCE["float32"] * length**2 / len(x)),
            collapsed=length <= COLLAPSED * len(x) ** 0.5,
        )

    def permuted(self, order: Ints) -> Representation:
        """Return the same with the images in another order [N]."""
        cells = np.ix_(order, order)
        return Representation(
            self.kernel[cells],
            self.sums[order],
            self.hsic,
            self.ranks[cells],
            self.collapsed,
        )


def debiased_cka(a: Representation, b: Representation) -> float:
    """Return the debiased CKA; see `cka`."""
    of_both = a.hsic * b.hsic
    if a.collapsed or b.collapsed or of_both <= 0:
        return float("nan")
    return float(_hsic(a.kernel, b.kernel, a.sums, b.sums) / np.sqrt(of_both))


def rank_agreement(a: Representation, b: Representation) -> float:
    """Return the Spearman correlation of the similarities of pairs; see `rsa`."""
    return float(np.vdot(a.ranks, b.ranks))


def rotated_overlaps(
    a: Array, b: Array, staying: Sequence[NDArray[np.bool_]], orders: Sequence[Ints]
) -> list[float]:
    """Return `procrustes` of all rows, of some of the rows, and of permuted rows of b.

    Some of the rows are rotated as all are: theirs is the best rotation of all, so that what a few
    rows change about it matters only to second order, and a decomposition for each would take most
    of a comparison's time.

    Args:
        a, b: [N, D1] and [N, D2].
        staying: [N] masks; NaN of too few images.
        orders: [N] of the rows of b, compared in single precision.
    """
    first, second = _centered(a), _centered(b)
    if first is None or second is None:
        return [float("nan")] * (1 + len(staying) + len(orders))
    left, values, right = svd(product(first.T, second))
    turned = product(b, product(right.T, left.T))
    overlaps = [_one_minus_distance(float(values.sum()))]
    for mask in staying:
        overlaps.append(_of_rotated(a[mask], b[mask], turned[mask]))
    singles = first.astype(np.float32), second.astype(np.float32)
    for order in orders:
        values = svd(product(singles[0].T, singles[1][order]))[1]
        overlaps.append(_one_minus_distance(float(values.sum())))
    return overlaps


def _of_rotated(a: Array, b: Array, turned: Array) -> float:
    """Return `procrustes` of rows a and b for a rotation of b, which gives `turned`."""
    if len(a) < MIN_IMAGES:
        return float("nan")
    first, second = _centered(a), _centered(b)
    if first is None or second is None:
        return float("nan")
    length = float(np.linalg.norm(b - b.mean(axis=0)))
    return _one_minus_distance(float(np.vdot(first, turned - turned.mean(axis=0))) / length)


def _one_minus_distance(nuclear: float) -> float:
    """Return 1 - the distance, over sqrt(2), from the nuclear norm of the product."""
    return 1 - float(np.sqrt(max(0.0, 1 - min(nuclear, 1.0))))


def _centered(x: Array) -> Array | None:
    """Return rows of Frobenius norm 1 about their mean; None of rows without a spread."""
    centered = x - x.mean(axis=0)
    length = float(np.linalg.norm(centered))
    return None if length <= COLLAPSED * len(x) ** 0.5 else centered / length


def narrow(x: Array) -> Array:
    """Return rows [N, D] rotated into at most N dimensions, which changes no similarity."""
    if x.shape[1] <= x.shape[0]:
        return x
    left, values, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(left * values)


def _ranks(similarities: Array, tolerance: float) -> Array:
    """Return the ranks of similarities; those that differ by rounding alone are equal.

    Args:
        tolerance: step to whose multiples similarities are rounded.
    """
    above = np.triu_indices(len(similarities), 1)
    pairs = similarities[above]
    if float(np.ptp(pairs)) <= COLLAPSED**2:
        return np.full_like(similarities, np.nan)
    # Equal ones would be parted if they lay on a boundary, as simple fractions would.
    steps = np.rint(pairs / tolerance + _OFF_FRACTIONS)
    order = np.argsort(steps)
    in_order = steps[order]
    begins = np.flatnonzero(np.diff(in_order, prepend=-np.inf))
    counts = np.diff(begins, append=len(pairs))
    ranks = np.empty_like(pairs)
    ranks[order] = np.repeat(begins + (counts + 1) / 2, counts)
    ranks -= ranks.mean()
    result = np.zeros_like(similarities)
    result[above] = ranks / (np.sqrt(2) * np.linalg.norm(ranks))
    return result + result.T


def _hsic(a: Array, b: Array, sums_a: Array, sums_b: Array) -> float:
    """Return an unbiased estimate of HSIC (Song et al., 2012, equation 5).

    Args:
        a, b: [N, N] kernels with a diagonal of 0, and the sums [N] of their rows.
    """
    n = len(a)
    trace = float(np.vdot(a, b))
    product_of_sums = float(sums_a.sum() * sums_b.sum()) / ((n - 1) * (n - 2))
    return (trace + product_of_sums - 2 / (n - 2) * float(sums_a @ sums_b)) / (n * (n - 3))


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Array, Array]:
    """Return the checked embeddings as unit rows [N, D], D <= N."""
    first, second = (unit_rows(check_embeddings(x)) for x in (a, b))
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} embeddings, expected the same images")
    if len(first) < MIN_IMAGES:
        raise ValueError(f"{len(first)} images, expected at least {MIN_IMAGES}")
    return narrow(first), narrow(second)
