"""The render worker: one process that keeps a stage loaded and renders the rows it is sent."""

from __future__ import annotations

import json
import tempfile
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from dmldata.errors import PrismError
from dmldata.files import write_whole
from dmlgen.plan import PlannedImage
from dmlgen.presets import Engine


def render_rows(connection: Connection, engine: Engine, staging: Path) -> None:
    """Renders images until None is received.

    Receives `PlannedImage`s; answers each with its key once its files are whole in `staging`:
    `<key>.jpg`, `<key>.mask.png`, and last `<key>.measured.json` (see `measured_file`). An
    exception is sent instead, and ends the worker.
    """
    try:
        from dmlgen.scene.picture import Photographer
        from dmlgen.scene.stage import Stage

        stage = Stage(engine)
        with tempfile.TemporaryDirectory() as scratch:
            photographer = Photographer(Path(scratch))
            while (image := connection.recv()) is not None:
                _render(image, stage, photographer, staging)
                connection.send(image.key)
    except PrismError as error:
        connection.send(error)
    except Exception as error:
        traceback.print_exc()
        connection.send(PrismError(f"rendering failed: {type(error).__name__}: {error}"))


def measured_file(staging: Path, key: str) -> Path:
    """What was measured in an image; its presence says that the image is done."""
    return staging / f"{key}.measured.json"


def _render(image: PlannedImage, stage, photographer, staging: Path) -> None:  # type: ignore[no-untyped-def]
    stage.set(image.values, image.seed)
    picture = stage.photograph(photographer)
    box = picture.box or (None, None, None, None)
    measured = {
        **dict(zip(("car_x0", "car_y0", "car_x1", "car_y1"), box, strict=True)),
        "car_area": picture.area,
        "camera_matrix": [x for row in stage.camera.world_to_camera() for x in row],
    }
    write_whole(staging / f"{image.key}.jpg", picture.jpg)
    write_whole(staging / f"{image.key}.mask.png", picture.mask)
    write_whole(measured_file(staging, image.key), json.dumps(measured))
