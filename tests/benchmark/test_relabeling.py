"""Permutation tests of groups of losses, beside counting by hand and SciPy's permutation test."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test, rankdata

from dmlbench.comparison.relabeling import common_factor, group_given_covariate, relabeling_test

FIVE_OF_NINE = np.arange(9) < 5


def symmetric(rng, n):
    """Agreements about 0.6."""
    values = rng.normal(size=(n, n))
    return 0.6 + 0.05 * (values + values.T)


def left_by_the_factor(agreement):
    loadings = common_factor(agreement)
    return agreement - np.outer(loadings, loadings)


def within_minus_between(agreement, first):
    within, between = [], []
    for i, j in itertools.combinations(range(len(first)), 2):
        (within if first[i] == first[j] else between).append(agreement[i, j])
    return np.mean(within) - np.mean(between)


def test_relabeling_is_the_share_of_all_deals_counted_by_hand():
    agreement = symmetric(np.random.default_rng(0), 9)
    agreement[:5, :5] += 0.04
    left = left_by_the_factor(agreement)
    deals = [np.isin(range(9), members) for members in itertools.combinations(range(9), 5)]
    differences = [within_minus_between(left, deal) for deal in deals]
    observed = within_minus_between(left, FIVE_OF_NINE)
    test = relabeling_test(agreement, FIVE_OF_NINE)
    assert test.effect == pytest.approx(observed)
    assert test.p == pytest.approx(np.mean(np.array(differences) >= observed - 1e-12))
    assert (test.deals, test.exact) == (126, True)


def test_relabeling_is_that_of_scipy():
    agreement = symmetric(np.random.default_rng(3), 7)
    left = left_by_the_factor(agreement)

    def statistic(a, b):
        return within_minus_between(left, np.isin(range(7), a))

    expected = permutation_test(
        (np.arange(3), np.arange(3, 7)), statistic, vectorized=False, alternative="greater"
    )
    assert relabeling_test(agreement, np.arange(7) < 3).p == pytest.approx(expected.pvalue)


def test_many_losses_are_dealt_by_seed_and_count_the_observed_deal():
    first = np.arange(20) < 9
    apart = np.where(first[:, None] == first, 0.8, 0.3)
    test = relabeling_test(apart, first)
    assert (test.p, test.deals, test.exact) == (pytest.approx(1 / 20_001), 20_000, False)
    assert test == relabeling_test(apart, first)
    noise = symmetric(np.random.default_rng(1), 20)
    assert relabeling_test(noise, first).p == pytest.approx(
        relabeling_test(noise, first, seed=5).p, abs=0.02
    )


def test_agreement_that_follows_from_retrieval_is_none_of_the_group():
    """Losses agree by how near their MAP@R is, which differs between the groups."""
    rng = np.random.default_rng(2)
    retrieval = 3 * FIVE_OF_NINE + rng.normal(size=9)
    agreement = 0.9 - 0.05 * np.abs(retrieval[:, None] - retrieval) + 0.01 * symmetric(rng, 9)
    assert relabeling_test(agreement, FIVE_OF_NINE).p < 0.05
    controlled = relabeling_test(agreement, FIVE_OF_NINE, retrieval)
    assert abs(controlled.effect) < 0.005
    assert controlled.p > 0.05


@pytest.mark.parametrize("spreads", [(0.72, 0.55), (0.55, 0.72)])
@pytest.mark.parametrize("sizes", [(6, 7), (5, 3)])
def test_groups_whose_losses_differ_more_from_all_others_do_not_agree_within(sizes, spreads):
    """Maps are what all see and what each sees alone, of which losses of one group have more."""
    rng = np.random.default_rng(0)
    first = np.arange(sum(sizes)) < sizes[0]
    own = np.where(first, *spreads)[:, None]
    told_apart = 0
    for _ in range(60):
        maps = np.full(30, 30**-0.5) + own * rng.normal(size=(len(first), 30)) / 30**0.5
        maps /= np.linalg.norm(maps, axis=1, keepdims=True)
        told_apart += relabeling_test(maps @ maps.T, first).p < 0.05
    assert told_apart <= 0.12 * 60


def test_a_factor_fits_what_is_beside_the_diagonal():
    rng = np.random.default_rng(5)
    agreement = symmetric(rng, 8)
    loadings = common_factor(agreement)

    def misfit(tried):
        left = agreement - np.outer(tried, tried)
        return np.sum(left[~np.eye(8, dtype=bool)] ** 2)

    nearby = [misfit(loadings + 0.01 * rng.normal(size=8)) for _ in range(50)]
    assert misfit(loadings) < min(nearby)


@pytest.mark.parametrize(
    ("within", "between"), [(0.3, 0.2), (0.14, -0.06), (0.03, -0.03), (0.0, -0.05), (-0.02, -0.2)]
)
def test_groups_that_agree_within_are_told_apart_wherever_0_lies(within, between):
    rng = np.random.default_rng(3)
    first = np.arange(16) < 8
    noise = 0.01 * rng.normal(size=(16, 16))
    agreement = np.where(first[:, None] == first, within, between) + noise + noise.T
    for _ in range(3):
        order = rng.permutation(16)
        test = relabeling_test(agreement[np.ix_(order, order)], first[order])
        assert test.p < 0.001
        assert test.effect == pytest.approx(within - between, rel=0.4)


@pytest.mark.parametrize("losses", [2, 3])
def test_a_factor_leaves_nothing_of_so_few_losses(losses):
    assert relabeling_test(np.full((losses, losses), 0.5), np.arange(losses) < 1) is None


def test_rank_regression_is_least_squares_and_all_permutations_by_hand():
    rng = np.random.default_rng(4)
    values, covariate, first = rng.normal(size=6), rng.normal(size=6), np.arange(6) < 3
    y, z = rankdata(values), rankdata(covariate)
    reduced = np.column_stack((np.ones(6), z))
    full = np.column_stack((reduced, first))

    def t_of_group(response):
        coefficients, (squares,), *_ = np.linalg.lstsq(full, response, rcond=None)
        variance = squares / 3 * np.linalg.inv(full.T @ full)[2, 2]
        return coefficients[2] / np.sqrt(variance)

    fit = reduced @ np.linalg.lstsq(reduced, y, rcond=None)[0]
    permuted = [
        abs(t_of_group(fit + (y - fit)[list(order)])) for order in itertools.permutations(range(6))
    ]
    t = t_of_group(y)
    test = group_given_covariate(values, first, covariate)
    assert test.effect == pytest.approx(t / np.sqrt(t**2 + 3))
    assert test.p == pytest.approx(np.mean(np.array(permuted) >= abs(t) - 1e-9))
    assert test.deals == 720


def test_a_property_that_retrieval_explains_is_none_of_the_group():
    rng = np.random.default_rng(0)
    first = np.arange(14) < 5
    retrieval = 4 * first + rng.normal(size=14)
    along = retrieval + 0.3 * rng.normal(size=14)
    assert group_given_covariate(along, first, retrieval).p > 0.05
    beside = 5 * first + 0.3 * rng.normal(size=14)
    assert group_given_covariate(beside, first, rng.normal(size=14)).p < 0.001


@pytest.mark.parametrize("values", [[1, 2, 3, 4], [7, 7, 7, 7]])
def test_what_retrieval_explains_entirely_has_no_test(values):
    assert group_given_covariate(values, [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]) is None


def test_three_losses_are_too_few_for_a_regression():
    assert group_given_covariate([1, 2, 3], [0, 1, 1], [0.1, 0.1, 0.1]) is None
