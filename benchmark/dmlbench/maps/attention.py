"""Measure how much of a map lies on the car, beyond what the car's area explains.

Source: protocol, section 4; Kobs & Hotho, "On Background Bias in Deep Metric Learning", 2022.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

if TYPE_CHECKING:
    from dmlbench.maps.geometry import Fitting


def attention_on_car(saliency: ArrayLike, mask: ArrayLike) -> float | None:
    """Return (mass share of the map inside the mask - area share) / (1 - area share).

    It is 1 if all of the map lies on the car, and 0 if the map is spread evenly.

    Args:
        saliency: [H, W] one map, not negative.
        mask: [H, W] the part mask in the model's input, 0 background; see `mask_in_input`.

    Returns:
        At most 1, and below 0 if the map avoids the car; None if the mask covers everything or the
        map is 0 everywhere.

    Raises:
        ValueError: map and mask differ in shape.

    >>> attention_on_car([[3, 0], [1, 0]], [[1, 0], [0, 0]])  # (0.75 - 0.25) / (1 - 0.25)
    0.6666666666666666
    """
    values, inside = np.asarray(saliency, np.float64), np.asarray(mask) > 0
    if values.ndim != 2 or values.shape != inside.shape:
        raise ValueError(f"map of shape {values.shape}, mask of shape {inside.shape}")
    total, share = values.sum(), inside.mean()
    if total == 0 or share == 1:
        return None
    return float((values[inside].sum() / total - share) / (1 - share))


def mask_in_input(
    mask: Image.Image | NDArray[np.uint8], preprocessing: Fitting
) -> NDArray[np.uint8]:
    """Resize (nearest neighbor) and crop an 8-bit part mask [h, w] to a model's input [H, W].

    Raises:
        ValueError: the mask does not have two dimensions.
    """
    parts = np.asarray(mask, np.uint8)
    if parts.ndim != 2:
        raise ValueError(f"mask of shape {parts.shape}, expected [h, w]")
    height, width = parts.shape
    return preprocessing.geometry(width, height).carry_mask(parts)
