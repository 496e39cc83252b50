"""The render worker: a process that keeps a stage loaded and renders the rows it receives."""

from __future__ import annotations

import os
import tempfile
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from dmldata.common.errors import PrismError
from dmlgen.blender import failure, import_blender
from dmlgen.planning.images import PlannedImage
from dmlgen.planning.presets import Engine
from dmlgen.rendering.frames import Frame


def render_rows(connection: Connection, engine: Engine, threads: int, scratch: Path) -> None:
    """Render images until the other end of the connection is closed.

    Receives `PlannedImage`s and answers each with its `Frame`. An exception is sent in place of a
    frame, and ends the worker.

    Args:
        threads: number of threads that Blender may use; 0 for one per core.
        scratch: folder for temporary files, including Blender's. Whoever made the folder removes
            it, because this process may be killed.
    """
    os.environ["TMPDIR"] = str(scratch)
    tempfile.tempdir = str(scratch)
    try:
        import_blender(threads)
        from dmlgen.scene.picture import Photographer
        from dmlgen.scene.stage import Stage

        stage = Stage(engine, threads)
        photographer = Photographer(Path(tempfile.mkdtemp(dir=scratch)))
        while True:
            image = connection.recv()
            connection.send(_rendered(image, stage, photographer))
    except (EOFError, ConnectionError):
        return
    except PrismError as error:
        connection.send(error)
    except Exception as error:
        traceback.print_exc()
        connection.send(failure(error))


def _rendered(image: PlannedImage, stage, photographer) -> Frame:  # type: ignore[no-untyped-def]
    stage.set(image.values, image.seed)
    picture = stage.photograph(photographer)
    box = picture.box or (None, None, None, None)
    measured = {
        **dict(zip(("car_x0", "car_y0", "car_x1", "car_y1"), box, strict=True)),
        "car_area": picture.area,
        "camera_matrix": [x for row in stage.camera.world_to_camera() for x in row],
    }
    return Frame(image.key, {"jpg": picture.jpg, **picture.maps}, measured, picture.seconds)
