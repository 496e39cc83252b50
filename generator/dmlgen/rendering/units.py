"""Cutting a plan into work: in which order rows are rendered, and by whom.

None of this changes a byte of the dataset: a picture is a pure function of its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dmldata.common.errors import InputError
from dmlgen.plan.draw import PlannedImage

LARGEST_UNIT = 32
UNITS_PER_WORKER = 8
_DEAR_TO_CHANGE = ("environment", "car_model", "sun_elevation", "sun_rotation")
"""Factors that cost the most to change from one picture to the next, the dearest first."""

Unit = tuple[PlannedImage, ...]


@dataclass(frozen=True)
class Slice:
    """The `number`-th of `of` parts of a plan, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_slice(text: str) -> Slice:
    """A slice as a user writes it.

    >>> parse_slice("3/100")
    Slice(number=3, of=100)

    Raises:
        InputError: anything else.
    """
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isdecimal() and len(part) <= 6 for part in parts):
        raise InputError(f"--slice {text}: has to be like 3/100, the third of a hundred slices")
    number, of = (int(part) for part in parts)
    if not 1 <= number <= of:
        raise InputError(f"--slice {text}: the slices of {of} are 1/{of} to {of}/{of}")
    return Slice(number, of)


def cut(images: Sequence[PlannedImage], workers: int) -> list[Unit]:
    """Units of work: runs of rows that look alike, so that little is rebuilt between two of them.

    Args:
        workers: that share the work; there are several units for each.

    >>> rows = [PlannedImage(f"{i}", "test", i, 0, 0, {"car_model": "ab"[i % 2]}) for i in range(6)]
    >>> [[image.key for image in unit] for unit in cut(rows, 1)[:3]]
    [['0'], ['2'], ['4']]
    """
    rows = sorted(images, key=lambda image: (_dearness(image), image.key))
    size = max(1, min(LARGEST_UNIT, len(rows) // (UNITS_PER_WORKER * workers)))
    return [tuple(rows[start : start + size]) for start in range(0, len(rows), size)]


def take_slice(images: Sequence[PlannedImage], part: Slice | None) -> list[PlannedImage]:
    """The rows of a slice, in the order of the plan; all of them where there is none.

    Slices are dealt units in turn, so that each gets its share of what is slow to render.
    """
    if part is None:
        return list(images)
    units = cut(images, part.of)[part.number - 1 :: part.of]
    keys = {image.key for unit in units for image in unit}
    return [image for image in images if image.key in keys]


def _dearness(image: PlannedImage) -> tuple[str, ...]:
    return tuple(str(image.values.get(key)) for key in _DEAR_TO_CHANGE)
