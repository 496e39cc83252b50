"""Statistics of pictures: known answers on pictures made for the purpose."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

FILE = Path(__file__).parents[2] / "measurements" / "picture_statistics.py"
spec = importlib.util.spec_from_file_location("picture_statistics", FILE)
statistics = importlib.util.module_from_spec(spec)
spec.loader.exec_module(statistics)

SIZE = 256
EVERYTHING = np.ones((SIZE, SIZE), bool)


def picture(values):
    """A gray picture of values around 0 with standard deviation 1."""
    gray = np.clip(np.round(128 + 25 * values), 0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def fractal(slope):
    rng = np.random.default_rng(0)
    frequency = np.fft.fftfreq(SIZE)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((SIZE, SIZE))) * radius ** (slope / 2)
    noise = np.fft.ifft2(spectrum).real
    return picture(noise / noise.std())


def flat(*rgb):
    return np.broadcast_to(np.array(rgb, np.uint8), (SIZE, SIZE, 3))


@pytest.mark.parametrize("slope", [0.0, -1.0, -2.0])
def test_the_slope_of_a_power_law_is_found(slope):
    assert statistics.spectrum_slope(fractal(slope), EVERYTHING) == pytest.approx(slope, abs=0.15)


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_the_noise_that_was_added_is_found(sigma):
    noise = np.random.default_rng(0).normal(0, sigma, (SIZE, SIZE, 1)).repeat(3, axis=2)
    noisy = np.round(128 + noise).astype(np.uint8)
    assert statistics.noise(noisy, EVERYTHING) == pytest.approx(sigma, rel=0.1)


def test_a_flat_picture_is_all_flat_without_contrast_edges_or_noise():
    gray = flat(120, 120, 120)
    assert statistics.flat_share(gray, EVERYTHING) == 1
    for name in ("local_contrast", "strong_contrast", "edge_density", "noise"):
        assert getattr(statistics, name)(gray, EVERYTHING) == pytest.approx(0, abs=1e-9)
    assert statistics.chroma(gray, EVERYTHING) == pytest.approx(0, abs=0.01)


def test_local_contrast_of_white_noise_is_its_standard_deviation():
    assert statistics.local_contrast(fractal(0.0), EVERYTHING) == pytest.approx(25, rel=0.05)


def test_clipping_counts_pixels_at_either_end():
    half = flat(0, 0, 0).copy()
    half[: SIZE // 2] = (255, 10, 10)
    assert statistics.burnt_share(half, EVERYTHING) == 0.5
    assert statistics.black_share(half, EVERYTHING) == 0.5


def test_lightness_and_chroma_are_cielab():
    assert statistics.lightness(flat(255, 255, 255), EVERYTHING) == pytest.approx(100, abs=0.1)
    assert statistics.chroma(flat(255, 0, 0), EVERYTHING) == pytest.approx(104.6, abs=0.5)


@pytest.mark.parametrize("name", ["local_contrast", "edge_density", "flat_share", "chroma"])
def test_what_is_not_seen_does_not_count(name):
    pixels = fractal(-1.0).copy()
    seen = EVERYTHING.copy()
    seen[:, 128:] = False
    before = getattr(statistics, name)(pixels, seen)
    pixels[:, 140:] = (255, 0, 200)
    assert getattr(statistics, name)(pixels, seen) == before
