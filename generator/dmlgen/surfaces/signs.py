"""Atlases of what is written on a car dealer's forecourt; the words name no real business."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dmldata.common.color import decode_srgb
from dmlgen.surfaces.grounds import Surface
from dmlgen.surfaces.noise import fractal

Pixel = tuple[int, int, int]

_FLAGS: tuple[tuple[str, Pixel, Pixel], ...] = (
    ("SALE", (176, 24, 30), (240, 240, 240)),
    ("USED CARS", (24, 60, 140), (240, 240, 240)),
    ("TRADE-IN", (236, 178, 20), (30, 40, 60)),
    ("SERVICE", (226, 226, 222), (30, 40, 60)),
)
_FASCIAS: tuple[tuple[str, Pixel, Pixel], ...] = (
    ("CAR CENTER", (226, 226, 222), (28, 44, 92)),
    ("USED CARS", (226, 226, 222), (130, 24, 28)),
    ("AUTO SALES", (34, 36, 40), (226, 226, 222)),
    ("CAR SERVICE", (24, 60, 140), (232, 232, 232)),
)
"""What is written, on which ground and in which color."""


def flags(size: int, rng: np.random.Generator) -> Surface:
    """Generate an atlas of upright flags, side by side, written upwards."""
    panels = [_panel(size, size // len(_FLAGS), *flag) for flag in _FLAGS]
    return _faded(np.concatenate([np.rot90(panel) for panel in panels], axis=1), rng)


def fascias(size: int, rng: np.random.Generator) -> Surface:
    """Generate an atlas of names above a door, one above the other."""
    panels = [_panel(size, size // len(_FASCIAS), *fascia) for fascia in _FASCIAS]
    return _faded(np.concatenate(panels), rng)


def _panel(width: int, height: int, text: str, ground: Pixel, ink: Pixel) -> NDArray[np.uint8]:
    """Return a panel with a text in its middle, [height, width, 3]."""
    panel = Image.new("RGB", (width, height), ground)
    font = ImageFont.load_default(height)
    box = font.getbbox(text, stroke_width=2)
    left, top, right, bottom = (round(side) for side in box)
    letters = Image.new("L", (right - left, bottom - top), 0)
    draw = ImageDraw.Draw(letters)
    draw.text((-left, -top), text, fill=255, font=font, stroke_width=2)
    scale = min(0.5 * height / letters.height, 0.84 * width / letters.width)
    letters = letters.resize((round(letters.width * scale), round(letters.height * scale)))
    panel.paste(ink, ((width - letters.width) // 2, (height - letters.height) // 2), letters)
    return np.asarray(panel)


def _faded(encoded: NDArray[np.uint8], rng: np.random.Generator) -> Surface:
    """Return a surface of colors as on a screen, a little faded by the weather."""
    faded = encoded / 255 * (1 + 0.03 * fractal(len(encoded), 4.0, rng, 1))[..., None]
    return Surface(decode_srgb(np.clip(faded, 0, 1)))
