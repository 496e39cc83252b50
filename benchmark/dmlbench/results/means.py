"""Means over images, with jackknife intervals that keep scenes whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.maps.compare import fisher, pearson
from dmlbench.results.files import Mean, SaliencyRequest
from dmlbench.scores.jackknife import assign_groups, jackknife_interval, leave_groups_out

Scenes = Sequence[int] | None
Statistic = Callable[[NDArray[np.float64]], float]


def plain_mean(
    values: ArrayLike, scenes: Scenes, rng: np.random.Generator, absent: str | None = None
) -> Mean:
    """Return the mean of values [N]; NaN values are left out and counted.

    Args:
        scenes: scene of each image if several images show the same scene, else None.
        rng: draws the jackknife groups.
        absent: reason to give if no image has a value.

    >>> plain_mean([1.0, 2.0, 3.0, float("nan")], None, np.random.default_rng(0)).value
    2.0
    """
    array = np.asarray(values, np.float64)
    known = ~np.isnan(array)
    groups = assign_groups(len(array), rng, units=scenes)
    images, left_out = int(known.sum()), int((~known).sum())
    if not images:
        why = absent or "no image has a value"
        return Mean(value=None, ci95=None, images=0, left_out=left_out, reason=why)

    def mean(rows: NDArray[np.bool_]) -> float | None:
        return float(array[known & rows].mean()) if (known & rows).any() else None

    full, replicates = float(array[known].mean()), leave_groups_out(mean, groups)
    ci95 = None if replicates is None else jackknife_interval(full, replicates)
    return Mean(value=full, ci95=ci95, images=images, left_out=left_out)


def fisher_mean(
    correlations: ArrayLike, scenes: Scenes, rng: np.random.Generator, absent: str | None = None
) -> Mean:
    """Return the mean of correlations [N] in Fisher-z, transformed back with its interval.

    The arguments are those of `plain_mean`.

    >>> round(fisher_mean([0.5, 0.5], None, np.random.default_rng(0)).value, 6)
    0.5
    """
    in_fisher_z = plain_mean(fisher(correlations), scenes, rng, absent)
    if in_fisher_z.value is None:
        return in_fisher_z
    ci95 = None if in_fisher_z.ci95 is None else tuple(np.tanh(in_fisher_z.ci95).tolist())
    return in_fisher_z.model_copy(update={"value": float(np.tanh(in_fisher_z.value)), "ci95": ci95})


def self_agreement(
    maps: ArrayLike,
    prime: ArrayLike,
    request: SaliencyRequest,
    scenes: Scenes,
    rng: np.random.Generator,
) -> Mean:
    """Return the mean Pearson r of maps [N, H, W] with those under other noise.

    The mean has no value if the method draws no noise.
    """
    if not request.draws_noise:
        none = np.full(len(np.asarray(maps)), np.nan)
        return plain_mean(none, scenes, rng, absent=f"{request.method} draws no noise")
    correlation = pearson(np.asarray(maps, np.float64), np.asarray(prime, np.float64))
    return fisher_mean(correlation, scenes, rng)
