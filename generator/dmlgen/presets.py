"""Presets: how much work goes into a picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from dmldata.errors import InputError, UnknownNameError


@dataclass(frozen=True)
class Preset:
    """Settings of Cycles.

    Attributes:
        samples: most light paths a pixel.
        noise_threshold: a pixel below this noise gets no more (adaptive sampling); 0: never stop.
        max_bounces: most bounces of a path.
    """

    samples: int
    noise_threshold: float
    max_bounces: int


PRESETS = {
    "draft": Preset(samples=12, noise_threshold=0.05, max_bounces=5),
    "standard": Preset(samples=32, noise_threshold=0.02, max_bounces=8),
    "final": Preset(samples=192, noise_threshold=0.008, max_bounces=12),
}

DEVICES = ("auto", "cpu", "cuda", "optix")
SIZES = (16, 8192)
JPEG_QUALITY = 95


@dataclass(frozen=True)
class Engine:
    """Everything besides the plan and the scene files that decides what a picture's bytes are.

    Attributes:
        size: width and height of the square pictures in pixels.
        device: one of DEVICES; 'auto' takes a GPU when there is one.
    """

    preset: str
    size: int
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise UnknownNameError("preset", self.preset, PRESETS)
        if self.device not in DEVICES:
            raise UnknownNameError("device", self.device, DEVICES)
        if not SIZES[0] <= self.size <= SIZES[1]:
            raise InputError(f"--size {self.size}: has to be {SIZES[0]} to {SIZES[1]} pixels")

    def settings(self) -> dict[str, Any]:
        """All settings, for the manifest."""
        settings = asdict(PRESETS[self.preset])
        return {
            "engine": "cycles",
            "preset": self.preset,
            "size": self.size,
            "jpeg_quality": JPEG_QUALITY,
            **settings,
        }
