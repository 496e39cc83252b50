"""Split a plan into work units and slices: which worker renders which rows, in what order.

None of this changes a byte of the dataset: a picture is a pure function of its row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dmldata.common.errors import InputError
from dmlgen.planning.images import PlannedImage

MAX_UNIT_ROWS = 32
UNITS_PER_WORKER = 8
_EXPENSIVE_TO_CHANGE = ("environment", "lights_on", "car_model", "sun_elevation", "sun_rotation")
"""Factors that take longest to change between two pictures, the most expensive first."""

Unit = tuple[PlannedImage, ...]


@dataclass(frozen=True)
class Slice:
    """Part `number` (from 1) of the `of` parts of a plan."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_slice(text: str) -> Slice:
    """Parse a slice as a user writes it, I/N.

    >>> parse_slice("3/100")
    Slice(number=3, of=100)

    Raises:
        InputError: anything else.
    """
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isdecimal() and len(part) <= 6 for part in parts):
        raise InputError(
            f"--slice {text}: has to be I/N, such as 3/100 for the third of a hundred slices"
        )
    number, of = (int(part) for part in parts)
    if not 1 <= number <= of:
        valid = f"1/{of} to {of}/{of}" if of else "I/N with N above 0, such as 1/2"
        raise InputError(f"--slice {text}: valid: {valid}")
    return Slice(number, of)


def cut(images: Sequence[PlannedImage], workers: int) -> list[Unit]:
    """Split rows into work units of similar rows, so that little is rebuilt between two rows.

    Args:
        workers: number of workers that share the work; there are several units for each.

    >>> rows = [PlannedImage(f"{i}", "test", i, 0, 0, {"car_model": "ab"[i % 2]}) for i in range(6)]
    >>> [[image.key for image in unit] for unit in cut(rows, 1)[:3]]
    [['0'], ['2'], ['4']]
    """
    rows = sorted(images, key=lambda image: (_expensive_values(image), image.key))
    size = max(1, min(MAX_UNIT_ROWS, len(rows) // (UNITS_PER_WORKER * workers)))
    return [tuple(rows[start : start + size]) for start in range(0, len(rows), size)]


def take_slice(images: Sequence[PlannedImage], part: Slice | None) -> list[PlannedImage]:
    """Return the rows of a slice, in the order of the plan; all rows if `part` is None.

    Units are dealt to the slices in turn, so that each gets its share of the slow rows.
    """
    if part is None:
        return list(images)
    units = cut(images, part.of)[part.number - 1 :: part.of]
    keys = {image.key for unit in units for image in unit}
    return [image for image in images if image.key in keys]


def _expensive_values(image: PlannedImage) -> tuple[str, ...]:
    return tuple(str(image.values.get(key)) for key in _EXPENSIVE_TO_CHANGE)
