"""Measure the similarity of two models' maps of the same images. Source: protocol, section 4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from dmlbench.maps.grid import common_grid

if TYPE_CHECKING:
    from dmlbench.maps.geometry import Fitting

MAX_CORRELATION = 1 - 1e-7


@dataclass(frozen=True)
class MapComparison:
    """Similarity per image; NaN if it is undefined.

    Attributes:
        correlation: [N] in [-1, 1], see `pearson`.
        divergence: [N] in [0, ln 2], see `jensen_shannon`.
    """

    correlation: NDArray[np.float64]
    divergence: NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation over images; None without images.

    Attributes:
        images: number of images with a value.
        left_out: number of images without a value.
    """

    mean: float | None
    std: float | None
    images: int
    left_out: int


PARTIAL_TOLERANCE = 1e-12
"""Product of the shares of variance that a third map leaves, below which nothing is left."""


def pearson(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return the Pearson correlation of the flattened maps, per image.

    Args:
        a, b: [N, H, W].

    Returns:
        [N] in [-1, 1]; NaN where a map has no variance.

    >>> pearson([[[0, 1, 2]], [[1, 1, 1]]], [[[4, 2, 0]], [[0, 1, 2]]]).round(12).tolist()
    [-1.0, nan]
    """
    flat_a, flat_b = _pair(a, b)
    constant = (np.ptp(flat_a, axis=1) == 0) | (np.ptp(flat_b, axis=1) == 0)
    centered_a = flat_a - flat_a.mean(axis=1, keepdims=True)
    centered_b = flat_b - flat_b.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centered_a, axis=1) * np.linalg.norm(centered_b, axis=1)
    products = (centered_a * centered_b).sum(axis=1)
    correlations = np.divide(products, norms, out=np.full(len(norms), np.nan), where=~constant)
    return np.clip(correlations, -1, 1)


def partial_correlation(
    r: ArrayLike, of_a: ArrayLike, of_b: ArrayLike, reliability: ArrayLike = 1.0
) -> NDArray[np.float64]:
    """Return the partial correlation of two maps given a third one.

    It is the correlation of what a linear regression on the third map leaves of both. What is noise
    in the third map says nothing of them, and would leave them part of what they share with it: its
    share of the variance is taken out of both correlations with it (Spearman's correction).

    Args:
        r: [N] correlation of both maps.
        of_a, of_b: [N] correlation of each with the third map.
        reliability: [N] or a number in [0, 1], the correlation that the third map would have with
            one under other noise.

    Returns:
        [N] in [-1, 1]; NaN where a map has no variance, or is all in the third one.

    >>> partial_correlation([0.5, 0.5], [0.0, 0.8], [0.0, 0.5]).round(3).tolist()
    [0.5, 0.192]
    >>> partial_correlation([0.5, 0.5], [0.0, 0.8], [0.0, 0.5], 0.8).round(3).tolist()
    [0.5, 0.0]
    """
    both, first, second, of_third = np.broadcast_arrays(
        *(np.asarray(each, np.float64) for each in (r, of_a, of_b, reliability))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.stack([1 - first**2 / of_third, 1 - second**2 / of_third])
        shared = first * second / of_third
    product = left.prod(axis=0)
    some = (left > 0).all(axis=0) & (product > PARTIAL_TOLERANCE)
    partial = np.where(some, both - shared, np.nan) / np.sqrt(np.where(some, product, 1))
    return np.clip(partial, -1, 1)


def partial_ceiling(
    reliabilities: tuple[ArrayLike, ArrayLike],
    of_a: ArrayLike,
    of_b: ArrayLike,
    reliability: ArrayLike = 1.0,
) -> NDArray[np.float64]:
    """Return the partial correlation of two maps given a third one that noise allows.

    It is what two maps have that share all that the third one leaves of them, but for their noise:
    of a map whose variance is in most part the third one's, noise is most of what is left.

    Args:
        reliabilities: [N] or a number of both maps, as `reliability` is of the third one.
        of_a, of_b, reliability: as for `partial_correlation`.

    Returns:
        [N] in [0, 1]; NaN where a map is all in the third one.

    >>> partial_ceiling((0.9, 0.9), [0.0, 0.8], [0.0, 0.8]).round(3).tolist()
    [0.9, 0.722]
    """
    shares = []
    for of_map, of_itself in zip((of_a, of_b), reliabilities, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            in_third = np.asarray(of_map, np.float64) ** 2 / np.asarray(reliability, np.float64)
            left = np.where(in_third < 1, 1 - in_third, np.nan)
            shares.append(np.clip((np.asarray(of_itself, np.float64) - in_third) / left, 0, 1))
    return np.asarray(np.sqrt(shares[0] * shares[1]))


def jensen_shannon(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence (natural logarithm) of the maps normalized to sum 1.

    It is the square of SciPy's `jensenshannon` distance.

    Args:
        a, b: [N, H, W], not negative.

    Returns:
        [N] in [0, ln 2]; NaN where a map sums to 0.

    >>> jensen_shannon([[[1, 0]], [[0, 0]]], [[[0, 1]], [[0, 1]]]).round(4).tolist()
    [0.6931, nan]
    """
    p, q = map(_distribution, _pair(a, b))
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle).sum(axis=1) + rel_entr(q, middle).sum(axis=1)) / 2
    return np.clip(divergence, 0, np.log(2))


