"""How long a plan takes to render and how large it gets, from measurements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.filesize import decimal

from dmldata.console import duration
from dmlgen.presets import Engine

_SECONDS = {"draft": (0.2, 22.0), "standard": (0.5, 30.0), "final": (0.0, 240.0)}
_BYTES = (7_000.0, 183_000.0)
"""Fixed part and part per megapixel, from the table in docs/performance.md."""


@dataclass(frozen=True)
class Estimate:
    """Seconds on two CPU cores, and bytes."""

    seconds: float
    bytes: float

    def describe(self) -> str:
        """For people: 'about 12 minutes on two CPU cores, about 3.4 MB'."""
        return (
            f"about {duration(self.seconds)} on two CPU cores, about {decimal(round(self.bytes))}"
        )

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {"seconds_on_two_cores": round(self.seconds), "bytes": round(self.bytes)}


def estimate(images: int, engine: Engine) -> Estimate:
    """What `images` images will take.

    A frame costs a fixed part and one that grows with its pixels; both were measured by
    benchmarks/render.py with the recipe `paper`, and so was the size of a sample.
    """
    megapixels = engine.width * engine.height / 1e6
    fixed, per_megapixel = _SECONDS[engine.preset]
    return Estimate(
        seconds=images * (fixed + per_megapixel * megapixels),
        bytes=images * (_BYTES[0] + _BYTES[1] * megapixels),
    )
