"""Delete-a-group jackknife: confidence intervals of statistics that have no simple formula.

Images share neighbors (scores) or noise draws and partners (maps), so they cannot be resampled one
by one. They are split into groups, the statistic is computed again without each group in turn, and
its spread gives the interval. Source: protocol, section 3; Kott (2001), "The delete-a-group
jackknife".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

GROUPS = 20
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
