"""Decode photographs from untrusted bytes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from PIL import Image

from dmldata.common.errors import DatasetError
from dmldata.common.files import read_file
from dmldata.common.foreign import reading
from dmldata.contract.decode import check_eight_bits

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF")
EXTENSIONS = ("jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "gif", "jfif")
MAX_ASPECT = 100
"""Maximum ratio of the longer to the shorter side. Beyond it, resizing would turn an image of few
bytes into very many pixels."""


def is_image(name: str) -> bool:
    """Return whether a file's name has the extension of an image.

    >>> is_image("bicycle_final/1_0.JPG"), is_image("model.pkl")
    (True, False)
    """
    return name.rpartition(".")[2].lower() in EXTENSIONS


def read_photograph(path: Path) -> Image.Image:
    """Read an image file to RGB.

    Raises:
        DatasetError: the file is missing, not a file or too large; see also `decode_photograph`.
    """
    with reading(str(path), "an image file", DatasetError):
        data = read_file(path)
    return decode_photograph(data, str(path))


def decode_photograph(data: bytes, where: str) -> Image.Image:
    """Decode an image to RGB; the format is recognized by its content.

    Of several frames (GIF, TIFF), the first is used. As in torchvision's image folders,
    transparency is dropped and an orientation in EXIF data is not applied.

    Args:
        where: file and key, for messages.

    Raises:
        DatasetError: the image has an unknown format, more pixels than Pillow's MAX_IMAGE_PIXELS
            (checked before a pixel is decoded), an aspect ratio above MAX_ASPECT or a depth other
            than 8 bits, or is damaged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            reason = str(error).partition(",")[0]
            raise DatasetError(f"{where}: {reason}: refused as a decompression bomb") from None
        except Exception as error:  # Pillow's decoders raise many kinds for damaged headers
            reason = str(error).partition("<")[0].strip()
            raise DatasetError(
                f"{where}: not a picture: {reason}; valid: {', '.join(FORMATS)}"
            ) from None
    if max(image.size) > MAX_ASPECT * min(image.size):
        raise DatasetError(
            f"{where}: {image.width} x {image.height} pixels; valid: sides of a ratio up to "
            f"{MAX_ASPECT}"
        )
    check_eight_bits(image, where)
    try:
        return image.convert("RGB")
    except Exception as error:  # as above, for damaged pixels
        raise DatasetError(f"{where}: damaged: {error}") from None
