"""How long a plan takes to render and how large it gets, from measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.filesize import decimal

from dmldata.common.text import duration
from dmlgen.planning.images import PlannedImage, values_of
from dmlgen.planning.presets import Engine

_PLAIN = {"draft": (0.29, 18.9), "standard": (0.18, 36.8), "final": (0.31, 152.0)}
_PLACE = {"draft": (0.56, 59.0), "standard": (1.19, 75.7), "final": (1.96, 322.0)}
"""Seconds per image, before a backdrop and in a place: a fixed part and one per megapixel."""
_START = 3.0
_PLAIN_BYTES, _PLACE_BYTES = (7_000.0, 183_000.0), (8_000.0, 326_000.0)
"""All from the table in docs/performance.md."""


@dataclass(frozen=True)
class Estimate:
    """Expected seconds on two CPU cores, and bytes on disk."""

    seconds: float
    bytes: float

    def describe(self) -> str:
        """Return the estimate for people: 'about 12 minutes on two CPU cores, about 3.4 MB'."""
        return (
            f"about {duration(self.seconds)} on two CPU cores, about {decimal(round(self.bytes))}"
        )

    def to_json(self) -> dict[str, object]:
        """Return the estimate for machines."""
        return {"seconds_on_two_cores": round(self.seconds), "bytes": round(self.bytes)}


def estimate(images: Sequence[PlannedImage], engine: Engine) -> Estimate:
    """Estimate the time and size of these images of a plan.

    An image costs a fixed part and one that grows with its pixels, more in a place than before a
    backdrop: measured by measurements/render.py with the recipes `paper` and `photo`. Starting,
    with two workers, takes as long as one more image, and some seconds.
    """
    megapixels = engine.width * engine.height / 1e6
    places = sum(name != "backdrop" for name in values_of(images, "environment"))
    plain = len(images) - places

    def total(of_plain: tuple[float, float], of_place: tuple[float, float]) -> float:
        a_plain, a_place = (part + more * megapixels for part, more in (of_plain, of_place))
        return plain * a_plain + places * a_place

    seconds = total(_PLAIN[engine.preset], _PLACE[engine.preset])
    return Estimate(
        seconds=_START + seconds * (1 + 1 / len(images)),
        bytes=total(_PLAIN_BYTES, _PLACE_BYTES),
    )
