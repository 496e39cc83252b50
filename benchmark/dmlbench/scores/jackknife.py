"""Delete-a-group jackknife: confidence intervals of statistics that have no simple formula.

Images share neighbors (scores) or noise draws and partners (maps), so they cannot be resampled one
by one. They are split into groups, the statistic is computed again without each group in turn, and
its spread gives the interval. Source: protocol, section 3; Kott (2001), "The delete-a-group
jackknife".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

GROUPS = 20
NEIGHBOR_WEIGHT = 0.6
"""Weight of dropped neighbors beside dropped queries in the replicates of a proportion: with it,
intervals of P@1 cover on all kinds of data of docs/validity.md."""
COVERAGE = 0.95
Interval = tuple[float, float]
"""Lower and upper end."""


def assign_groups(
    n: int,
    rng: np.random.Generator,
    *,
    groups: int = GROUPS,
    units: Sequence[object] | None = None,
) -> NDArray[np.int64]:
    """Assign images to random groups of nearly equal size.

    Args:
        n: number of images.
        groups: how many groups; fewer where there are fewer units.
        units: for each image the unit that must stay whole, such as its scene; an image by default.

    Returns:
        [n] group of each image, 0 to groups - 1.

    >>> sorted(assign_groups(5, np.random.default_rng(0), groups=2).tolist())
    [0, 0, 0, 1, 1]
    """
    unit_of_image = np.arange(n) if units is None else _numbered(units)
    count = int(unit_of_image.max(initial=-1)) + 1
    group_of_unit = rng.permutation(count) % min(groups, max(count, 1))
    return group_of_unit[unit_of_image]


def leave_groups_out(
    statistic: Callable[[NDArray[np.bool_]], float | None], groups: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Return the replicates [G] of a statistic: its values without each group in turn.

    Args:
        statistic: the statistic of the images of a mask [N]; None where it has no value.
        groups: [N] group of each image, 0 to G - 1.

    Returns:
        None for fewer than two groups, or where a replicate has no value.

    >>> values = np.array([1.0, 2.0, 3.0])
    >>> leave_groups_out(lambda rows: values[rows].mean(), np.array([0, 1, 1])).tolist()
    [2.5, 1.0]
    """
    replicates = [statistic(groups != group) for group in range(groups.max() + 1)]
    known = [value for value in replicates if value is not None]
    return np.array(known) if len(known) == len(replicates) >= 2 else None


def jackknife_interval(
    full: float, leave_out: ArrayLike, *, level: float = COVERAGE
) -> Interval | None:
    """Return the interval of a statistic around its value on all images.

    Args:
        full: the statistic on all images.
        leave_out: [G] the statistic without each group in turn, G >= 2; rescaled where it grows
            with the number of images.
        level: probability that the interval covers, with t of G - 1 degrees of freedom.

    Returns:
        full +- t(G - 1) sqrt((G - 1) / G sum (replicate - mean)^2) as (low, high), in the unit of
        the statistic; None where a value is not finite.

    Raises:
        ValueError: fewer than two groups.

    >>> low, high = jackknife_interval(2.0, [1.5, 2.0, 2.5])  # leaving one of 1, 2, 3 out
    >>> round(low, 3), round(high, 3)  # the mean of 1, 2, 3 and its t interval
    (-0.484, 4.484)
    """
    from scipy.special import stdtrit

    values = np.asarray(leave_out, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"a jackknife needs at least 2 groups, got shape {values.shape}")
    if not (np.isfinite(values).all() and np.isfinite(full)):
        return None
    g = len(values)
    standard_error = np.sqrt((g - 1) / g * np.square(values - values.mean()).sum())
    half = float(stdtrit(g - 1, (1 + level) / 2) * standard_error)
    return full - half, full + half


def proportion_replicates(
    of_both: NDArray[np.float64], of_queries: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the jackknife replicates [G] of the share of queries whose nearest neighbor fits.

    A hit is a matter of two images, the query and its neighbor. A jackknife that drops groups from
    both counts its variance twice, and that of the next neighbor, which takes the place of a
    dropped one, on top; one that drops queries alone knows nothing of shared neighbors.

    Args:
        of_both: [G] the share without each group among queries and neighbors.
        of_queries: [G] the share without each group among the queries alone.
    """
    return NEIGHBOR_WEIGHT * of_both + (1 - NEIGHBOR_WEIGHT) * of_queries


class Sample(NamedTuple):
    """What a proportion is a share of: so many queries, in so many units (images or scenes)."""

    queries: int
    units: int


def proportion_interval(
    value: float, replicates: NDArray[np.float64], sample: Sample
) -> Interval | None:
    """Return the interval of a proportion: inside [0, 1], and with a width at 0 and 1.

    Wilson's interval with the effective number of queries that the jackknife tells, v(1 - v) over
    its variance, at most their number, and with t in place of z. At 0 and 1, where the variance is
    0, every unit counts as one. Source: Wilson (1927); for clustered data Korn and Graubard (1998).

    Returns:
        None where a replicate has no value.

    >>> low, high = proportion_interval(1.0, np.ones(20), Sample(100, 100))
    >>> round(low, 3), high
    (0.958, 1.0)
    """
    from scipy.special import stdtrit

    around = jackknife_interval(value, replicates)
    if around is None:
        return None
    t = float(stdtrit(len(replicates) - 1, (1 + COVERAGE) / 2))
    variance, binomial = ((around[1] - value) / t) ** 2, value * (1 - value)
    effective = float(sample.units)
    if binomial > 0:
        effective = min(binomial / variance, sample.queries) if variance > 0 else sample.queries
    scale = 1 + t**2 / effective
    center = (value + t**2 / (2 * effective)) / scale
    half = t * math.sqrt(binomial / effective + (t / (2 * effective)) ** 2) / scale
    return max(min(center - half, value), 0.0), min(max(center + half, value), 1.0)


def rescale(
    replicates: NDArray[np.float64], scale: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Rescale jackknife replicates [G] of a score that grows with the number of images.

    Args:
        scale: [1 + G], what the score grows with, for all images and without each group.

    >>> rescale(np.array([0.9, 1.8]), np.array([2.0, 1.0, 2.0])).tolist()
    [1.8, 1.8]
    """
    scales = np.broadcast_to(np.asarray(scale, dtype=np.float64), len(replicates) + 1)
    return np.asarray(replicates / scales[1:] * scales[0], dtype=np.float64)


def _numbered(units: Sequence[object]) -> NDArray[np.int64]:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(unit, len(numbers)) for unit in units], dtype=np.int64)
