"""The transfer function of sRGB (IEC 61966-2-1): between encoded values and light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def decode_srgb(encoded: float | NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the light of encoded sRGB values, both 0..1, in their shape and dtype.

    >>> decode_srgb(np.array([0.0, 0.02, 0.5, 1.0])).round(4).tolist()
    [0.0, 0.0015, 0.214, 1.0]
    """
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def encode_srgb(light: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the encoded sRGB values of light, both 0..1, in its shape and dtype.

    >>> encode_srgb(decode_srgb(np.array([0.0, 0.02, 0.5, 1.0]))).round(6).tolist()
    [0.0, 0.02, 0.5, 1.0]
    """
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
