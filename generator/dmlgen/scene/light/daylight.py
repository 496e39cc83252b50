"""Sun and sky, metered: how much light there is at a sun elevation, and the exposure that follows.

A photographer meters the light and lets the camera adapt to its color. Here both are folded into
the light itself (a gain per channel), so that the requested color is the color in the picture, for
the sun at 3 to 75 degrees.
"""

from __future__ import annotations

import numpy as np

from dmldata.common.arrays import Floats

SUN_INTENSITY = 0.4
"""Strength of the sun's disc relative to Nishita's clear sky: a thin haze, softer contrast."""

HAZE = 0.5
"""Share of sun and sky that is gray instead of colored. Nishita's clear sky is a deep blue that
clear coat mirrors everywhere; with it, paint of any hue looks shifted towards blue."""

ADAPTATION = 0.75
"""Share of the light's color cast that white balance takes out; the rest keeps a low sun warm."""

WHITE = 1.0
"""Linear value of a white diffuse card under the metered light."""

_ELEVATION = np.array([1.0, 3, 5, 8, 12, 16, 22, 30, 40, 50, 60, 75, 90])
# Linear RGB of a white diffuse card from sky and sun (full strength), measured by
# measurements/light_meter.py; cards: on the ground, standing towards the sun, standing away from
# it.
_SKY = np.array(
    [
        [0.482, 0.538, 0.563, 1.329, 0.706, 0.392, 0.373, 0.377, 0.320],
        [0.776, 0.920, 0.986, 2.808, 1.644, 0.780, 0.628, 0.702, 0.615],
        [1.014, 1.250, 1.416, 3.927, 2.568, 1.332, 0.815, 0.977, 0.926],
        [1.292, 1.625, 1.966, 4.929, 3.579, 2.156, 1.006, 1.268, 1.317],
        [1.562, 1.970, 2.511, 5.392, 4.263, 2.975, 1.151, 1.493, 1.676],
        [1.761, 2.214, 2.911, 5.326, 4.472, 3.476, 1.227, 1.611, 1.894],
        [1.968, 2.465, 3.337, 4.848, 4.372, 3.836, 1.272, 1.685, 2.067],
        [2.146, 2.682, 3.721, 4.116, 4.001, 3.943, 1.270, 1.693, 2.146],
        [2.282, 2.852, 4.042, 3.352, 3.503, 3.818, 1.232, 1.646, 2.140],
        [2.365, 2.962, 4.263, 2.759, 3.052, 3.572, 1.185, 1.586, 2.102],
        [2.420, 3.037, 4.420, 2.286, 2.651, 3.273, 1.154, 1.547, 2.085],
        [2.462, 3.101, 4.564, 1.730, 2.134, 2.797, 1.183, 1.577, 2.160],
        [2.469, 3.116, 4.608, 1.359, 1.764, 2.399, 1.357, 1.764, 2.399],
    ]
).reshape(-1, 3, 3)
_SUN = np.array(
    [
        [0.077, 0.021, 0.000, 4.316, 1.150, 0.000],
        [0.761, 0.319, 0.026, 14.507, 6.066, 0.482],
        [1.968, 1.030, 0.221, 22.460, 11.743, 2.513],
        [4.208, 2.608, 0.947, 29.898, 18.524, 6.719],
        [7.486, 5.174, 2.542, 35.178, 24.308, 11.928],
        [10.842, 7.936, 4.544, 37.790, 27.661, 15.836],
        [15.863, 12.179, 7.914, 39.246, 30.131, 19.578],
        [22.296, 17.705, 12.579, 38.619, 30.665, 21.788],
        [29.670, 24.094, 18.174, 35.356, 28.712, 21.657],
        [36.056, 29.653, 23.136, 30.242, 24.870, 19.402],
        [41.238, 34.174, 27.213, 23.808, 19.728, 15.707],
        [46.421, 38.700, 31.320, 12.439, 10.370, 8.392],
        [48.590, 40.580, 32.999, 0.044, 0.037, 0.031],
    ]
).reshape(-1, 2, 3)
FACING = 0.65
"""How much the meter depends on whether the camera sees sunlit or shaded sides, 0..1."""

OVERCAST = (0.965, 1.0, 1.045)
"""Linear RGB of an overcast sky."""
GLOW = 0.9
"""How much brighter an overcast sky is where the sun hides."""
GLOW_SHARPNESS = 6.0
"""Exponent of the cosine by which that falls off."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Weights of linear red, green and blue (Rec. 709)."""


