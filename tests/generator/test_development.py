"""From light to picture as a small camera makes it: known answers, and what it must not change."""

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmlgen.scene.development import COMPENSATION, GAIN, Development, develop, metered_gain

HUES = [i / 12 for i in range(12)]
METERED = Development(1.0)


def plain(color, side=24):
    return np.broadcast_to(np.array(color, np.float32), (side, side, 3))


def middle(picture):
    return picture[len(picture) // 2, len(picture) // 2]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 8), min_size=2, max_size=6, unique=True))
def test_more_light_is_never_darker(levels):
    greens = [int(middle(develop(plain([level] * 3), METERED))[1]) for level in sorted(levels)]
    assert greens == sorted(greens)


def test_a_metered_gray_is_gray_and_burnt_light_is_white():
    gray = middle(develop(plain([0.18] * 3), METERED))
    assert np.ptp(gray.astype(int)) <= 1
    assert 95 < gray[0] < 150
    assert middle(develop(plain([50.0, 20.0, 20.0]), METERED)).min() > 240


@pytest.mark.parametrize("hue", HUES)
def test_the_hue_of_paint_in_daylight_is_kept(hue):
    light = np.array(colorsys.hsv_to_rgb(hue, 0.7, 0.5)) ** 2.2
    seen, *_ = colorsys.rgb_to_hsv(*(middle(develop(plain(light), METERED)) / 255))
    turned = (seen - hue + 0.5) % 1 - 0.5
    assert abs(turned) < 0.03


def test_exposure_and_white_balance_are_factors_on_the_light():
    light = np.random.default_rng(0).uniform(0.05, 0.6, (24, 24, 3)).astype(np.float32)
    warmer = Development(2.0, (1.1, 1.0, 0.9))
    scaled = light * np.float32(2) * np.array([1.1, 1.0, 0.9], np.float32)
    difference = develop(light, warmer).astype(int) - develop(scaled, METERED)
    assert np.abs(difference).max() <= 1


def test_the_meter_makes_up_for_most_of_a_dark_place_and_has_an_end():
    assert metered_gain(plain([0.18] * 3)) == pytest.approx(1)
    assert metered_gain(plain([0.09] * 3)) == pytest.approx(2**COMPENSATION)
    assert metered_gain(plain([0.0] * 3)) == GAIN[1]
    assert metered_gain(plain([9.0] * 3)) == GAIN[0]
