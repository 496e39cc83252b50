"""Between floor and ceiling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlbench.maps import (
    agreement_with_bounds,
    derangement,
    floor_correlations,
    noise_ceiling,
    pearson,
    reliability,
    summarize_correlations,
)


def ones(maps):
    """Half correlations of maps without noise."""
    return np.ones(len(maps))


def noisy(signal, noise, rng):
    return signal + noise * rng.standard_normal(signal.shape)


def halves_of(signal, noise, rng):
    """The map of all noisy copies, and the correlation of its halves."""
    halves = [noisy(signal, noise * 2**0.5, rng) for _ in range(2)]
    return (halves[0] + halves[1]) / 2, pearson(*halves)


def test_two_models_of_one_signal_reach_the_ceiling_and_leave_the_floor():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((200, 12, 12))
    # Reliability 1 / (1 + noise^2): 0.8 and 0.5.
    a, halves_a = halves_of(signal, 0.5, rng)
    b, halves_b = halves_of(signal, 1, rng)
    bounds = agreement_with_bounds(a, b, halves_a, halves_b, rng=rng)
    assert bounds.ceiling.value == pytest.approx(np.sqrt(0.8 * 0.5), abs=0.01)
    assert bounds.agreement.value == pytest.approx(bounds.ceiling.value, abs=0.02)
    assert bounds.floor.value == pytest.approx(0, abs=0.02)
    for estimate in (bounds.agreement, bounds.ceiling, bounds.floor):
        low, high = estimate.ci95
        assert low < estimate.value < high
    assert bounds.images == 200


def test_the_reliability_from_halves_is_the_correlation_with_other_noise():
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((300, 12, 12))
    for noise in (0.3, 1.0, 2.0):
        first, halves = halves_of(signal, noise, rng)
        other, _ = halves_of(signal, noise, rng)
        under_other_noise = summarize_correlations(pearson(first, other)).mean
        assert reliability(halves) == pytest.approx(under_other_noise, abs=0.01)


def test_floor_is_what_every_image_shares():
    rng = np.random.default_rng(1)
    center = np.outer(np.hanning(12), np.hanning(12)) * 10
    maps = center + rng.standard_normal((100, 12, 12))
    bounds = agreement_with_bounds(maps, maps, ones(maps), ones(maps), rng=rng)
    expected = center.var() / (center.var() + 1)
    assert bounds.floor.value == pytest.approx(expected, abs=0.03)


def test_intervals_of_agreement_and_floor_cover_the_truth():
    covered = np.zeros(2)
    seeds = 150
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        # Without a signal both are 0 on average.
        a, b = (rng.standard_normal((60, 5, 5)) for _ in range(2))
        bounds = agreement_with_bounds(a, b, ones(a), ones(b), rng=rng)
        for row, estimate in enumerate((bounds.agreement, bounds.floor)):
            low, high = estimate.ci95
            covered[row] += low <= 0 <= high
    assert (covered / seeds >= 0.89).all()
    assert (covered / seeds <= 0.99).all()


def test_identical_maps_without_noise_have_ceiling_one():
    maps = np.random.default_rng(0).random((50, 4, 4))
    bounds = agreement_with_bounds(maps, maps, ones(maps), ones(maps), rng=np.random.default_rng(0))
    assert bounds.ceiling.value == pytest.approx(1, abs=1e-6)
    assert bounds.agreement.value == pytest.approx(1, abs=1e-6)


def test_model_whose_halves_disagree_has_no_ceiling():
    assert noise_ceiling([-0.2, 0.1], [0.9, 0.9]) is None
    assert noise_ceiling([float("nan")], [0.9]) is None


def test_few_images_have_a_floor_without_interval():
    maps = np.random.default_rng(0).random((10, 4, 4))
    bounds = agreement_with_bounds(maps, maps, ones(maps), ones(maps), rng=np.random.default_rng(0))
    assert bounds.floor.value is not None
    assert bounds.floor.ci95 is None
    assert bounds.agreement.ci95 is not None


def test_scenes_of_a_sweep_are_never_their_own_floor():
    rng = np.random.default_rng(3)
    scenes = [f"scene{row // 4}" for row in range(240)]
    base = np.repeat(rng.standard_normal((60, 8, 8)), 4, axis=0)
    maps = base + 0.1 * rng.standard_normal(base.shape)
    bounds = agreement_with_bounds(maps, maps, ones(maps), ones(maps), rng=rng, scenes=scenes)
    assert abs(bounds.floor.value) < 0.05
    assert bounds.floor.ci95 is not None


def test_floor_takes_the_other_models_maps_of_the_partners():
    a = np.array([[[1, 2, 3]], [[3, 1, 2]]])
    correlations = floor_correlations(a, a[::-1], [1, 0])
    np.testing.assert_allclose(correlations, 1)


@given(st.integers(2, 60), st.integers(0, 5))
def test_no_image_is_its_own_partner(n, seed):
    partner = derangement(n, np.random.default_rng(seed))
    assert sorted(partner) == list(range(n))
    assert not (partner == np.arange(n)).any()


@given(st.lists(st.integers(0, 6), min_size=2, max_size=60), st.integers(0, 5))
def test_no_partner_is_of_the_same_scene(scenes, seed):
    labels = np.array(scenes)
    rng = np.random.default_rng(seed)
    if 2 * np.bincount(labels).max() > len(labels):
        with pytest.raises(ValueError, match="no partners in other scenes"):
            derangement(len(labels), rng, scenes=scenes)
        return
    partner = derangement(len(labels), rng, scenes=scenes)
    assert sorted(partner) == list(range(len(labels)))
    assert not (labels[partner] == labels).any()
