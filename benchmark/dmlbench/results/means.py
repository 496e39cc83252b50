"""Means over images, with jackknife intervals that keep scenes whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.maps.bounds import spearman_brown
from dmlbench.maps.compare import fisher
from dmlbench.results.files import Mean, SaliencyRequest
from dmlbench.scores.jackknife import assign_groups, jackknife_interval, leave_groups_out

Scenes = Sequence[int] | None
Statistic = Callable[[NDArray[np.float64]], float]


def plain_mean(
    values: ArrayLike,
    scenes: Scenes,
    rng: np.random.Generator,
    absent: str | None = None,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Mean:
    """Return the mean of values [N]; NaN values are left out and counted.

    Args:
        scenes: scene of each image if several images show the same scene, else None.
        rng: draws the jackknife groups.
        absent: reason to give if no image has a value.
        limits: lowest and highest value that there can be; the interval ends there.

    >>> plain_mean([1.0, 2.0, 3.0, float("nan")], None, np.random.default_rng(0)).value
    2.0
    """
    array = np.asarray(values, np.float64)
    known = ~np.isnan(array)
    images, left_out = int(known.sum()), int((~known).sum())
    if not images:
        why = absent or "no image has a value"
        return Mean(value=None, ci95=None, images=0, left_out=left_out, reason=why)

    values_known = array[known]
    units = None if scenes is None else [scenes[row] for row in np.flatnonzero(known).tolist()]
    groups = assign_groups(images, rng, units=units)

    def mean(rows: NDArray[np.bool_]) -> float | None:
        return float(values_known[rows].mean()) if rows.any() else None

    full, replicates = float(values_known.mean()), leave_groups_out(mean, groups)
    ci95 = None if replicates is None else jackknife_interval(full, replicates)
    if ci95 is not None:
        ci95 = max(ci95[0], limits[0]), min(ci95[1], limits[1])
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


def mean_reliability(
    half_correlation: ArrayLike,
    request: SaliencyRequest,
    scenes: Scenes,
    rng: np.random.Generator,
) -> Mean:
    """Return the reliability of maps from their half correlations [N]; see `maps.reliability`.

    It has no value if the method draws no noise, or if the halves do not agree at all.
    """
    what = "does not tell the halves of its noise" if request.draws_noise else "draws no noise"
    absent = f"{request.method} {what}"
    halves = fisher_mean(half_correlation, scenes, rng, absent)
    if halves.value is None:
        return halves
    whole = spearman_brown(halves.value)
    ci95 = halves.ci95 and (spearman_brown(halves.ci95[0]), spearman_brown(halves.ci95[1]))
    return halves.model_copy(update={"value": whole, "ci95": ci95})
