"""The ceiling and the floor of a correlation between two models' maps.

Ceiling: because of noise, not even a model agrees with itself completely; the noisy copies of an
image fall into two halves, whose agreement says how far. Floor: maps of other
images correlate too, because objects are usually in the image center. Source: protocol, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.maps.compare import fisher, pearson, summarize_correlations
from dmlbench.scores.jackknife import assign_groups, jackknife_interval, leave_groups_out

Correlations = NDArray[np.float64]
Statistic = Callable[[NDArray[np.bool_]], float | None]


@dataclass(frozen=True)
class Estimate:
    """A correlation and its 95 % jackknife interval; each is None if it cannot be computed."""

    value: float | None
    ci95: tuple[float, float] | None


@dataclass(frozen=True)
class Bounds:
    """The agreement r(A, B) of two models with its bounds.

    Attributes:
        agreement: correlation of both models' maps of the same images.
        ceiling: `noise_ceiling` of both models.
        floor: correlation with B's maps of other images.
        above_floor, below_ceiling: agreement - floor and ceiling - agreement, each on the same
            images, so that their intervals are narrower than those of both together.
        images: number of images.
    """

    agreement: Estimate
    ceiling: Estimate
    floor: Estimate
    above_floor: Estimate
    below_ceiling: Estimate
    images: int


def spearman_brown(half: float) -> float:
    """Return the reliability of a whole from the correlation of its halves: 2 r / (1 + r).

    Halves that do not agree give 0. Source: Spearman (1910); Brown (1910).

    >>> spearman_brown(0.5), spearman_brown(1.0), spearman_brown(-0.2)
    (0.6666666666666666, 1.0, 0.0)
    """
    return 2 * half / (1 + half) if half > 0 else 0.0


def reliability(half_correlation: ArrayLike) -> float | None:
    """Return the correlation that maps would have with maps under other noise.

    Args:
        half_correlation: [N] Pearson r of the maps from either half of an image's noisy copies; NaN
            is left out. They are averaged in Fisher-z.

    Returns:
        The reliability in [0, 1], or None without a value.

    >>> round(reliability([0.5, 0.5, float("nan")]), 6)
    0.666667
    """
    mean = summarize_correlations(half_correlation).mean
    return None if mean is None else spearman_brown(mean)


def noise_ceiling(halves_a: ArrayLike, halves_b: ArrayLike) -> float | None:
    """Return sqrt(reliability A x reliability B), the highest possible correlation of noisy maps.

    Args:
        halves_a, halves_b: [N] half correlations of each model; see `reliability`.

    Returns:
        The ceiling, or None if the halves of a model do not agree (mean at or below 0) or it has no
        maps.

    >>> round(noise_ceiling([0.5], [1.0]), 6)
    0.816497
    """
    of_a, of_b = reliability(halves_a), reliability(halves_b)
    return math.sqrt(of_a * of_b) if of_a and of_b else None


def floor_correlations(a: ArrayLike, b: ArrayLike, partner: ArrayLike) -> Correlations:
    """Return the correlation [N] of A's map of image i with B's map of image `partner[i]`."""
    return pearson(a, np.asarray(b)[np.asarray(partner)])


def derangement(
    n: int, rng: np.random.Generator, *, scenes: Sequence[object] | None = None
) -> NDArray[np.int64]:
    """Draw a permutation of n images that maps each image to an image of another scene.

    Args:
        rng: random generator of the draw.
        scenes: [n] scene of each image; by default every image is its own scene.

    Raises:
        ValueError: fewer than two images, or more than half of them in one scene.

    >>> sorted(derangement(3, np.random.default_rng(0)).tolist())
    [0, 1, 2]
    """
    labels = np.arange(n) if scenes is None else assign_groups(n, rng, groups=n, units=scenes)
    largest = int(np.bincount(labels).max(initial=0))
    if n < 2 or 2 * largest > n:
        raise ValueError(f"{n} images with {largest} in one scene have no partners in other scenes")
    # Scenes are contiguous blocks in random order, so a shift by the largest block leaves each one.
    order = rng.permutation(n)
    order = order[np.argsort(rng.permutation(labels.max() + 1)[labels[order]], kind="stable")]
    partner = np.empty(n, np.int64)
    partner[order] = np.roll(order, -largest)
    return partner


def agreement_with_bounds(
    a: ArrayLike,
    b: ArrayLike,
    halves_a: ArrayLike,
    halves_b: ArrayLike,
    *,
    rng: np.random.Generator,
    scenes: Sequence[object] | None = None,
) -> Bounds:
    """Return r(A, B) of two models with its ceiling and floor, all with jackknife intervals.

    Two models share no noise, so that noise does not count as agreement. Intervals are computed in
    Fisher-z and transformed back. Partners for the floor are drawn within jackknife groups, so that
    a group and its partners are left out together. With too few images for that, they are drawn
    over all images, and the floor has no interval.

    Args:
        a, b: [N, H, W] maps of two models of the same images, on the same grid.
        halves_a, halves_b: [N] half correlations of each model; see `reliability`.
        rng: random generator that draws groups and partners.
        scenes: [N] scene of each image, never split between groups; by default every image is its
            own scene.
    """
    first, second = np.asarray(halves_a), np.asarray(halves_b)
    n = len(first)
    groups = assign_groups(n, rng, units=scenes)
    partner, within = _partners(groups, rng, scenes)
    cross, others = pearson(a, b), floor_correlations(a, b, partner)

    def agreement(rows: NDArray[np.bool_]) -> float | None:
        return summarize_correlations(cross[rows]).mean

    def ceiling(rows: NDArray[np.bool_]) -> float | None:
        return noise_ceiling(first[rows], second[rows])

    def floor(rows: NDArray[np.bool_]) -> float | None:
        return summarize_correlations(others[rows]).mean

    return Bounds(
        agreement=_estimate(agreement, groups),
        ceiling=_estimate(ceiling, groups),
        floor=_estimate(floor, groups, within),
        above_floor=_difference(agreement, floor, groups, within),
        below_ceiling=_difference(ceiling, agreement, groups),
        images=n,
    )


def _partners(
    groups: NDArray[np.int64], rng: np.random.Generator, scenes: Sequence[object] | None
) -> tuple[NDArray[np.int64], bool]:
    names = np.arange(len(groups)) if scenes is None else np.array([str(s) for s in scenes])
    partner = np.empty(len(groups), np.int64)
    try:
        for group in range(groups.max() + 1):
            members = np.flatnonzero(groups == group)
            inside = derangement(len(members), rng, scenes=names[members].tolist())
            partner[members] = members[inside]
    except ValueError:
        return derangement(len(groups), rng, scenes=scenes), False
    return partner, True


def _estimate(
    statistic: Statistic, groups: NDArray[np.int64], with_interval: bool = True
) -> Estimate:
    full = statistic(np.ones(len(groups), bool))
    replicates = leave_groups_out(statistic, groups) if with_interval else None
    if full is None or replicates is None:
        return Estimate(full, None)
    in_fisher_z = jackknife_interval(float(fisher(full)), fisher(replicates))
    return Estimate(full, in_fisher_z and tuple(np.tanh(in_fisher_z).tolist()))


def _difference(
    high: Statistic, low: Statistic, groups: NDArray[np.int64], with_interval: bool = True
) -> Estimate:
    def difference(rows: NDArray[np.bool_]) -> float | None:
        above, below = high(rows), low(rows)
        return None if above is None or below is None else above - below

    full = difference(np.ones(len(groups), bool))
    replicates = leave_groups_out(difference, groups) if with_interval else None
    if full is None or replicates is None:
        return Estimate(full, None)
    return Estimate(full, jackknife_interval(full, replicates))
