"""Tests of two groups of losses over all properties at once, by deals of the losses into groups.

Properties go together over losses: one that keeps the sun keeps most of the rest. A correction for
their number that does not know it sees less than it could; deals of whole losses keep what
properties have in common. Source: protocol, section 5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from dmlbench.comparison.relabeling import ROUNDING, deals_of
from dmldata.common.arrays import Floats

FEWEST_UNITS = 3
"""Minimum size of a group whose spread is tested: two values are as far from their median."""


class SpreadTest(NamedTuple):
    """How far losses lie from the median of their group, in both groups.

    Attributes:
        ratio: mean distance in the first group over that in the second, in the geometric mean over
            the properties; None if a group has no spread in some property.
        wider: number of properties in which the first group's is larger.
        properties: number of properties that have a spread.
        p: two-sided.
        deals: number of deals.
    """

    ratio: float | None
    wider: int
    properties: int
    p: float
    deals: int


def max_t(values: ArrayLike, first: ArrayLike, seed: int = 0) -> Floats:
    """Return the two-sided p of each property, adjusted for all of them (step-down max-T).

    The rank sum of the first group, in its standard deviations over deals, is judged by the largest
    among the properties that may still be equal. Source: Westfall and Young, "Resampling-Based
    Multiple Testing" (1993), algorithm 4.1.

    Args:
        values: [K, n] scores of each loss by property.
        first: [n] whether a loss is of the first group; both groups have losses.

    Returns:
        [K] p-values; 1 for a property in which all losses are the same.

    >>> together = [[1, 2, 3, 7, 8, 9], [1, 2, 3, 7, 8, 9], [4, 1, 6, 2, 5, 3]]
    >>> max_t(together, [True] * 3 + [False] * 3).round(3).tolist()
    [0.2, 0.2, 1.0]
    """
    from scipy.stats import rankdata

    labels = np.asarray(first, np.bool_)
    ranks = np.asarray(rankdata(np.asarray(values, np.float64), axis=1))
    deals, _ = deals_of(labels, np.random.default_rng(seed))
    ranks -= ranks.mean(axis=1, keepdims=True)
    t = np.abs(deals @ ranks.T)
    length = np.linalg.norm(ranks, axis=1)
    t = np.divide(t, length, out=np.zeros_like(t), where=length > 0)
    order = np.argsort(-t[0], kind="stable")
    remaining = np.maximum.accumulate(t[:, order][:, ::-1], axis=1)[:, ::-1]
    p = np.empty(len(order))
    p[order] = np.maximum.accumulate((remaining >= t[0, order] - ROUNDING).mean(axis=0))
    return p


def spread_test(values: ArrayLike, first: ArrayLike, seed: int = 0) -> SpreadTest | None:
    """Test whether losses of one group differ more from each other than those of the other.

    Distances from the median of the own group, in units of their mean by property, are dealt to the
    groups (Brown and Forsythe, JASA 69, 1974, 364-367, by permutation), whole losses at once.

    Args:
        values, first: as for `max_t`.

    Returns:
        None for a group of fewer than three losses, and where no property has a spread.

    >>> values = [[1, 2, 3, 4, 10, 20, 30, 40]]
    >>> test = spread_test(values, [True] * 4 + [False] * 4)
    >>> round(test.ratio, 3), test.wider, round(test.p, 3), test.deals
    (0.1, 0, 0.029, 70)
    """
    labels = np.asarray(first, np.bool_)
    scores = np.asarray(values, np.float64)
    if min(labels.sum(), (~labels).sum()) < FEWEST_UNITS:
        return None
    distances = np.empty_like(scores)
    for group in (labels, ~labels):
        distances[:, group] = np.abs(
            scores[:, group] - np.median(scores[:, group], axis=1, keepdims=True)
        )
    distances = distances[distances.any(axis=1)]
    if not len(distances):
        return None
    scaled = (distances / distances.mean(axis=1, keepdims=True)).mean(axis=0)
    deals, exact = deals_of(labels, np.random.default_rng(seed))
    effects = np.abs(deals @ scaled / labels.sum() - ~deals @ scaled / (~labels).sum())
    means = [distances[:, group].mean(axis=1) for group in (labels, ~labels)]
    known = np.all(means)
    return SpreadTest(
        ratio=float(np.exp(np.mean(np.log(means[0]) - np.log(means[1])))) if known else None,
        wider=int((means[0] > means[1]).sum()),
        properties=len(distances),
        p=float((effects >= effects[0] - ROUNDING).mean()),
        deals=len(effects) if exact else len(effects) - 1,
    )
