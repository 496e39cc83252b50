"""Compare a picture that a device renders with that of the CPU."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

from dmldata.contract.factors import Value
from dmlgen.blender import call_in_blender
from dmlgen.factors.registry import DEFAULTS
from dmlgen.planning.presets import Engine

SIZE = 128
"""Width and height of the picture in pixels."""
VALUES: dict[str, Value] = {**DEFAULTS, "environment": "car_park", "lights_on": 1.0, "dirt": 0.3}
"""A scene with sky, textures, glass, metallic paint and lamps."""
Photo = tuple[bytes, bytes, float]
"""A picture, its mask (image files) and the seconds that they took."""
MAX_DIFFERENCE = 1.0
"""Mean difference of two pictures, of 255, up to which they count as the same."""
MIN_MASK = 0.995
"""Share of the mask's pixels that have to be equal in both."""


@dataclass(frozen=True)
class Agreement:
    """How far a device's picture is that of the CPU.

    Attributes:
        difference: mean absolute difference of the pictures, 0..255.
        mask: share of pixels that have the same part in both masks.
        seconds: time of one frame on the device, after a first one.
        cpu_seconds: the same on the CPU.
    """

    difference: float
    mask: float
    seconds: float
    cpu_seconds: float

    @property
    def holds(self) -> bool:
        """Whether both count as the same picture."""
        return self.difference <= MAX_DIFFERENCE and self.mask >= MIN_MASK

    def __str__(self) -> str:
        return (
            f"mean difference from the CPU's picture {self.difference:.2f} of 255 "
            f"(at most {MAX_DIFFERENCE:g}), mask {self.mask:.2%} equal (at least {MIN_MASK:.1%}), "
            f"{self.seconds:.2f} s a frame (CPU {self.cpu_seconds:.2f} s)"
        )


def compare_with_cpu(device: str) -> Agreement:
    """Render one small picture on a device and on the CPU and compare them.

    Both trace the same paths, and their sums differ by rounding.

    Raises:
        InputError: there is no such device here, or Blender cannot run.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "blender.log"
        of_device, of_cpu = (
            call_in_blender(_photograph, log, Engine("draft", SIZE, name), VALUES, Path(folder))
            for name in (device, "cpu")
        )
    return agreement_of(of_device, of_cpu)


def agreement_of(of_device: Photo, of_cpu: Photo) -> Agreement:
    """Compare two pictures of one scene, their masks, and the time they took."""
    (jpg, mask, seconds), (cpu_jpg, cpu_mask, cpu_seconds) = of_device, of_cpu
    return Agreement(
        difference=float(np.abs(_pixels(jpg) - _pixels(cpu_jpg)).mean()),
        mask=float((_pixels(mask) == _pixels(cpu_mask)).mean()),
        seconds=seconds,
        cpu_seconds=cpu_seconds,
    )


def _photograph(engine: Engine, values: dict[str, Value], scratch: Path) -> Photo:
    """Return the second of two equal frames. Imports Blender."""
    from dmlgen.scene.picture import Photographer
    from dmlgen.scene.stage import Stage

    stage = Stage(engine)
    photographer = Photographer(scratch)
    # The first frame on a GPU compiles or loads its kernels.
    for _ in range(2):
        began = perf_counter()
        stage.set(values, seed=1)
        picture = stage.photograph(photographer)
    return picture.jpg, picture.maps["mask.png"], perf_counter() - began


def _pixels(file: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image, dtype=np.float64)
