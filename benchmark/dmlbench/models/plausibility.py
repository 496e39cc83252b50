"""Check whether preprocessing that was specified or assumed suits the images' pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image

from dmlbench.models.preprocessing import Preprocessing

IMAGES = 32
MAX_MEAN = 2.0
SPREADS = (0.05, 3.0)


def check_pixels(preprocessing: Preprocessing, images: Iterable[Image.Image]) -> str | None:
    """Return a warning if preprocessed pixels are far from what `mean` and `std` suggest.

    Mean and standard deviation are taken over all pixels and channels of the images. In units of
    `std` they should be near 0 and 1; where `std` is 1 (only the mean is subtracted), the unit is
    a quarter of the scale, about the spread of a photograph. A mean beyond 2 or a spread outside
    0.05 to 3 is far: no photograph on the right scale reaches that, and a wrong scale always does.
    With mean 0 and std 1, nothing is suggested and nothing is checked. Swapped channels cannot be
    detected this way. Without a warning, return None.

    >>> gray = Image.effect_noise((64, 64), 60).convert("RGB")
    >>> check_pixels(Preprocessing(), [gray])
    >>> check_pixels(Preprocessing(scale=255), [gray])  # doctest: +ELLIPSIS
    'after preprocessing, pixels are ... far from what its mean and std suggest: ...'
    """
    if set(preprocessing.mean) == {0.0} and set(preprocessing.std) == {1.0}:
        return None
    tensors = [preprocessing.to_tensor(image).numpy() for image in images]
    if not tensors:
        return None
    unit = preprocessing.scale / 4 if set(preprocessing.std) == {1.0} else 1.0
    mean, spread = float(np.mean(tensors)), float(np.std(tensors))
    if abs(mean) <= MAX_MEAN * unit and SPREADS[0] <= spread / unit <= SPREADS[1]:
        return None
    return (
        f"after preprocessing, pixels are {mean:.3g} on average with a standard deviation of "
        f"{spread:.3g}, far from what its mean and std suggest: about 0 and {unit:g}"
    )
