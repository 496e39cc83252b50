"""Decode the files of a sample, which are not trusted, to pixels."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmldata.common.errors import DatasetError
from dmldata.contract.parts import Part

EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "La", "RGBa")
"""Pillow's modes that convert to RGB without loss; modes with more bits would clip at 255."""

_FORMATS = {"jpg": "JPEG", "png": "PNG", "mask.png": "PNG", "depth.png": "PNG", "normal.png": "PNG"}

MAX_DEPTH = 65_535
"""Millimeters that a map of depth holds at most: what is further away, or nothing."""
NORMAL_ZERO, NORMAL_SCALE = 128, 127
"""A component n of a normal, -1 to 1, is 128 + 127 n in a map of normals."""


def size_of(data: bytes, extension: str, where: str) -> tuple[int, int]:
    """Return width and height of a picture; only its header is read.

    Raises:
        DatasetError: not a picture of the format that the extension names.
    """
    return _open(data, extension, where).size


def check_header(data: bytes, extension: str, size: tuple[int, int], where: str) -> None:
    """Check that a picture is what its extension names, and of `size`; only its header is read.

    Raises:
        DatasetError: another format or size.
    """
    _check_size(_open(data, extension, where), size, where)


def decode_image(data: bytes, extension: str, size: tuple[int, int], where: str) -> Image.Image:
    """Decode a jpg or png to RGB.

    Args:
        size: required width and height; checked before pixels are decoded, so that a small file
            cannot fill the memory.
        where: shard and member, for messages.

    Raises:
        DatasetError: the picture has another format or size, more than 8 bits, or is damaged.
    """
    image = _open(data, extension, where)
    check_eight_bits(image, where)
    return _load(image, size, where).convert("RGB")


def check_eight_bits(image: Image.Image, where: str) -> None:
    """Check that an image has 8 bits per channel, so that it converts to RGB without loss.

    Raises:
        DatasetError: it has more bits per channel.
    """
    if image.mode not in EIGHT_BIT_MODES:
        raise DatasetError(f"{where}: mode {image.mode}; valid: 8 bits per channel")


def decode_mask(data: bytes, size: tuple[int, int], where: str) -> NDArray[np.uint8]:
    """Decode a mask to uint8 [H, W]; values as in `dmldata.contract.parts.Part`.

    Raises:
        DatasetError: not an 8-bit grayscale PNG, another size, damaged, a value above 5.
    """
    image = _open(data, "mask.png", where)
    if image.mode != "L":
        raise DatasetError(f"{where}: mode {image.mode}, a mask is 8-bit grayscale (L)")
    mask = np.array(_load(image, size, where), dtype=np.uint8)
    if mask.max() > max(Part):
        raise DatasetError(f"{where}: value {mask.max()}, a mask holds 0 to {max(Part)}")
    return mask


def decode_depth(data: bytes, size: tuple[int, int], where: str) -> NDArray[np.uint16]:
    """Decode a map of depth to uint16 [H, W]: millimeters along the axis of the camera.

    MAX_DEPTH stands for what is as far away or further, and for nothing.

    Raises:
        DatasetError: not a 16-bit grayscale PNG, another size, damaged.
    """
    image = _open(data, "depth.png", where)
    if image.mode not in ("I;16", "I"):
        raise DatasetError(f"{where}: mode {image.mode}, a depth map is 16-bit grayscale")
    return np.array(_load(image, size, where)).astype(np.uint16)


def decode_normals(data: bytes, size: tuple[int, int], where: str) -> NDArray[np.float32]:
    """Decode a map of normals to float32 [H, W, 3] in coordinates of the camera.

    They are x to the right, y up and z towards the camera. The length is 1 but for rounding, and 0
    where there is no surface.

    Raises:
        DatasetError: not an 8-bit RGB PNG, another size, damaged.
    """
    image = _open(data, "normal.png", where)
    if image.mode != "RGB":
        raise DatasetError(f"{where}: mode {image.mode}, a map of normals is 8-bit RGB")
    color = np.asarray(_load(image, size, where), np.float32)
    normals = (color - NORMAL_ZERO) / NORMAL_SCALE
    normals[(color == 0).all(axis=2)] = 0
    return normals


def _open(data: bytes, extension: str, where: str) -> Image.Image:
    expected = _FORMATS[extension]
    try:
        return Image.open(io.BytesIO(data), formats=(expected,))
    except Exception as error:  # Pillow's decoders raise many kinds for damaged headers
        reason = str(error).partition("<")[0].strip()
        raise DatasetError(f"{where}: not a {expected} picture: {reason}") from None


def _check_size(image: Image.Image, size: tuple[int, int], where: str) -> None:
    if image.size != size:
        raise DatasetError(
            f"{where}: {image.width} x {image.height} pixels, dataset.json says "
            f"{size[0]} x {size[1]}"
        )


def _load(image: Image.Image, size: tuple[int, int], where: str) -> Image.Image:
    _check_size(image, size, where)
    try:
        image.load()
    except Exception as error:  # as above, for damaged pixels
        raise DatasetError(f"{where}: damaged: {error}") from None
    return image
