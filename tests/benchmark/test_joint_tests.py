"""Tests of two groups over all properties at once, beside counting all deals by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from dmlbench.comparison.joint_tests import max_t, spread_test
from dmlbench.comparison.rank_tests import exact_test, holm

FIRST = np.arange(7) < 3
"""The first three of seven losses, which are the first deal."""
DEALS = [np.isin(range(7), members) for members in itertools.combinations(range(7), 3)]


def drawn(seed, properties=3):
    return np.random.default_rng(seed).normal(size=(properties, 7))


def exact(values):
    return [exact_test(list(row[FIRST]), list(row[~FIRST])).p for row in values]


def test_max_t_judges_each_property_by_the_largest_of_those_not_judged_before():
    values = drawn(0)
    values[0, FIRST] += 2
    rank_sums = [
        [abs(rankdata(row)[deal].sum() - 12) / np.std(rankdata(row)) for row in values]
        for deal in DEALS
    ]
    observed = rank_sums[0]
    order = np.argsort(observed)[::-1]
    expected, largest = np.empty(3), 0.0
    for place, name in enumerate(order):
        reached = [
            max(sums[k] for k in order[place:]) >= observed[name] - 1e-9 for sums in rank_sums
        ]
        largest = max(largest, np.mean(reached))
        expected[name] = largest
    assert max_t(values, FIRST) == pytest.approx(expected)


@given(st.integers(0, 10_000))
def test_max_t_lies_between_no_correction_and_holm(seed):
    """All properties have the same group sizes and no ties, so the same distribution of T."""
    values = drawn(seed)
    p = max_t(values, FIRST)
    assert (p >= np.array(exact(values)) - 1e-9).all()
    assert (p <= np.array(holm(exact(values))) + 1e-9).all()


def test_copies_of_one_property_cost_nothing_by_max_t():
    values = np.repeat(drawn(1, properties=1), 5, axis=0)
    assert max_t(values, FIRST) == pytest.approx(exact(values))


def test_a_property_that_all_losses_share_does_not_differ_and_hides_no_other():
    values = np.vstack([drawn(2, properties=1), np.ones(7)])
    assert max_t(values, FIRST) == pytest.approx([*exact(values[:1]), 1.0])


def test_spread_is_the_share_of_all_deals_counted_by_hand():
    values = drawn(3)
    values[:, FIRST] *= 5
    away = np.empty_like(values)
    for group in (FIRST, ~FIRST):
        away[:, group] = np.abs(values[:, group].T - np.median(values[:, group], axis=1)).T
    scaled = (away / away.mean(axis=1, keepdims=True)).mean(axis=0)
    differences = [abs(scaled[deal].mean() - scaled[~deal].mean()) for deal in DEALS]
    observed = abs(scaled[FIRST].mean() - scaled[~FIRST].mean())
    test = spread_test(values, FIRST)
    assert test.p == pytest.approx(np.mean(np.array(differences) >= observed - 1e-9))
    ratios = away[:, FIRST].mean(axis=1) / away[:, ~FIRST].mean(axis=1)
    assert test.ratio == pytest.approx(np.exp(np.log(ratios).mean()))
    assert (test.wider, test.properties, test.deals) == ((ratios > 1).sum(), 3, 35)


def test_where_groups_lie_does_not_decide_how_they_spread():
    values = drawn(4)
    moved = values.copy()
    moved[:, FIRST] += 100
    assert spread_test(moved, FIRST)[1:] == spread_test(values, FIRST)[1:]


def test_no_spread_is_tested_of_groups_that_have_none():
    assert spread_test(np.ones((2, 7)), FIRST) is None
    assert spread_test(drawn(5), np.arange(7) < 2) is None
    none_in_first = np.array([[1, 1, 1, 1, 2, 3, 4]])
    assert spread_test(none_in_first, FIRST).ratio is None