def card_weights(facing: float) -> Floats:
    """Return the shares [3] of the meter's cards: lying, facing the sun, facing away from it."""
    return np.array([0.5, 0.25 * (1 + facing), 0.25 * (1 - facing)])


def card_on_ground(elevation: float) -> Floats:
    """Return the linear RGB [3] of a white card that lies in the sun, before it is metered."""
    return _hazy(elevation, _SKY[:, 0] + SUN_INTENSITY * _SUN[:, 0])


def _hazy(elevation: float, light: Floats) -> Floats:
    """Interpolate light at the elevations of the table [E, 3] and take out the haze's color."""
    clear = np.array([np.interp(elevation, _ELEVATION, light[:, c]) for c in range(3)])
    return (1 - HAZE) * clear + HAZE * float(clear @ LUMINANCE)


def metered_light(elevation: float, sunlit: float = 1.0, facing: float = 0.0) -> Floats:
    """Return the linear RGB [3] that a meter reads.

    Half of it comes from a white card on the ground, the rest from cards that face the sun and
    cards that face away from it.

    Args:
        elevation: elevation of the sun, degrees.
        sunlit: share of the sun that is not occluded, 0..1.
        facing: 1 if the meter sees only the sunlit sides of things, -1 only their shaded sides, 0
            both alike.
    """
    sun = sunlit * np.concatenate([_SUN, np.zeros_like(_SUN[:, :1])], axis=1)
    cards = _SKY + SUN_INTENSITY * sun
    return _hazy(elevation, np.einsum("ecr,c->er", cards, card_weights(facing)))


def overcast_radiance(direction: Floats, sun: Floats) -> Floats:
    """Return the radiance [N] of an overcast sky, 1 in the zenith far from the sun.

    The gradient is the CIE standard overcast sky (Moon and Spencer, 1942); the glow around the
    hidden sun is this project's.

    Args:
        direction: unit vectors [N, 3] above the horizon.
        sun: unit vector [3] to the sun.

    >>> zenith, horizon = np.array([0.0, 0, 1]), np.array([-1.0, 0, 0])
    >>> overcast_radiance(np.stack([zenith, horizon]), np.array([1.0, 0, 0])).round(3).tolist()
    [1.0, 0.333]
    """
    gradient = (1 + 2 * direction[:, 2]) / 3
    return gradient * (1 + GLOW * np.maximum(direction @ sun, 0) ** GLOW_SHARPNESS)


def overcast_light(elevation: float, facing: float = 0.0) -> Floats:
    """Return the linear RGB [3] that a meter reads under an overcast sky, as `metered_light`."""
    theta, phi = np.meshgrid((np.arange(48) + 0.5) * np.pi / 96, (np.arange(96) + 0.5) * np.pi / 48)
    up, around = theta.ravel(), phi.ravel()
    direction = np.column_stack(
        [np.sin(up) * np.cos(around), np.sin(up) * np.sin(around), np.cos(up)]
    )
    radiance = overcast_radiance(direction, direction_of(elevation, 0.0))
    cards = np.array([[0.0, 0, 1], [1, 0, 0], [-1, 0, 0]])
    received = np.maximum(cards @ direction.T, 0) * np.sin(up) * (np.pi / 96) * (np.pi / 48) / np.pi
    light = float(card_weights(facing) @ (received @ radiance))
    return light * np.array(OVERCAST)


def direction_of(elevation: float, rotation: float) -> Floats:
    """Return the unit vector [3] to the sun, both in degrees, counter-clockwise from +x.

    >>> direction_of(30, 90).round(3).tolist()
    [0.0, 0.866, 0.5]
    """
    up, around = np.radians(elevation), np.radians(rotation)
    return np.array([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)])


def light_gain(reading: Floats, compensation: float = 0.0) -> tuple[float, float, float]:
    """Return the factor per channel by which light is scaled.

    What the meter read then has the luminance WHITE, and the share ADAPTATION of its color cast is
    gone.

    Args:
        reading: linear RGB [3] of the meter.
        compensation: stops by which the picture is made brighter than metered.

    >>> light_gain(np.array([2.0, 2.0, 2.0]))
    (0.5, 0.5, 0.5)
    >>> red, green, blue = light_gain(metered_light(3))
    >>> red < green < blue
    True
    """
    luminance = float(reading @ LUMINANCE)
    balance = (luminance / reading) ** ADAPTATION
    balance *= luminance / float((reading * balance) @ LUMINANCE)
    red, green, blue = balance * (WHITE / luminance * 2.0**compensation)
    return (float(red), float(green), float(blue))
