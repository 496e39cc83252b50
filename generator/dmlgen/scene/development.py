"""Develop traced light as a small camera does: lens, local tone mapping and a film-like curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter

from dmldata.common.arrays import Floats
from dmldata.common.color import encode_srgb
from dmlgen.scene.light import daylight
from dmlgen.scene.photography import MIDDLE_GRAY

LUMINANCE = daylight.LUMINANCE.astype(np.float32)
"""Weights of linear red, green and blue, in the precision of pictures."""
METERED = (0.004, 4.0)
"""Luminance below and above which the meter reads no more."""
COMPENSATION = 0.65
"""Share of a place's difference from middle gray, in stops, that the meter makes up for."""
GAIN = (2**-0.6, 2**1.3)
"""Smallest and largest factor by which the meter changes the light."""

REFERENCE_WIDTH = 384
"""Width in pixels of a picture for which the radii below hold; they grow with the picture."""
GLARE = ((7.0, 6.0, 0.018), (45.0, 4.0, 0.010))
"""Scattering in the lens: standard deviation in pixels, brightest light that counts, share."""
FRINGE = 0.0009
"""By how much the lens enlarges red and reduces blue."""
VIGNETTE = 0.22
"""Share of the light that is lost in the corners."""

BASE_RADIUS = 28
"""Side in pixels of the window of the guided filter that finds the base of the tones."""
EDGE = 0.35
"""Variance in square stops above which the guided filter keeps an edge."""
SHADOWS, HIGHLIGHTS = 0.88, 0.93
"""Contrast that is left of the base below and above middle gray, in stops per stop."""
DETAIL = 1.08
"""Contrast of what is finer than the base."""

SHOULDER = 1.45
"""Exponent of the curve 1 - exp(-SHOULDER x), channel by channel: highlights fade to white."""
CONTRAST = 0.7
"""Weight of an S-curve on the encoded picture."""
SATURATION = 1.1
BLACK = 0.012
"""Encoded value of the deepest black."""


@dataclass(frozen=True)
class Development:
    """What the camera is set to.

    Attributes:
        gain: factor on all light.
        white: factors on red, green and blue.
    """

    gain: float
    white: tuple[float, float, float] = (1.0, 1.0, 1.0)


def metered_gain(light: Floats) -> float:
    """Return the factor by which a meter brightens the light of a whole picture [H, W, 3].

    >>> round(metered_gain(np.full((8, 8, 3), 0.18)), 6), metered_gain(np.zeros((8, 8, 3))) > 2
    (1.0, True)
    """
    luminance = np.clip(light @ LUMINANCE, *METERED)
    key = float(np.exp(np.log(luminance).mean()))
    return float(np.clip((MIDDLE_GRAY / key) ** COMPENSATION, *GAIN))


def develop(light: Floats, development: Development) -> NDArray[np.uint8]:
    """Return the picture, uint8 [H, W, 3] sRGB, of linear light [H, W, 3], first row on top."""
    white = np.array(development.white, np.float32)
    seen = np.maximum(light, 0).astype(np.float32) * (np.float32(development.gain) * white)
    return _print(_even_tones(_lens(seen)))


def _scale(light: Floats) -> float:
    return float(max(light.shape[:2])) / REFERENCE_WIDTH


def _lens(light: Floats) -> Floats:
    """Return the light behind the lens: glare around what is bright, fringes, darker corners."""
    scale, (height, width) = _scale(light), light.shape[:2]
    result = light * np.float32(1 - sum(share for *_, share in GLARE))
    for deviation, brightest, share in GLARE:
        sigma = (deviation * scale, deviation * scale, 0)
        result += np.float32(share) * gaussian_filter(np.minimum(light, brightest), sigma)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    down, right = rows - (height - 1) / 2, columns - (width - 1) / 2
    for channel, enlarged in ((0, 1 + FRINGE), (2, 1 - FRINGE)):
        at = rows - down * (1 - 1 / enlarged), columns - right * (1 - 1 / enlarged)
        result[..., channel] = map_coordinates(result[..., channel], at, order=1, mode="nearest")
    off_axis = (down**2 + right**2) / ((height / 2) ** 2 + (width / 2) ** 2)
    return result * (1 - np.float32(VIGNETTE) * off_axis)[..., None]


def _even_tones(light: Floats) -> Floats:
    """Return the light with dark and bright regions brought together and their detail kept.

    The base is a guided filter (He et al., "Guided Image Filtering", ECCV 2010) of the logarithm of
    luminance by itself, so that no halos surround edges.
    """
    stops = np.log2(np.maximum(light @ LUMINANCE, 1e-4))
    side = int(BASE_RADIUS * _scale(light)) | 1
    mean = uniform_filter(stops, side)
    variance = np.maximum(uniform_filter(stops * stops, side) - mean * mean, 0)
    slope = variance / (variance + EDGE)
    base = uniform_filter(slope, side) * stops + uniform_filter(mean * (1 - slope), side)
    from_gray = base - np.float32(np.log2(MIDDLE_GRAY))
    squeezed = from_gray * np.where(from_gray < 0, np.float32(SHADOWS), np.float32(HIGHLIGHTS))
    change = squeezed - from_gray + (DETAIL - 1) * (stops - base)
    return light * np.exp2(change)[..., None]


def _print(light: Floats) -> NDArray[np.uint8]:
    """Return the encoded picture: a shoulder for each channel, contrast, saturation, black."""
    encoded = encode_srgb(1 - np.exp(-np.float32(SHOULDER) * light))
    encoded += CONTRAST * (encoded * encoded * (3 - 2 * encoded) - encoded)
    gray = (encoded @ LUMINANCE)[..., None]
    encoded = BLACK + (1 - BLACK) * (gray + SATURATION * (encoded - gray))
    picture: NDArray[np.uint8] = np.round(np.clip(encoded, 0, 1) * 255).astype(np.uint8)
    return picture
