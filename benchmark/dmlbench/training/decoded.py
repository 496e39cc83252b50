"""Decode and resize images once, so that every epoch only reads pixels."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from dmlbench.models import Preprocessing
from dmlbench.models.preprocessing import INTERPOLATIONS
from dmlbench.sources import ImageSource

MEMORY = 0.5
"""Fraction of the free memory that pixels may fill; more pixels go to a memory-mapped file."""


class DecodedImages:
    """N RGB images, resized for a model but not cropped; made by `decode_images`.

    Args:
        pixels: uint8 pixels of all images, one after the other.
        sizes: (height, width) of each image.
    """

    def __init__(self, pixels: NDArray[np.uint8], sizes: Sequence[tuple[int, int]]) -> None:
        lengths = [3 * height * width for height, width in sizes]
        self._pixels = pixels
        self._sizes = np.array(sizes, np.int64).reshape(-1, 2)
        self._starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, row: int) -> Image.Image:
        height, width = self._sizes[row]
        pixels = self._pixels[self._starts[row] : self._starts[row + 1]]
        return Image.fromarray(pixels.reshape(height, width, 3))


def decode_images(
    source: ImageSource,
    keys: Sequence[str],
    preprocessing: Preprocessing,
    folder: Path,
    progress: Callable[[], None],
) -> DecodedImages:
    """Decode and resize images of a source.

    They are resized exactly as by `preprocessing`, which then does not resize them again.

    Args:
        keys: [N] keys, in the order of the source.
        folder: folder of a temporary file for the pixels, if MEMORY is not enough.
        progress: called after each image.

    Raises:
        DatasetError: an image is missing or damaged.
    """
    file: IO[bytes] | None = None
    sizes: list[tuple[int, int]] = []
    for item in source.samples_iter(keys=set(keys), with_mask=False):
        image = _resized(item.image, preprocessing)
        if file is None:
            # The first image is the estimate for all: shapes do not differ by orders of magnitude.
            needed = len(keys) * image.width * image.height * 3
            file = _room(needed, folder)
        file.write(image.tobytes())
        sizes.append((image.height, image.width))
        progress()
    if file is None:
        return DecodedImages(np.zeros(0, np.uint8), [])
    if isinstance(file, BytesIO):
        return DecodedImages(np.frombuffer(file.getbuffer(), np.uint8), sizes)
    file.flush()
    return DecodedImages(np.memmap(file, np.uint8, "r"), sizes)


def _room(needed: int, folder: Path) -> IO[bytes]:
    if needed <= MEMORY * psutil.virtual_memory().available:
        return BytesIO()
    return tempfile.TemporaryFile(dir=folder)


def _resized(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    rows, columns = preprocessing.geometry(image.width, image.height).resized
    return image.convert("RGB").resize((columns, rows), INTERPOLATIONS[preprocessing.interpolation])