def compare_maps(a: ArrayLike, b: ArrayLike) -> MapComparison:
    """Return both measures for maps [N, H, W] on the same grid.

    >>> maps = np.random.default_rng(0).random((2, 8, 8))
    >>> compare_maps(maps, maps).correlation.round(3).tolist()
    [1.0, 1.0]
    """
    return MapComparison(pearson(a, b), jensen_shannon(a, b))


def compare_models(
    a: ArrayLike,
    b: ArrayLike,
    preprocessing_a: Fitting,
    preprocessing_b: Fitting,
    sizes: Sequence[tuple[int, int]],
) -> MapComparison:
    """Return both measures for the maps of two models with their own crops and input sizes.

    Maps of models that crop and resize alike are compared directly, others on a common grid.

    Args:
        a: [N, H, W] maps of the first model.
        b: [N, H', W'] maps of the second model of the same images.
        preprocessing_a, preprocessing_b: resize and crop of each model.
        sizes: [N] (width, height) of each original image in pixels.
    """
    maps_a, maps_b = np.asarray(a), np.asarray(b)
    if not len(maps_a) == len(maps_b) == len(sizes):
        raise ValueError(f"{len(maps_a)} and {len(maps_b)} maps of {len(sizes)} images")
    geometries_a = [preprocessing_a.geometry(*size) for size in sizes]
    geometries_b = [preprocessing_b.geometry(*size) for size in sizes]
    return compare_maps(*common_grid(maps_a, maps_b, geometries_a, geometries_b))


def fisher(correlation: ArrayLike) -> NDArray[np.float64]:
    """Return the Fisher-z transform atanh(r), with |r| clipped at 1 - 1e-7; NaN stays NaN."""
    return np.arctanh(np.clip(correlation, -MAX_CORRELATION, MAX_CORRELATION))


def summarize_correlations(correlation: ArrayLike) -> Summary:
    """Return mean and standard deviation of [N] in Fisher-z, transformed back; NaN is left out.

    >>> summary = summarize_correlations([0.5, 0.5, float("nan")])
    >>> round(summary.mean, 6), round(summary.std, 6), summary.images, summary.left_out
    (0.5, 0.0, 2, 1)
    """
    summary = _summary(fisher(correlation))
    if summary.mean is None or summary.std is None:
        return summary
    mean, std = np.tanh([summary.mean, summary.std]).tolist()
    return Summary(mean, std, summary.images, summary.left_out)


def summarize_divergences(divergence: ArrayLike) -> Summary:
    """Return mean and standard deviation of [N]; NaN is left out."""
    return _summary(np.asarray(divergence, np.float64))


def _summary(values: NDArray[np.float64]) -> Summary:
    known = values[~np.isnan(values)]
    left_out = len(values) - len(known)
    if len(known) == 0:
        return Summary(None, None, 0, left_out)
    return Summary(float(known.mean()), float(known.std()), len(known), left_out)


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    maps_a, maps_b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if maps_a.ndim != 3 or maps_a.shape != maps_b.shape:
        raise ValueError(f"maps of shape {maps_a.shape} and {maps_b.shape}, expected [N, H, W]")
    return maps_a.reshape(len(maps_a), -1), maps_b.reshape(len(maps_b), -1)


def _distribution(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = flat.sum(axis=1, keepdims=True)
    return np.divide(flat, sums, out=np.full_like(flat, np.nan), where=sums > 0)
