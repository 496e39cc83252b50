"""Add the effects of lens, sensor and camera to a picture: veiling glare, noise, sharpening."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from dmldata.common.color import decode_srgb, encode_srgb

MIDDLE_GRAY = 0.18
READ_NOISE = 0.004
"""Light level at which shot noise equals the sensor's read noise; middle gray is 0.18."""
GRAIN = 0.55
"""Standard deviation, in pixels, of the blur of the noise by demosaicing a Bayer grid."""
SHARPENING_RADIUS = 0.9
"""Standard deviation, in pixels, of the blur that an unsharp mask subtracts."""


@dataclass(frozen=True)
class Character:
    """The effects of a camera on its pictures: the factors of these names; 0 adds nothing.

    Attributes:
        flare: percent of the picture's mean light that the lens spreads evenly over all of it.
        sensor_noise: percent, standard deviation of a middle gray's light.
        sharpening: amount of the unsharp mask; 1 doubles the finest detail.
    """

    flare: float = 0.0
    sensor_noise: float = 0.0
    sharpening: float = 0.0

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Character:
        """Return the character that the values of all factors ask for."""
        return cls(**{field.name: values[field.name] for field in fields(cls)})


def photograph(
    pixels: NDArray[np.uint8], character: Character, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the picture as a camera of that character would have taken it.

    A character that adds nothing returns it unchanged.

    The variance of the noise is proportional to the light (shot noise) plus a constant (read
    noise).

    Args:
        pixels: uint8 [H, W, 3], sRGB.

    Returns:
        uint8 [H, W, 3].

    >>> gray = np.full((64, 64, 3), 118, np.uint8)
    >>> noisy = photograph(gray, Character(sensor_noise=5), np.random.default_rng(1))
    >>> light = decode_srgb(noisy / 255)
    >>> bool(abs(light.std() / light.mean() - 0.05) < 0.005)
    True
    """
    if character == Character():
        return pixels
    encoded = pixels.astype(np.float32) / 255
    light = decode_srgb(encoded)
    light = light + character.flare / 100 * light.mean(axis=(0, 1))
    if character.sensor_noise:
        grain = gaussian_filter(rng.standard_normal(pixels.shape, np.float32), (GRAIN, GRAIN, 0))
        grain *= character.sensor_noise / 100 * MIDDLE_GRAY / grain.std()
        light = light + grain * np.sqrt((light + READ_NOISE) / (MIDDLE_GRAY + READ_NOISE))
    light = np.clip(light, 0, 1)
    encoded = encode_srgb(light)
    if character.sharpening:
        blurred = gaussian_filter(encoded, (SHARPENING_RADIUS, SHARPENING_RADIUS, 0))
        encoded = encoded + character.sharpening * (encoded - blurred)
    picture: NDArray[np.uint8] = np.round(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
    return picture
