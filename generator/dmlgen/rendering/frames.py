"""A frame: what a worker renders from one row of the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Frame:
    """A rendered row.

    Attributes:
        key: key of the image in its dataset.
        jpg, mask: bytes of its files.
        measured: columns of its row that are measured in the picture: box, area, camera matrix.
        seconds: time spent in each stage, in seconds; not part of the dataset.
    """

    key: str
    jpg: bytes
    mask: bytes
    measured: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """Return its files by extension."""
        return {"jpg": self.jpg, "mask.png": self.mask}
