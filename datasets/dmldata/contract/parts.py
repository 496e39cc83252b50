"""What a pixel of a mask says."""

from __future__ import annotations

from enum import IntEnum


class Part(IntEnum):
    """Value of a pixel in `<key>.mask.png`: what the camera sees there."""

    BACKGROUND = 0
    PAINT = 1
    GLASS = 2
    WHEEL = 3
    LIGHT = 4
    OTHER = 5
