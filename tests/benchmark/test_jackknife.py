"""Intervals cover as often as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlbench.scores.jackknife import assign_groups, jackknife_interval


def interval_of_mean(values, groups):
    leave_out = [values[groups != group].mean() for group in range(groups.max() + 1)]
    return jackknife_interval(values.mean(), leave_out)


def test_interval_of_a_mean_covers_the_truth_in_95_percent_of_seeds():
    covered = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        values = rng.exponential(size=200)
        low, high = interval_of_mean(values, assign_groups(200, rng))
        covered += low <= 1 <= high
    assert 0.91 <= covered / 400 <= 0.98


def test_statistic_that_does_not_vary_has_no_width():
    assert jackknife_interval(3.0, [3.0] * 20) == (3, 3)


def test_wider_level_is_wider():
    leave_out = [1.0, 2.0, 3.0]
    low, high = jackknife_interval(2, leave_out)
    wider_low, wider_high = jackknife_interval(2, leave_out, level=0.99)
    assert wider_low < low < high < wider_high


def test_one_group_has_no_interval():
    with pytest.raises(ValueError, match="at least 2 groups"):
        jackknife_interval(1.0, [1.0])


@given(st.integers(1, 200), st.integers(0, 3))
def test_groups_are_of_nearly_equal_size(n, seed):
    sizes = np.bincount(assign_groups(n, np.random.default_rng(seed)))
    assert len(sizes) == min(n, 20)
    assert sizes.max() - sizes.min() <= 1


@given(st.lists(st.integers(0, 30), min_size=1, max_size=100), st.integers(0, 3))
def test_units_stay_whole(units, seed):
    groups = assign_groups(len(units), np.random.default_rng(seed), units=units)
    assert len({(unit, group) for unit, group in zip(units, groups, strict=True)}) == len(
        set(units)
    )


def test_groups_depend_on_the_generator_alone():
    first, again, other = (assign_groups(50, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
