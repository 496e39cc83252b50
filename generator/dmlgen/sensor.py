"""The camera's sensor: noise that grows with the light, as photographs have it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

MIDDLE_GREY = 0.18
READ_NOISE = 0.004
"""Light whose shot noise equals the noise of reading the sensor; middle grey is 0.18."""
GRAIN = 0.55
"""Standard deviation, in pixels, by which reading colours off a Bayer grid blurs the noise."""


def add_noise(pixels: np.ndarray, percent: float, rng: np.random.Generator) -> np.ndarray:
    """The picture as a sensor with noise would have taken it.

    The variance is proportional to the light (shot noise) plus a constant (read noise).

    Args:
        pixels: uint8 [H, W, 3], sRGB.
        percent: standard deviation of a middle grey, relative to it; 0 changes nothing.

    Returns:
        uint8 [H, W, 3].

    >>> grey = np.full((64, 64, 3), 118, np.uint8)
    >>> noisy = add_noise(grey, 5.0, np.random.default_rng(1))
    >>> light = (((noisy / 255 + 0.055) / 1.055) ** 2.4)
    >>> bool(abs(light.std() / light.mean() - 0.05) < 0.005)
    True
    """
    if percent == 0:
        return pixels
    encoded = pixels.astype(np.float32) / 255
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    grain = gaussian_filter(rng.standard_normal(pixels.shape, np.float32), (GRAIN, GRAIN, 0))
    grain /= grain.std()
    relative = np.sqrt((light + READ_NOISE) / (MIDDLE_GREY + READ_NOISE))
    light = np.clip(light + grain * relative * (percent / 100 * MIDDLE_GREY), 0, 1)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    noisy: np.ndarray = np.round(encoded * 255).astype(np.uint8)
    return noisy
