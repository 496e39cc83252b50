"""Comparison of all pairs of models at once: equal models stay equal, and the best is kept."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlbench.comparison.simultaneous import may_be_highest, simultaneous_p
from dmlbench.scores.jackknife import jackknife_interval

GROUPS = 20


def mean_scores(images):
    """Mean of each row of [M, N], and its jackknife replicates [M, 20]."""
    groups = np.arange(images.shape[1]) % GROUPS
    left_out = [images[:, groups != group].mean(axis=1) for group in range(GROUPS)]
    return images.mean(axis=1), np.stack(left_out, axis=1)


def test_equal_models_are_told_apart_in_5_percent_of_datasets():
    """A pairwise 95 % interval from the leader excludes some of 14 equal models in most."""
    together, pairwise, seeds = 0, 0, 300
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        values, left_out = mean_scores(rng.normal(size=(14, 200)) + 2 * rng.normal(size=200))
        together += not may_be_highest(values, left_out).all()
        leader = values.argmax()
        pairwise += any(
            jackknife_interval(values[leader] - values[i], left_out[leader] - left_out[i])[0] > 0
            for i in range(14)
            if i != leader
        )
    # Three standard deviations of 5 % in 300 seeds.
    assert together / seeds <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / seeds)
    assert pairwise / seeds >= 0.5


def test_the_best_stays_and_the_clearly_worse_are_excluded():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(14, 200)) + 2 * rng.normal(size=200)
    images[3] += 1
    values, left_out = mean_scores(images)
    (remaining,) = np.flatnonzero(may_be_highest(values, left_out))
    assert remaining == 3


def test_p_of_all_flips_is_that_of_counting_them_by_hand():
    """Six groups have 64 flips, so that the p of random ones is close to theirs."""
    rng = np.random.default_rng(1)
    values, left_out = rng.normal(size=3), rng.normal(size=(3, 6)) * 0.05
    pseudo = values[:, None] - 5 * (left_out - left_out.mean(axis=1, keepdims=True))
    pairs = list(itertools.combinations(range(3), 2))

    def t(signs, pair):
        x = signs * (pseudo[pair[0]] - pseudo[pair[1]])
        return abs(x.mean()) / (x.std(ddof=1) / np.sqrt(6))

    flips = np.array(list(itertools.product((-1, 1), repeat=6)))
    remaining, expected, largest = sorted(pairs, key=lambda pair: -t(1, pair)), {}, 0.0
    for place, pair in enumerate(remaining):
        at_least = [max(t(s, other) for other in remaining[place:]) >= t(1, pair) for s in flips]
        largest = max(largest, float(np.mean(at_least)))
        expected[pair] = largest
    p = simultaneous_p(values, left_out)
    for pair in pairs:
        assert p[pair] == pytest.approx(expected[pair], abs=0.04)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.floats(0.01, 100))
def test_p_does_not_depend_on_the_unit_or_the_order_of_the_models(seed, models, unit):
    rng = np.random.default_rng(seed)
    values, left_out = mean_scores(rng.normal(size=(models, 40)))
    p = simultaneous_p(values, left_out)
    order = rng.permutation(models)
    assert np.array_equal(
        simultaneous_p(values[order] * unit, left_out[order] * unit), p[np.ix_(order, order)]
    )
    assert np.array_equal(p, p.T)
    assert ((p > 0) & (p <= 1)).all()


def test_identical_models_are_equal():
    values, left_out = np.ones(2), np.tile(np.linspace(0.9, 1.1, GROUPS), (2, 1))
    assert simultaneous_p(values, left_out)[0, 1] == 1
    assert simultaneous_p([1.0], left_out[:1]).tolist() == [[1.0]]
