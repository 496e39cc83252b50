"""Crop a picture to the car, as the boxes of Cars196 do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.06
"""Margin around the car's box in a full crop, as a share of the box."""


def crop_frame(
    points: NDArray[np.float64], frame: NDArray[np.float64], crop: float
) -> tuple[float, NDArray[np.float64]]:
    """Return a frame between the whole picture and the bounding box of what it shows.

    Up to 1, `crop` moves every edge in a straight line from the whole frame to the frame of the
    same shape around the box, so that a box inside the picture stays inside. Beyond 1 the picture
    is cut into the box: at 1.25 to 1 / 1.25 of it.

    Args:
        points: [N, 2] on the picture plane, origin at its middle.
        frame: [2] width and height of the whole frame, in the same unit.
        crop: 0 or above.

    Returns:
        Size relative to the whole frame, and the middle [2] of the new frame.

    >>> corners = np.array([[0.1, 0.0], [0.3, 0.1]])
    >>> crop_frame(corners, np.array([1.0, 1.0]), 0.0)[0]
    1.0
    >>> scale, middle = crop_frame(corners, np.array([1.0, 1.0]), 1.0)
    >>> round(scale, 3), middle.round(3).tolist()
    (0.212, [0.2, 0.05])
    """
    low, high = points.min(axis=0), points.max(axis=0)
    tight = float(((high - low) / frame).max()) * (1 + MARGIN)
    share = min(crop, 1.0)
    scale = ((1 - share) + share * tight) / max(crop, 1.0)
    return scale, share * (low + high) / 2
