"""Encode images, and maps over them, as data URIs."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image, features

from dmlbench.maps.geometry import Geometry
from dmldata.common.arrays import Floats

DIMMED, OUTSIDE = 0.55, 0.25
_WEIGHTS = np.array([0.299, 0.587, 0.114])


def data_uri(image: Image.Image) -> str:
    """Encode an image as WebP, or as JPEG if Pillow lacks WebP."""
    kind = "webp" if features.check("webp") else "jpeg"
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, kind.upper(), quality=82)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def shrink(image: Image.Image, width: int) -> Image.Image:
    """Resize an image to this width in pixels; never enlarge it."""
    if image.width <= width:
        return image.convert("RGB")
    height = max(1, round(image.height * width / image.width))
    return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def overlay(image: Image.Image, saliency: Floats, geometry: Geometry) -> Image.Image:
    """Draw a map over a darkened gray image: black and purple are low, yellow is high.

    Args:
        image: the whole image in any size of its aspect ratio.
        saliency: [H, W] in [0, 1], in the pixels of the model's input.
        geometry: where that input lies in the image; the rest of the image is darker.
    """
    gray = (np.asarray(image.convert("RGB"), np.float64) @ _WEIGHTS)[:, :, None] / 255
    strength, seen = _carried_back(image, saliency, geometry)
    base = gray * np.where(seen, DIMMED, OUTSIDE)[:, :, None]
    glow = np.asarray(colormaps["inferno"](strength))[:, :, :3]
    share = (0.9 * np.sqrt(strength))[:, :, None]
    return Image.fromarray((255 * (base * (1 - share) + glow * share)).round().astype(np.uint8))


def _carried_back(
    image: Image.Image, saliency: Floats, geometry: Geometry
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the map in the pixels of `image`, 0 outside the input, and a mask of the input."""
    horizontal, vertical = image.width / geometry.image[1], image.height / geometry.image[0]
    box = geometry.box
    left, right = round(box.left * horizontal), round(box.right * horizontal)
    top, bottom = round(box.top * vertical), round(box.bottom * vertical)
    size = (max(right - left, 1), max(bottom - top, 1))
    source = Image.fromarray(np.asarray(saliency, np.float32))
    resized = source.resize(size, Image.Resampling.BILINEAR)
    canvas = Image.new("F", image.size, -1.0)
    canvas.paste(resized, (left, top))
    values = np.asarray(canvas, np.float64)
    return np.clip(values, 0, 1), values >= 0
