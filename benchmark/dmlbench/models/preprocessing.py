"""Turn an image into a model's input: resize, center crop, channel order, scale, mean and std."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dmlbench.maps.geometry import Geometry
from dmldata.common.errors import ModelError, UnknownNameError
from dmldata.contract.decode import check_eight_bits

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CROP_FRACTION = 0.875
MAX_SIDE = 1024
"""Maximum side of the input in pixels: a batch of such images takes a few hundred megabytes."""
FITS = ("cover", "squash")
INTERPOLATIONS = {
    name: Image.Resampling[name.upper()]
    for name in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
}


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image before the model sees it.

    Attributes:
        input_size: (H, W) of the model's input, pixels; one number means a square.
        resize: (h, w) in pixels that the resized image covers (`fit="cover"`: aspect kept, so for a
            square it is the shorter side) or is squashed to (`fit="squash"`). At least
            `input_size`; by default input_size / 0.875, rounded down.
        mean, std: per channel, in the channel order and scale of the model's input.
        bgr: whether the model's first channel is blue.
        scale: value of a white pixel before mean and std, 1 or 255.
        interpolation: Pillow's name of the resampling filter.
        fit: "cover" or "squash".

    Raises:
        ModelError: a value is not valid; UnknownNameError for an unknown name.

    >>> Preprocessing(input_size=227, resize=256).resize
    (256, 256)
    """

    input_size: tuple[int, int] = (224, 224)
    resize: tuple[int, int] | None = None
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    bgr: bool = False
    scale: int = 1
    interpolation: str = "bilinear"
    fit: str = "cover"

    def __post_init__(self) -> None:
        size = _size("input_size", self.input_size)
        default = tuple(math.floor(side / CROP_FRACTION) for side in size)
        resize = _size("resize", self.resize if self.resize is not None else default)
        if resize[0] < size[0] or resize[1] < size[1]:
            raise ModelError(f"resize {list(resize)} is smaller than input_size {list(size)}")
        object.__setattr__(self, "input_size", size)
        object.__setattr__(self, "resize", resize)
        object.__setattr__(self, "mean", _channels("mean", self.mean))
        object.__setattr__(self, "std", _channels("std", self.std))
        if min(self.std) <= 0:
            raise ModelError(f"std {list(self.std)} must be above 0")
        if self.scale not in (1, 255):
            raise ModelError(f"scale {self.scale} is not valid; valid: 1, 255")
        if not isinstance(self.bgr, bool):
            raise ModelError(f"bgr {self.bgr} is not valid; valid: true, false")
        if self.interpolation not in INTERPOLATIONS:
            raise UnknownNameError("interpolation", self.interpolation, INTERPOLATIONS)
        if self.fit not in FITS:
            raise UnknownNameError("fit", self.fit, FITS)

    def geometry(self, width: int, height: int) -> Geometry:
        """Return where the model's input lies in an image of this size in pixels."""
        rows, columns = _size("resize", self.resize)
        if self.fit == "squash":
            resized = (rows, columns)
        elif rows * width >= columns * height:
            resized = (rows, int(rows * width / height))
        else:
            resized = (int(columns * height / width), columns)
        top, left = (
            round((outer - inner) / 2)
            for outer, inner in zip(resized, self.input_size, strict=True)
        )
        return Geometry((height, width), resized, (top, left), self.input_size)

    def to_tensor(self, image: Image.Image) -> Tensor:
        """Return the model's input [3, H, W] float32 for one image; see `pixels`."""
        return self.normalized(torch.from_numpy(self.pixels(image))).contiguous()

    def pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return the pixels [H, W, 3] that the model sees of an image of any size.

        Raises:
            DatasetError: the image has more than 8 bits per channel.
        """
        check_eight_bits(image, "image")
        geometry = self.geometry(image.width, image.height)
        (rows, columns), (top, left) = geometry.resized, geometry.offset
        height, width = self.input_size
        resized = image.convert("RGB").resize((columns, rows), INTERPOLATIONS[self.interpolation])
        return np.array(resized.crop((left, top, left + width, top + height)))

    def normalized(self, pixels: Tensor) -> Tensor:
        """Return the model's input [..., 3, H, W] float32 for pixels [..., H, W, 3] uint8.

        In memory the channels stay last.
        """
        channels = pixels.movedim(-1, -3).float()
        if self.bgr:
            channels = channels.flip(-3)
        if self.scale == 1:
            channels = channels / 255
        mean, std = (channels.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (channels - mean) / std

    def with_input_size(self, size: int | tuple[int, int]) -> Preprocessing:
        """Return a copy with another input size; the crop keeps its fraction of the image."""
        new, old, resize = _size("input_size", size), self.input_size, _size("resize", self.resize)
        resize = (new[0] * resize[0] // old[0], new[1] * resize[1] // old[1])
        return dataclasses.replace(self, input_size=new, resize=resize)

    def describe(self) -> dict[str, Any]:
        """Return the fields as JSON values; `from_description` reads them back."""
        fields = dataclasses.asdict(self)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}

    @classmethod
    def from_description(cls, fields: Mapping[str, Any], where: str = "") -> Preprocessing:
        """Create preprocessing from the fields of a JSON object.

        Args:
            where: name of the file, for messages.

        Raises:
            ModelError, UnknownNameError: a field is not valid; the message names it.
        """
        valid = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in valid:
                raise UnknownNameError("preprocessing field", name, valid, where)
        try:
            return cls(**fields)
        except (ModelError, UnknownNameError) as error:
            raise ModelError(f"{where}: {error}" if where else str(error)) from error
        except TypeError as error:
            raise ModelError(f"{where}: a preprocessing field has a wrong type: {error}") from error

    def __str__(self) -> str:
        """Return one line for people.

        >>> print(Preprocessing())
        resized to 256 x 256 (cover, bilinear), middle 224 x 224, RGB 0..1, \
mean 0.485 0.456 0.406, std 0.229 0.224 0.225
        """
        size, resize = (f"{h} x {w}" for h, w in (self.input_size, _size("resize", self.resize)))
        mean, std = (" ".join(f"{v:g}" for v in values) for values in (self.mean, self.std))
        order = "BGR" if self.bgr else "RGB"
        return (
            f"resized to {resize} ({self.fit}, {self.interpolation}), middle {size}, {order} "
            f"0..{self.scale}, mean {mean}, std {std}"
        )


def _size(field: str, value: Any) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, Integral) else value
    if (
        not isinstance(pair, list | tuple)
        or len(pair) != 2
        or not all(
            isinstance(side, Integral) and not isinstance(side, bool) and 0 < int(side) <= MAX_SIDE
            for side in pair
        )
    ):
        raise ModelError(
            f"{field} {value} is not valid; valid: 1 to {MAX_SIDE} pixels, or height and width"
        )
    return int(pair[0]), int(pair[1])


def _channels(field: str, value: Any) -> tuple[float, float, float]:
    values = value if isinstance(value, list | tuple | np.ndarray) else ()
    numbers = tuple(float(v) for v in values if isinstance(v, Real))
    if not len(values) == len(numbers) == 3 or not all(map(math.isfinite, numbers)):
        raise ModelError(f"{field} {value} is not valid; valid: one number for each of 3 channels")
    return numbers
