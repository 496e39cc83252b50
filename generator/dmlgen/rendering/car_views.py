"""Contact sheet of a car from all sides, to check the result of `dmlgen cars import`."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

from PIL import Image

from dmldata.common.contact_sheet import grid
from dmldata.common.errors import FieldError
from dmldata.common.files import write_atomic
from dmlgen.blender import call_in_blender
from dmlgen.catalog.assets import car_mesh, user_folder_variable
from dmlgen.factors.registry import DEFAULTS
from dmlgen.planning.presets import Engine

SIDES = (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0)
"""Degrees; 0 shows the front, 90 the car's right side with its front to the right."""
COLUMNS = 4
MAX_SIZE = 2048
"""Maximum width and height of one of the eight pictures, in pixels."""
HEIGHT = 1.3
"""Height of the camera in meters."""
DISTANCE = 1.6
"""Distance of the camera from the car, in lengths of the car."""


def check_size(size: int) -> None:
    """Raise FieldError if pictures of this many pixels would be too large a sheet."""
    if size > MAX_SIZE:
        raise FieldError({"size": size}, f"has to be at most {MAX_SIZE} pixels")


def show_car(
    name: str, out: Path, size: int = 384, device: str = "auto", cars: Path | None = None
) -> None:
    """Render a car from eight sides and write the pictures, in two rows, as one PNG file.

    Args:
        size: width and height of one picture in pixels.
        device: as in `Engine`.
        cars: folder of user cars that holds it; None for the user's default folder.

    Raises:
        InputError: the car is unknown or has no GLB file, the size is out of range, or `out` is
            not a PNG file.
    """
    if out.suffix.lower() != ".png":
        raise FieldError({"out": out}, "has to end in .png")
    if cars is None:
        car_mesh(name)
    check_size(size)
    engine = Engine("standard", size, device)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "blender.log"
        pictures = call_in_blender(_photograph_in, log, cars, name, engine, Path(folder))
    opened = [Image.open(io.BytesIO(picture)) for picture in pictures]
    sheet = grid(opened, COLUMNS, (size, size))
    png = io.BytesIO()
    sheet.save(png, "PNG", optimize=True)
    write_atomic(out, png.getvalue())


def _photograph_in(cars: Path | None, name: str, engine: Engine, scratch: Path) -> list[bytes]:
    # This runs in a process of its own, so the environment of the caller does not change.
    if cars is not None:
        os.environ[user_folder_variable("cars")] = str(cars)
    return photograph_sides(name, engine, scratch)


def photograph_sides(name: str, engine: Engine, scratch: Path) -> list[bytes]:
    """Return JPEG pictures of a car, one for each of SIDES. Imports Blender."""
    from dmlgen.scene.picture import Photographer
    from dmlgen.scene.stage import Stage

    stage = Stage(engine)
    values = {**DEFAULTS, "car_model": name, "camera_height": HEIGHT, "car_rotation": 0.0}
    stage.set(values, seed=1)
    values["camera_distance"] = DISTANCE * stage.car.length()
    photographer = Photographer(scratch)
    pictures = []
    for side in SIDES:
        stage.set({**values, "car_rotation": side}, seed=1)
        pictures.append(stage.photograph(photographer).jpg)
    return pictures
