"""Render a dataset from a program, and open it."""

from __future__ import annotations

from pathlib import Path

from dmldata.common.errors import InputError
from dmldata.common.output import say
from dmldata.dataset import Dataset, open_dataset
from dmlgen.api.planned import plan
from dmlgen.planning.draw import Plan
from dmlgen.planning.presets import Engine, parse_size
from dmlgen.rendering import run
from dmlgen.rendering.finished import finished
from dmlgen.rendering.job import staging_of
from dmlgen.rendering.monitor import watched
from dmlgen.rendering.remote import is_url


def render(
    recipe: str | Path | Plan = "paper",
    *,
    out: str | Path,
    size: int | str = 256,
    preset: str = "standard",
    device: str = "auto",
    depth: bool = False,
    normals: bool = False,
    workers: int | None = None,
    quiet: bool = False,
    **planned: str | int | None,
) -> Dataset:
    """Render a dataset into a folder, as `dmlgen render` does, and open it.

    After an interruption, the same call resumes; of a finished dataset nothing is rendered again.

    Args:
        recipe: name of a recipe of the project, path of a YAML file, or a plan.
        out: new or empty folder for the dataset, or one that the same call began to fill.
        size: side of the images in pixels, or width and height as in "384x288".
        preset: render quality: draft, standard or final.
        device: device to render on: auto, cpu, cuda or optix.
        depth, normals: whether every sample gets a map of depth, or of normals, too.
        workers: number of worker processes; by default one per CPU core, if memory allows.
        quiet: show no progress.
        planned: of a recipe, the keywords of `plan`, such as `factor="color"` or `count=96`.

    Raises:
        InputError: something is not valid, Blender is not installed, or `out` holds something else.
        PrismError: the renderer failed; finished images are kept for the next call.

    ```python
    colors = dmlgen.render("paper", factor="color", scenes=2, out="colors")
    colors.to_frame()[["scene_id", "paint_hue"]]
    ```
    """
    if isinstance(recipe, Plan) and planned:
        raise InputError(f"{', '.join(planned)}: the plan has decided this; valid: with a recipe")
    drawn = recipe if isinstance(recipe, Plan) else plan(recipe, **planned)  # type: ignore[arg-type]
    engine = Engine(preset, parse_size(str(size)), device, depth, normals)
    if is_url(str(out)):
        raise InputError(f"out {out}: a URL; valid: a folder here, or dmlgen render --out {out}")
    folder = Path(out).expanduser()
    if finished(drawn, engine, folder) is None:
        executor = run.local_workers(engine, workers)
        with watched(staging_of(folder, None), quiet=quiet) as watch:
            run.render(drawn, engine, folder, executor=executor, on_progress=watch)
    dataset = open_dataset(folder)
    missing = dataset.manifest.set_aside
    if missing and not quiet:
        say(f"{len(missing)} images could not be rendered; see dataset.manifest.set_aside")
    return dataset
