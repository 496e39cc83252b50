"""A frame: what a worker renders from one row of the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Frame:
    """A rendered row.

    Attributes:
        key: key of the image in its dataset.
        files: bytes of its files by extension: the picture first, then the maps.
        measured: columns of its row that are measured in the picture: box, area, camera matrix.
        seconds: time spent in each stage, in seconds; not part of the dataset.
    """

    key: str
    files: dict[str, bytes]
    measured: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)
