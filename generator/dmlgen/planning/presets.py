"""Presets: how much work goes into a picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from dmldata.common.errors import FieldError, UnknownNameError


@dataclass(frozen=True)
class Preset:
    """Settings of Cycles.

    Attributes:
        samples: number of light paths per pixel.
        car_samples: number of further ones in the rectangle around the car.
        max_bounces: maximum number of bounces of a path.
    """

    samples: int
    car_samples: int
    max_bounces: int


PRESETS = {
    "draft": Preset(samples=8, car_samples=8, max_bounces=5),
    "standard": Preset(samples=12, car_samples=20, max_bounces=8),
    "final": Preset(samples=64, car_samples=128, max_bounces=12),
}

DEVICES = ("auto", "cpu", "cuda", "optix")
SIZES = (16, 8192)
SENSOR_WIDTH_MM = 36.0
"""Width of the camera's sensor, along the longer side of the picture."""


def parse_size(text: str) -> int | tuple[int, int]:
    """Parse the size of a picture in pixels: `256`, or `384x288` for width and height.

    >>> parse_size("256"), parse_size("384x288")
    (256, (384, 288))

    Raises:
        FieldError: anything else.
    """
    sides = text.lower().split("x")
    if not all(side.isdecimal() and len(side) <= 9 for side in sides) or len(sides) > 2:
        raise FieldError({"size": text}, "has to be like 256, or 384x288 (width x height)")
    return int(text) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


@dataclass(frozen=True)
class Engine:
    """Everything besides the plan and the scene files that decides what a picture's bytes are.

    Attributes:
        size: width and height of the pictures in pixels; one number for square ones.
        device: one of DEVICES; 'auto' takes a GPU when there is one.
        depth, normals: whether every sample has a map of depth, or of normals, too.

    >>> Engine("draft", 128).settings()["car_samples"]
    8
    """

    preset: str
    size: int | tuple[int, int]
    device: str = "auto"
    depth: bool = False
    normals: bool = False

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise UnknownNameError("preset", self.preset, PRESETS)
        if self.device not in DEVICES:
            hint = "did you mean 'cuda'?" if self.device == "gpu" else ""
            raise UnknownNameError("device", self.device, DEVICES, hint=hint)
        for side in (self.width, self.height):
            if not SIZES[0] <= side <= SIZES[1]:
                raise FieldError({"size": side}, f"has to be {SIZES[0]} to {SIZES[1]} pixels")

    @property
    def width(self) -> int:
        """Number of pixels in a row."""
        return self.size if isinstance(self.size, int) else self.size[0]

    @property
    def height(self) -> int:
        """Number of pixels in a column."""
        return self.size if isinstance(self.size, int) else self.size[1]

    def settings(self) -> dict[str, object]:
        """Return all settings, for the manifest."""
        settings = asdict(PRESETS[self.preset])
        return {
            "engine": "cycles",
            "preset": self.preset,
            "width": self.width,
            "height": self.height,
            "sensor_width_mm": SENSOR_WIDTH_MM,
            **settings,
            **{name: True for name in ("depth", "normals") if getattr(self, name)},
        }
