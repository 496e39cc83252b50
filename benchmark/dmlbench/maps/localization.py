"""Localization: whether a map marks the pixels that an intervention changed.

In a sweep two variants of a scene differ in one group of factors alone, so that the pixels that
this group changes are known exactly. Source: protocol, section 8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

THRESHOLD = 0.05
"""Smallest change of a color channel, in parts of its range, that counts: above the noise of a
renderer and of JPEG."""


def changed_pixels(
    image: ArrayLike, variant: ArrayLike, threshold: float = THRESHOLD
) -> NDArray[np.bool_]:
    """Return the pixels [H, W] where any color channel of two images differs by the threshold.

    Args:
        image, variant: [3, H, W] with values 0 to 1.

    Raises:
        ValueError: the images differ in shape.

    >>> changed_pixels([[[0.5, 0.5]]], [[[0.5, 0.9]]]).tolist()
    [[False, True]]
    """
    first, second = np.asarray(image, np.float32), np.asarray(variant, np.float32)
    if first.ndim != 3 or first.shape != second.shape:
        raise ValueError(
            f"images of shape {first.shape} and {second.shape}, expected the same [3, H, W]"
        )
    changed: NDArray[np.bool_] = np.abs(first - second).max(axis=0) >= threshold
    return changed


def localization(saliency: ArrayLike, changed: ArrayLike) -> float | None:
    """Return the probability that a changed pixel is more salient than one that stayed (ROC-AUC).

    Args:
        saliency: [H, W] one map.
        changed: [H, W] whether the intervention changed a pixel; see `changed_pixels`.

    Returns:
        0 to 1, and 0.5 for a map that knows nothing of the change; None if no pixel or every pixel
        changed.

    Raises:
        ValueError: map and pixels differ in shape.

    >>> localization([[0.1, 0.9], [0.2, 0.1]], [[False, True], [False, True]])  # 1, 1, 0.5, 0
    0.625
    """
    from sklearn.metrics import roc_auc_score

    values, inside = np.asarray(saliency, np.float64), np.asarray(changed, bool)
    if values.ndim != 2 or values.shape != inside.shape:
        raise ValueError(f"map of shape {values.shape}, changed pixels of shape {inside.shape}")
    if inside.all() or not inside.any():
        return None
    return float(roc_auc_score(inside.ravel(), values.ravel()))
