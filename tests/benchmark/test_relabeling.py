"""Permutation tests of groups of losses, beside counting by hand and SciPy's permutation test."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import permutation_test, rankdata

from dmlbench.comparison.relabeling import group_given_covariate, relabeling_test

FIVE_OF_NINE = np.arange(9) < 5


def symmetric(rng, n):
    values = rng.normal(size=(n, n))
    return values + values.T


def within_minus_between(agreement, first):
    within, between = [], []
    for i, j in itertools.combinations(range(len(first)), 2):
        (within if first[i] == first[j] else between).append(agreement[i, j])
    return np.mean(within) - np.mean(between)


def test_relabeling_is_the_share_of_all_deals_counted_by_hand():
    agreement = symmetric(np.random.default_rng(0), 9)
    agreement[:5, :5] += 0.8
    deals = [np.isin(range(9), members) for members in itertools.combinations(range(9), 5)]
    differences = [within_minus_between(agreement, deal) for deal in deals]
    observed = within_minus_between(agreement, FIVE_OF_NINE)
    test = relabeling_test(agreement, FIVE_OF_NINE)
    assert test.effect == pytest.approx(observed)
    assert test.p == pytest.approx(np.mean(np.array(differences) >= observed - 1e-12))
    assert (test.deals, test.exact) == (126, True)


def test_relabeling_is_that_of_scipy():
    agreement = symmetric(np.random.default_rng(3), 7)

    def statistic(a, b):
        return within_minus_between(agreement, np.isin(range(7), a))

    expected = permutation_test(
        (np.arange(3), np.arange(3, 7)), statistic, vectorized=False, alternative="greater"
    )
    assert relabeling_test(agreement, np.arange(7) < 3).p == pytest.approx(expected.pvalue)


def test_many_losses_are_dealt_by_seed_and_count_the_observed_deal():
    first = np.arange(20) < 9
    apart = np.where(first[:, None] == first, 1.0, 0.0)
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
    agreement = -np.abs(retrieval[:, None] - retrieval) + 0.01 * symmetric(rng, 9)
    assert relabeling_test(agreement, FIVE_OF_NINE).p < 0.05
    controlled = relabeling_test(agreement, FIVE_OF_NINE, retrieval)
    assert abs(controlled.effect) < 0.05
    assert controlled.p > 0.05


def test_two_losses_have_no_pair_within_a_group():
    assert relabeling_test(np.eye(2), [True, False]) is None


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
