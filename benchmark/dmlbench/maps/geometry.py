"""Where a model's input lies in the original image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Box(NamedTuple):
    """A rectangle in pixels of the original image, in Pillow's order; edges may be fractions."""

    left: float
    top: float
    right: float
    bottom: float


class Fitting(Protocol):
    """A rule that fits images of any size to a model; `dmlbench.models.Preprocessing` is one."""

    def geometry(self, width: int, height: int) -> Geometry:
        """Return where the model's input lies in an image of this size in pixels."""


@dataclass(frozen=True)
class Geometry:
    """How one image is resized, then cropped for a model. Sizes are (height, width) in pixels.

    Attributes:
        image: size of the original image.
        resized: size of the image after resizing.
        offset: (top, left) of the crop in the resized image.
        crop: size of the crop, the model's input [H, W].
    """

    image: tuple[int, int]
    resized: tuple[int, int]
    offset: tuple[int, int]
    crop: tuple[int, int]

    @property
    def box(self) -> Box:
        """The part of the original image that the model sees."""
        vertical = self.image[0] / self.resized[0]
        horizontal = self.image[1] / self.resized[1]
        (top, left), (height, width) = self.offset, self.crop
        return Box(
            left * horizontal,
            top * vertical,
            (left + width) * horizontal,
            (top + height) * vertical,
        )

    def carry_mask(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Resize (nearest neighbor) and crop a mask of the original image [h, w] to [H, W].

        Raises:
            ValueError: the mask does not have the image's size.
        """
        if mask.shape != self.image:
            raise ValueError(f"mask of shape {mask.shape}, image of shape {self.image}")
        size = (self.resized[1], self.resized[0])
        resized = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        (top, left), (height, width) = self.offset, self.crop
        return resized[top : top + height, left : left + width]
