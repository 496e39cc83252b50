"""Prepare the images of a source model: paint over badges, then enlarge without hard pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmldata.common.errors import InputError
from dmlgen.catalog.car_edits import Retouch

MAX_IMAGE_SIDE = 1024
"""Maximum of the longer side of an image in a GLB file, in pixels."""


def prepare_images(folder: Path, retouches: tuple[Retouch, ...]) -> None:
    """Retouch and resize all images in `folder`, in place.

    Raises:
        InputError: a retouch names an image that does not exist, or a box outside of it.
    """
    files = {path.name: path for path in folder.iterdir() if path.suffix in (".png", ".jpg")}
    for retouch in retouches:
        if retouch.image not in files:
            raise InputError(
                f"retouch: no image '{retouch.image}'; the source has {', '.join(sorted(files))}"
            )
    for name, path in files.items():
        pixels = _on_black(path)
        for retouch in retouches:
            if retouch.image == name:
                _paint_over(pixels, retouch)
        image = Image.fromarray(pixels)
        scale = min(4.0, MAX_IMAGE_SIDE / max(image.size))
        size = (round(image.width * scale), round(image.height * scale))
        image.resize(size, Image.Resampling.BICUBIC).save(path, quality=95)


def _on_black(path: Path) -> NDArray[np.uint8]:
    """Return the image on black, which does not bleed into faces at their rim."""
    with Image.open(path) as image:
        source = image.convert("RGBA")
    flat = Image.new("RGBA", source.size, (0, 0, 0, 255))
    flat.alpha_composite(source)
    return np.array(flat.convert("RGB"))


def _paint_over(pixels: NDArray[np.uint8], retouch: Retouch) -> None:
    left, top, right, bottom = retouch.box
    height, width = pixels.shape[:2]
    if not (0 < left < right < width and 0 < top < bottom < height):
        raise InputError(
            f"retouch: box {list(retouch.box)} is not inside {retouch.image} ({width} x {height})"
        )
    if retouch.color is not None:
        pixels[top:bottom, left:right] = retouch.color
        return
    if retouch.along == "x":
        first, last = pixels[top:bottom, left - 1, None], pixels[top:bottom, right, None]
        share = np.linspace(0, 1, right - left)[None, :, None]
    else:
        first, last = pixels[None, top - 1, left:right], pixels[None, bottom, left:right]
        share = np.linspace(0, 1, bottom - top)[:, None, None]
    pixels[top:bottom, left:right] = (1 - share) * first + share * last
