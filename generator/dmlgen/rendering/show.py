"""A look at a car from all sides: what one checks after `dmlgen cars import`."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from dmldata.common.errors import InputError
from dmldata.common.files import write_atomic
from dmldata.contract.grid import grid
from dmlgen.blender import call_in_blender
from dmlgen.catalog.assets import OWN_CARS, car_mesh
from dmlgen.factors.catalogue import CONSTANTS
from dmlgen.plan.presets import Engine

SIDES = (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0)
"""Degrees; 0 shows the front, 90 the car's right side with its front to the right."""
COLUMNS = 4
MAX_SIZE = 2048
"""Of a picture in pixels: there are eight on a sheet."""
HEIGHT = 1.3
"""Of the camera, in metres."""
DISTANCE = 1.6
"""Of the camera, in lengths of the car."""


def show_car(
    name: str, out: Path, size: int = 384, device: str = "auto", cars: Path | None = None
) -> None:
    """Renders a car from eight sides and writes the pictures, in two rows, as one PNG file.

    Args:
        size: width and height of one picture in pixels.
        device: as in `Engine`.
        cars: the folder of own cars that it is in; the user's where None.

    Raises:
        InputError: unknown car, one without its GLB, a size out of range, or `out` is no PNG file.
    """
    if out.suffix.lower() != ".png":
        raise InputError(f"--out {out}: has to end in .png")
    if cars is None:
        car_mesh(name)
    if size > MAX_SIZE:
        raise InputError(f"--size {size}: has to be at most {MAX_SIZE} pixels")
    engine = Engine("standard", size, device)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "blender.log"
        pictures = call_in_blender(_photograph_in, log, cars, name, engine, Path(folder))
    opened = [Image.open(io.BytesIO(picture)) for picture in pictures]
    sheet = grid(opened, COLUMNS, (size, size))
    png = io.BytesIO()
    sheet.save(png, "PNG", optimize=True)
    write_atomic(out, png.getvalue())


def _photograph_in(cars: Path | None, *args: Any) -> list[bytes]:
    # The process is one of its own, and so is its environment.
    if cars is not None:
        os.environ[OWN_CARS] = str(cars)
    return photograph_sides(*args)


def photograph_sides(name: str, engine: Engine, scratch: Path) -> list[bytes]:
    """JPEG pictures of a car, one for each of SIDES. Imports Blender."""
    from dmlgen.scene.picture import Photographer
    from dmlgen.scene.stage import Stage

    stage = Stage(engine)
    values = {**CONSTANTS, "car_model": name, "camera_height": HEIGHT, "car_rotation": 0.0}
    stage.set(values, seed=1)
    values["camera_distance"] = DISTANCE * stage.car.length()
    photographer = Photographer(scratch)
    pictures = []
    for side in SIDES:
        stage.set({**values, "car_rotation": side}, seed=1)
        pictures.append(stage.photograph(photographer).jpg)
    return pictures
