"""Parts of a car: the values of the pixels of a mask."""

from __future__ import annotations

from enum import IntEnum


class Part(IntEnum):
    """Value of a pixel in `<key>.mask.png`: the part that the camera sees there."""

    BACKGROUND = 0
    PAINT = 1
    GLASS = 2
    WHEEL = 3
    LIGHT = 4
    OTHER = 5
