"""Permutation tests of two groups of losses, given how well the losses retrieve.

Source: protocol, section 5. Pairs of losses share losses, so that agreements of pairs are judged by
dealing the losses into groups anew (as in ANOSIM: Clarke, Australian Journal of Ecology 18, 1993,
117-143). A property is regressed on group and MAP@R and the residuals of the regression on MAP@R
alone are permuted (Freedman and Lane, Journal of Business & Economic Statistics 1, 1983, 292-298;
compared with other ways in Winkler et al., NeuroImage 92, 2014, 381-397).
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dmldata.common.arrays import Floats

MAX_DEALS = 20_000
"""Number up to which all deals or permutations are tried; of more, as many seeded ones are."""
ROUNDING = 1e-9
"""How much smaller an effect may be that counts as reaching another."""
_ROUNDS = 1000
"""Number of rounds after which a factor that has not settled is taken as it is."""


class PermutationTest(NamedTuple):
    """An effect and the share of deals or permutations with an effect as large.

    Attributes:
        deals: number of deals or permutations.
        exact: whether these are all that there are.
    """

    effect: float
    p: float
    deals: int
    exact: bool


def relabeling_test(
    agreement: ArrayLike, first: ArrayLike, covariate: ArrayLike | None = None, seed: int = 0
) -> PermutationTest | None:
    """Test whether losses of one group agree more than losses of different groups, one-sided.

    Tested is what is left of the agreement of two losses once both are known to agree more or less
    with all others; see `common_factor`. Without that, groups in which losses differ more from all
    others, whatever their group, would be taken for groups that agree within.

    Args:
        agreement: [n, n] symmetric, agreement of each pair of losses, such as a correlation; the
            diagonal does not count.
        first: [n] whether a loss is of the first group; both groups have losses.
        covariate: [n] MAP@R of each loss, whose difference between the two losses of a pair is
            regressed out of the agreement; None for none.

    Returns:
        The mean of it within the groups minus the mean between them, and p over all deals of the
        losses into groups of these sizes; None for fewer than four losses, where the factor leaves
        nothing.

    >>> agreement = [[1, 0.9, 0.2, 0.3], [0.9, 1, 0.1, 0.2], [0.2, 0.1, 1, 0.8], [0.3, 0.2, 0.8, 1]]
    >>> test = relabeling_test(agreement, [True, True, False, False])
    >>> round(test.effect, 2), round(test.p, 3), test.deals
    (0.53, 0.333, 6)
    """
    labels = np.asarray(first, np.bool_)
    if len(labels) < 4:
        return None
    a, b = np.triu_indices(len(labels), k=1)
    agreements = np.asarray(agreement, np.float64)
    loadings = common_factor(agreements)
    values = agreements[a, b] - loadings[a] * loadings[b]
    if covariate is not None:
        retrieval = np.asarray(covariate, np.float64)
        pairs = np.arange(len(values))
        of_factor = np.zeros((len(values), len(labels)))
        of_factor[pairs, a], of_factor[pairs, b] = loadings[b], loadings[a]
        values = residuals_on(of_factor, np.abs(retrieval[a] - retrieval[b])) @ values
    deals, exact = deals_of(labels, np.random.default_rng(seed))
    within = deals[:, a] == deals[:, b]
    count = within.sum(axis=1)
    sums = within @ values
    effects = sums / count - (values.sum() - sums) / (len(values) - count)
    return _upper_tail(effects, exact)


def common_factor(agreement: Floats) -> Floats:
    """Return the loadings [n] of the one factor that explains agreements [n, n] best.

    Two losses with loadings x and y then agree by x y. It is the least-squares fit to all that is
    not on the diagonal (minres: Harman and Jones, Psychometrika 31, 1966, 351-368), with no loading
    below 0: a factor that sets losses against each other is what is tested, not what all share.

    >>> loadings = np.array([0.9, 0.8, 0.7, 0.6])
    >>> common_factor(np.outer(loadings, loadings)).round(6).tolist()
    [0.9, 0.8, 0.7, 0.6]
    """
    others = ~np.eye(len(agreement), dtype=np.bool_)
    loadings = np.full(len(agreement), math.sqrt(max(agreement[others].mean(), ROUNDING)))
    for _ in range(_ROUNDS):
        before = loadings.copy()
        for place, of_others in enumerate(others):
            known = loadings[of_others]
            of_it = agreement[place, of_others] @ known / max(known @ known, ROUNDING)
            loadings[place] = max(of_it, 0.0)
        if np.abs(loadings - before).max() < ROUNDING:
            break
    return loadings


def group_given_covariate(
    values: ArrayLike, first: ArrayLike, covariate: ArrayLike, seed: int = 0
) -> PermutationTest | None:
    """Test whether a group has higher ranks than its ranks of a covariate explain, two-sided.

    Args:
        values: [n] a property's score of each loss.
        first: [n] whether a loss is of the first group.
        covariate: [n] MAP@R of each loss.

    Returns:
        The partial correlation of the ranks of `values` with the first group given the ranks of
        `covariate`, and its p; None where the covariate explains the group or the ranks entirely,
        and for fewer than four losses, which leave no residual.

    >>> test = group_given_covariate([1, 2, 3, 6, 5, 4], [0, 0, 0, 1, 1, 1], [1, 5, 3, 2, 6, 4])
    >>> round(test.effect, 3), test.deals
    (0.869, 720)
    """
    from scipy.stats import rankdata

    ranked = np.asarray(rankdata(covariate))
    residual = residuals_on(np.ones(len(ranked)), ranked)
    ranks = residual @ rankdata(values)
    group = residual @ np.asarray(first, np.float64)
    if len(ranks) < 4 or min(np.linalg.norm(group), np.linalg.norm(ranks)) < ROUNDING * len(ranks):
        return None
    orders, exact = _orders(len(ranks), np.random.default_rng(seed))
    permuted = ranks[orders] @ residual
    lengths = np.linalg.norm(permuted, axis=1)
    correlations = permuted @ group / np.linalg.norm(group) / np.maximum(lengths, ROUNDING)
    return _upper_tail(np.abs(correlations), exact)._replace(effect=float(correlations[0]))


def rank_correlation(a: ArrayLike, b: ArrayLike, seed: int = 0) -> PermutationTest:
    """Return Spearman's rho of two scores of losses, with its two-sided p over permutations.

    Args:
        a, b: [n] scores, not all equal.

    >>> test = rank_correlation([1, 2, 3, 4, 5], [10, 20, 30, 50, 40])
    >>> round(test.effect, 3), round(test.p, 3), test.deals
    (0.9, 0.083, 120)
    """
    from scipy.stats import rankdata

    ranks = [np.asarray(rankdata(values)) for values in (a, b)]
    x, y = ((values - values.mean()) / np.linalg.norm(values - values.mean()) for values in ranks)
    orders, exact = _orders(len(x), np.random.default_rng(seed))
    correlations = x[orders] @ y
    return _upper_tail(np.abs(correlations), exact)._replace(effect=float(correlations[0]))


def residuals_on(*covariates: Floats) -> Floats:
    """Return the [n, n] matrix that gives residuals of a regression on [n] or [n, k] values.

    >>> (residuals_on(np.ones(3), np.array([1.0, 2.0, 3.0])) @ [2.0, 5.0, 5.0]).round(6).tolist()
    [-0.5, 1.0, -0.5]
    """
    design = np.column_stack(covariates)
    return np.asarray(np.eye(len(design)) - design @ np.linalg.pinv(design))


def deals_of(first: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[np.bool_], bool]:
    """Return deals [D, n] into two groups, the observed one first, and whether they are all."""
    n, size = len(first), int(first.sum())
    if math.comb(n, size) > MAX_DEALS:
        seeded = rng.permuted(np.tile(first, (MAX_DEALS, 1)), axis=1)
        return np.concatenate((first[None], seeded)), False
    members = np.array(list(itertools.combinations(range(n), size)))
    deals = np.zeros((len(members), n), np.bool_)
    np.put_along_axis(deals, members, True, axis=1)
    observed = (deals == first).all(axis=1)
    return np.concatenate((deals[observed], deals[~observed])), True


def _orders(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], bool]:
    """Return permutations [K, n], the identity first, and whether they are all."""
    if math.factorial(n) > MAX_DEALS:
        seeded = rng.permuted(np.tile(np.arange(n), (MAX_DEALS, 1)), axis=1)
        return np.concatenate((np.arange(n)[None], seeded)), False
    return np.array(list(itertools.permutations(range(n)))), True


def _upper_tail(effects: Floats, exact: bool) -> PermutationTest:
    """Return the share of effects [K] that reach the first one, which is the observed one."""
    at_least = effects >= effects[0] - ROUNDING
    deals = len(effects) if exact else len(effects) - 1
    return PermutationTest(float(effects[0]), float(at_least.mean()), deals, exact)
