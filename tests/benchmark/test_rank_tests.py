"""Tests of two small groups: exact, corrected, and honest about what they can show."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm

from dmlbench.comparison.rank_tests import asymptotic_test, cliffs_delta, exact_test, holm, reach

SMALL = st.lists(st.integers(0, 4), min_size=1, max_size=4)


def dealt(a, b):
    """The exact p by going through all ways to deal the values to the groups."""
    values = np.array([*a, *b], float)

    def u(chosen):
        rest = np.delete(values, chosen)
        mine = values[list(chosen)][:, None]
        return (mine > rest).sum() + 0.5 * (mine == rest).sum()

    every = np.array([u(chosen) for chosen in itertools.combinations(range(len(values)), len(a))])
    observed = u(range(len(a)))
    return observed, min(1.0, 2 * min((every <= observed).mean(), (every >= observed).mean()))


@given(st.permutations(range(14)), st.integers(1, 13))
def test_p_is_scipys_exact_one_where_no_values_are_equal(values, size):
    a, b = values[:size], values[size:]
    expected = mannwhitneyu(a, b, method="exact")
    assert exact_test(a, b) == pytest.approx((expected.statistic, expected.pvalue))


@given(SMALL, SMALL)
def test_p_counts_all_ways_to_deal_equal_values_too(a, b):
    assert exact_test(a, b) == pytest.approx(dealt(a, b))


@given(SMALL, SMALL)
def test_groups_can_be_exchanged(a, b):
    there, back = exact_test(a, b), exact_test(b, a)
    assert there.p == pytest.approx(back.p)
    assert there.u + back.u == len(a) * len(b)


def test_p_of_groups_that_do_not_overlap_is_two_of_all_ways():
    assert exact_test([1, 2, 3, 4, 5], range(6, 15)).p == pytest.approx(2 / 2002)


def test_asymptotic_p_is_that_of_a_normal_with_continuity_correction():
    u, p = asymptotic_test([1, 2, 3], [4, 5, 6, 7])
    assert u == 0
    assert p == pytest.approx(2 * norm.sf((6 - 0.5) / np.sqrt(3 * 4 * 8 / 12)))


def test_equal_values_show_nothing():
    assert asymptotic_test([2.0, 2.0], [2.0]) == (1.0, 1.0)
    assert exact_test([2.0, 2.0], [2.0]) == (1.0, 1.0)


def test_holm_multiplies_by_the_number_of_hypotheses_that_are_left():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p_values):
    adjusted = np.array(holm(p_values))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    assert (adjusted >= p_values).all()
    assert (adjusted <= np.minimum(1, np.array(p_values) * len(p_values)) + 1e-12).all()


def test_five_against_nine_over_eleven_properties_reach_0_011_and_need_delta_0_91():
    limit = reach(5, 9, 11)
    assert limit.p == pytest.approx(11 * 2 / 2002)
    assert limit.delta == pytest.approx(1 - 2 * 2 / 45)


@pytest.mark.parametrize(("a", "b", "tests"), [(5, 9, 11), (4, 4, 1), (6, 7, 3)])
def test_delta_that_is_needed_is_the_first_that_reaches_5_percent(a, b, tests):
    """Groups without ties for each U: those at the limit are below 5 %, the next are not."""
    needed = reach(a, b, tests).delta
    u = round((1 - needed) * a * b / 2)
    values = {0: list(range(a))}
    for step in range(1, a * b + 1):
        before = values[step - 1]
        place = max(i for i in range(a) if before[i] + 1 not in before and before[i] + 1 < a + b)
        values[step] = [v + (i == place) for i, v in enumerate(before)]
    for at, below in ((u, True), (u + 1, False)):
        rest = [v for v in range(a + b) if v not in values[at]]
        test = exact_test(values[at], rest)
        assert test.u == at
        assert (tests * test.p < 0.05) == below


def test_groups_that_are_too_small_cannot_reach_5_percent():
    assert reach(2, 2, 1) == (pytest.approx(1 / 3), None)
    assert reach(1, 1, 11) == (1.0, None)


def test_delta_is_the_difference_of_shares_of_pairs():
    a, b = [1, 5, 6], [2, 3]
    u, _ = exact_test(a, b)
    assert cliffs_delta(u, 3, 2)[0] == pytest.approx((4 - 2) / 6)


def test_interval_of_delta_is_a_mirror_image_for_exchanged_groups():
    _, (low, high) = cliffs_delta(12, 5, 9)
    _, (mirrored_low, mirrored_high) = cliffs_delta(45 - 12, 9, 5)
    assert (low, high) == pytest.approx((-mirrored_high, -mirrored_low))


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("spread", [1.0, 2.0])
def test_interval_of_delta_covers_in_about_95_percent_with_groups_of_five_and_nine(shift, spread):
    rng = np.random.default_rng(0)
    x, y = rng.normal(shift, spread, (2000, 5)), rng.normal(0, 1, (2000, 9))
    u = (x[:, :, None] > y[:, None, :]).sum(axis=(1, 2))
    truth = 2 * norm.cdf(shift / np.hypot(spread, 1)) - 1
    intervals = [cliffs_delta(value, 5, 9)[1] for value in range(46)]
    covered = np.mean([intervals[value][0] <= truth <= intervals[value][1] for value in u])
    assert 0.90 <= covered <= 0.99
