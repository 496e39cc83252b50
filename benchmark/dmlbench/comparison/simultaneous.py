"""Compare all pairs of models at once, so that equal models are told apart in 5 % of datasets.

The leader of many equal models is the luckiest, and intervals that each cover 95 % exclude some
model from it in most datasets. The step-down max-t procedure of Westfall and Young (1993) and
Romano and Wolf (Econometrica 73, 2005, 1237-1282) judges each pair by the largest t among the pairs
that may still be equal. What t would be for equal models comes from flipping the signs of the
jackknife groups, the same for all models, which keeps how scores of models go together and is exact
for differences that are symmetric. Sets of the best and ranges of ranks follow from the pairs
(Al Mohamad, Goeman and van Zwet, Biometrics 78, 2022, 1475-1486).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmlbench.comparison.rank_tests import LEVEL
from dmlbench.scores._kernels.products import compiled_loops
from dmldata.common.arrays import Floats, Ints

FLIPS = 1_999
"""Number of random flips; with the observed signs 2,000, of which 5 % is a whole number."""
_FLIPS_AT_ONCE = 100


def may_be_highest(values: ArrayLike, replicates: ArrayLike) -> NDArray[np.bool_]:
    """Return which scores [M] no other exceeds: the highest is among them with 95 % confidence.

    Args:
        values, replicates: see `simultaneous_p`.
    """
    scores = np.asarray(values, np.float64)
    p = simultaneous_p(scores, replicates)
    exceeded: NDArray[np.bool_] = ((p < LEVEL) & (scores > scores[:, None])).any(axis=1)
    return ~exceeded


def simultaneous_p(values: ArrayLike, replicates: ArrayLike, seed: int = 0) -> Floats:
    """Return the p-values of all differences between models, adjusted for the number of pairs.

    Args:
        values: [M] score of each model.
        replicates: [M, G] scores without each jackknife group, the same groups for all models.
        seed: seed of the flips of signs.

    Returns:
        [M, M] symmetric; 1 on the diagonal. The probability that any pair of equal models has a p
        below a level is at most that level.

    >>> spread = 0.1 * np.array([[1, -1] * 10, [1, 1, -1, -1] * 5, [1] * 10 + [-1] * 10])
    >>> simultaneous_p([1.0, 1.1, 9.0], np.array([[1.0], [1.1], [9.0]]) + spread).round(3)
    array([[1.   , 0.754, 0.   ],
           [0.754, 1.   , 0.   ],
           [0.   , 0.   , 1.   ]])
    """
    scores, left_out = np.asarray(values, np.float64), np.asarray(replicates, np.float64)
    models, groups = left_out.shape
    deviations = left_out - left_out.mean(axis=1, keepdims=True)
    pseudo_values = scores[:, None] - (groups - 1) * deviations
    a, b = np.triu_indices(models, k=1)
    size = np.sqrt(np.square(pseudo_values[a] - pseudo_values[b]).sum(axis=1))
    # The sum of squares is the same for all flips, so that |mean| / size orders them as |t| does.
    size[size == 0] = np.inf
    observed = np.abs(scores[a] - scores[b]) / size
    order = np.argsort(observed, kind="stable")
    a, b, size, bound = a[order], b[order], size[order], observed[order] * (1 - 1e-12)
    rng = np.random.default_rng(seed)
    loops = compiled_loops()
    count_exceeding = _count_exceeding if loops is None else loops.count_exceeding
    exceeding = np.ones(len(a))
    for start in range(0, FLIPS, _FLIPS_AT_ONCE):
        signs = rng.choice((-1.0, 1.0), (min(_FLIPS_AT_ONCE, FLIPS - start), groups))
        exceeding += count_exceeding(signs @ pseudo_values.T / groups, a, b, size, bound)
    stepped = np.maximum.accumulate(exceeding[::-1])[::-1] / (FLIPS + 1)
    p = np.ones((models, models))
    p[a, b] = p[b, a] = stepped
    return p


def _count_exceeding(means: Floats, a: Ints, b: Ints, size: Floats, bound: Floats) -> Ints:
    """Return in how many flips the largest t of a pair and those before it reaches its bound.

    Args:
        means: [F, M] of the models.
        a, b, size, bound: [P] models of each pair, its size, and the bound of its t.
    """
    flipped = np.abs(means[:, a] - means[:, b]) / size
    return np.asarray((np.maximum.accumulate(flipped, axis=1) >= bound).sum(axis=0))
