"""The commands that render: `dmlgen render`, `status` and `merge`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmldata.common.cluster import EXECUTORS
from dmldata.common.commandline import path_or_url
from dmldata.common.errors import InputError, PrismError, UnknownNameError
from dmldata.common.extras import require_extras
from dmldata.common.option_groups import expand_options
from dmldata.common.options import Address, AsJson, ExecutorName
from dmldata.common.output import say
from dmldata.common.progress import progress_bar
from dmldata.common.text import command
from dmlgen.cli.plan_options import (
    DEFAULT_RECIPE,
    Device,
    PictureOptions,
    PlanOptions,
    RecipeName,
    engine_of,
    folder_name,
    plan_of,
    say_meaningless,
)

if TYPE_CHECKING:
    from dmldata.contract.manifest import Manifest
    from dmlgen.planning.draw import Plan
    from dmlgen.planning.presets import Engine
    from dmlgen.rendering.executor import Executor
    from dmlgen.rendering.remote import Destination
    from dmlgen.rendering.run import MakeExecutor, RenderProgress
    from dmlgen.rendering.supervise import Limits
    from dmlgen.rendering.units import Slice

MAX_MEMORY = 100_000
_STANDING = {
    True: " (all images of it are rendered)",
    False: " (not running; run the same command again to resume)",
}
"""What `status` says of a render without a running process, by whether all images are rendered."""

Events = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print progress events on stdout, one JSON object per line; the last is a summary.",
    ),
]
Work = Annotated[
    Path | None,
    typer.Option(
        help="Folder that keeps the frames of a dataset at a URL until it is uploaded; the default "
        "is $DML_PRISM_WORK, or ~/.cache/dml-prism/render."
    ),
]


@dataclass(frozen=True)
class ExecutorOptions:
    """Which workers render."""

    workers: Annotated[
        int | None,
        typer.Option(
            help="Number of worker processes; the default is one per CPU core, if memory allows."
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(
            help="Number of threads per worker; by default the CPU cores are shared out among the "
            "workers (1 with --executor ray)."
        ),
    ] = None
    executor: ExecutorName = "local"
    address: Address = None


@expand_options
def render(
    recipe: RecipeName = DEFAULT_RECIPE,
    *,
    plan_options: PlanOptions,
    out: Annotated[
        str | None,
        typer.Option(
            help="New or empty folder for the dataset, or a URL; the default is a folder here "
            "that is named after the recipe and the group of --factor.",
            callback=path_or_url,
        ),
    ] = None,
    picture: PictureOptions,
    device: Device = "auto",
    depth: Annotated[
        bool, typer.Option("--depth", help="Add a map of depth to every sample (16-bit PNG, mm).")
    ] = False,
    normals: Annotated[
        bool, typer.Option("--normals", help="Add a map of normals to every sample (PNG).")
    ] = False,
    executor_options: ExecutorOptions,
    part: Annotated[
        str | None,
        typer.Option(
            "--slice",
            metavar="I/N",
            help="Render only the I-th of N slices; join them with 'dmlgen merge'.",
        ),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(
            help="Memory in gigabytes above which a worker is replaced (1 or more); default 8."
        ),
    ] = None,
    work: Work = None,
    as_json: Events = False,
) -> None:
    """Render a dataset. After an interruption, run the same command again: it resumes."""
    from dmlgen.rendering.finished import finished
    from dmlgen.rendering.remote import is_url
    from dmlgen.rendering.supervise import Limits
    from dmlgen.rendering.units import parse_slice

    _check_executor(executor_options)
    engine = replace(engine_of(picture, device), depth=depth, normals=normals)
    plan = plan_of(recipe, plan_options)
    make_executor = _make_executor(engine, executor_options)
    if memory is not None and not 1 <= memory <= MAX_MEMORY:
        raise InputError(f"--memory {memory:g}: has to be 1 to {MAX_MEMORY} (gigabytes)")
    limits = Limits() if memory is None else Limits(memory=int(memory * 1e9))
    requested_slice = None if part is None else parse_slice(part)
    if out is None:
        out = folder_name(plan.recipe.name, plan_options.group)
    if not is_url(out):
        manifest = finished(plan, engine, Path(out))
        if not as_json:
            say(f"folder: {out}")
            say_meaningless(plan)
        if manifest is not None:
            _already(manifest, out, as_json)
        elif requested_slice is not None:
            left_out = _render_slice(
                plan, engine, Path(out), requested_slice, make_executor, limits, as_json
            )
            _complain(left_out)
            return
        else:
            manifest, watch = _render(plan, engine, Path(out), make_executor, limits, out, as_json)
            _conclude(manifest, out, as_json, watch)
        _complain(_left_out(manifest))
        return
    if part is not None:
        raise InputError(f"--slice {part}: --out has to be a folder; 'dmlgen merge' accepts a URL")
    _render_to_url(plan, engine, out, make_executor, limits, work, as_json)


def _render_to_url(
    plan: Plan,
    engine: Engine,
    url: str,
    make_executor: MakeExecutor,
    limits: Limits,
    work: Path | None,
    as_json: bool,
) -> None:
    """Render a plan on this machine, then upload it, unless it is there already."""
    from dmlgen.rendering.finished import check_request, finished
    from dmlgen.rendering.remote import Destination, work_folder

    destination = Destination(url)
    manifest = destination.manifest()
    if manifest is not None:
        check_request(manifest, plan, engine, destination.name)
        _already(manifest, destination.name, as_json)
        _complain(_left_out(manifest))
        return
    begun = destination.begun()
    if begun is not None:
        check_request(begun, plan, engine, destination.name)
    local = work_folder(url, work)
    manifest = finished(plan, engine, local, _other_work(local))
    destination.check()
    watch = None
    if manifest is None:
        manifest, watch = _render(
            plan, engine, local, make_executor, limits, destination.name, as_json
        )
    _carry(local, destination, as_json)
    _conclude(manifest, destination.name, as_json, watch)
    _complain(_left_out(manifest))


def status(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that --out named.")],
    as_json: AsJson = False,
) -> None:
    """Show the progress of a render that is running or was interrupted."""
    from dmlgen.rendering.job import STAGING, is_held, is_render, set_aside_in, slices_in
    from dmlgen.rendering.monitor import line, worker_lines

    stagings = [s for s in (out / STAGING, *slices_in(out)) if is_render(s)]
    if not stagings:
        what = "a finished dataset" if (out / "dataset.json").exists() else "no render"
        raise InputError(f"{out}: {what} there; valid: the folder of an unfinished render")
    documents = [
        {
            "folder": str(staging),
            "running": is_held(staging),
            "finished": set_aside_in(staging) is not None,
            **_status_of(staging),
        }
        for staging in stagings
    ]
    if as_json:
        say(json.dumps(documents))
        return
    for document in documents:
        state = "" if document["running"] else _STANDING[document["finished"]]
        say(f"{document['folder']}: {line(document)}{state}")
        for text in worker_lines(document) if document["running"] else ():
            say(f"  {text}")


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Folders that hold the slices.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL for the dataset; the default is the first DIR.",
            callback=path_or_url,
        ),
    ] = None,
    work: Work = None,
    as_json: AsJson = False,
) -> None:
    """Join slices into one dataset, the same as a single render would make."""
    from dmlgen.rendering.finished import NEW_FOLDER
    from dmlgen.rendering.remote import Destination, is_url, work_folder
    from dmlgen.rendering.run import merge as merge_slices

    where = str(folders[0]) if out is None else out
    destination = Destination(where) if is_url(where) else None
    local = Path(where)
    if destination is not None:
        destination.check()
        local = work_folder(where, work)
    with progress_bar("write shards", None, quiet=as_json) as bar:
        instead = NEW_FOLDER if destination is None else _other_work(local)
        manifest = merge_slices(folders, local, bar.report, instead)
    if destination is not None:
        _carry(local, destination, as_json)
    _conclude(manifest, where if destination is None else destination.name, as_json)
    _complain(_left_out(manifest))


def _check_executor(options: ExecutorOptions) -> None:
    """Refuse options that do not go together, before anything is loaded."""
    if options.executor not in EXECUTORS:
        raise UnknownNameError("executor", options.executor, EXECUTORS)
    if options.address is not None and options.executor != "ray":
        raise InputError("--address: valid only with --executor ray")


def _make_executor(engine: Engine, options: ExecutorOptions) -> MakeExecutor:
    workers, threads = options.workers, options.threads
    if options.executor == "local":
        from dmlgen.rendering.run import local_workers

        return local_workers(engine, workers, threads)

    from dmlgen.rendering.local import MAX_RAY_WORKERS, check_counts

    check_counts(workers, threads, MAX_RAY_WORKERS)
    require_extras("ray")

    def on_ray(images: int, logs: Path) -> Executor:
        from dmlgen.rendering.ray_workers import RayExecutor

        return RayExecutor(engine, options.address, workers, 1 if threads is None else threads)

    return on_ray


class _Watch:
    """Shows the progress of a render, and keeps the last of it and how long it took, in seconds."""

    seconds = 0.0

    def __init__(self, show: Callable[[RenderProgress], None], images: int) -> None:
        from dmlgen.rendering.run import RenderProgress

        self._show = show
        self.last = RenderProgress("render", images, 0, 0)

    def __call__(self, progress: RenderProgress) -> None:
        self.last = progress
        self._show(progress)


@contextmanager
def _watching(staging: Path, images: int, kept_in: str, as_json: bool) -> Iterator[_Watch]:
    """Show the progress of a render; if it is interrupted, say where what is finished is kept."""
    from dmlgen.rendering.monitor import watched

    try:
        with watched(staging, as_json=as_json) as show:
            watch = _Watch(show, images)
            yield watch
            watch.seconds = monotonic() - watch.last.began
    except KeyboardInterrupt:
        say(
            f"what is finished is kept in {kept_in}; run the same command again to resume",
            error=True,
        )
        raise


def _render(
    plan: Plan,
    engine: Engine,
    out: Path,
    make_executor: MakeExecutor,
    limits: Limits,
    kept_in: str,
    as_json: bool,
) -> tuple[Manifest, _Watch]:
    """Render a plan into a folder."""
    from dmlgen.rendering.job import staging_of
    from dmlgen.rendering.run import render as render_plan

    with _watching(staging_of(out, None), len(plan.images), kept_in, as_json) as watch:
        manifest = render_plan(
            plan, engine, out, executor=make_executor, limits=limits, on_progress=watch
        )
    return manifest, watch


def _render_slice(
    plan: Plan,
    engine: Engine,
    out: Path,
    part: Slice,
    make_executor: MakeExecutor,
    limits: Limits,
    as_json: bool,
) -> dict[str, str]:
    """Render a slice of a plan into a folder and report the outcome.

    Returns:
        Keys of the images that are left out, with the reason.
    """
    from dmlgen.rendering.job import staging_of
    from dmlgen.rendering.run import render_slice

    with _watching(staging_of(out, part), len(plan.images), str(out), as_json) as watch:
        set_aside = render_slice(
            plan, engine, out, part, executor=make_executor, limits=limits, on_progress=watch
        )
    if as_json:
        event = {"event": "done", "slice": str(part), "out": str(out), **_speed(watch)}
        say(json.dumps(event))
    else:
        merge = command("dmlgen", "merge", out)
        say(f"slice {part} is rendered; when all {part.of} are rendered, run: {merge}")
        _say_without_car(watch.last)
    return set_aside


def _say_without_car(progress: RenderProgress) -> None:
    keys = sorted(progress.without_car)
    if keys:
        more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
        say(
            f"note: no car is seen in {', '.join(keys[:3])}{more}: the camera stands too far "
            "away or behind something; see camera_distance, camera_height and environment"
        )


def _speed(watch: _Watch) -> dict[str, float]:
    images = watch.last.total - watch.last.resumed
    per_hour = images / watch.seconds * 3600
    return {"seconds": round(watch.seconds, 1), "images_per_hour": round(per_hour)}


def _conclude(manifest: Manifest, out: str, as_json: bool, watch: _Watch | None = None) -> None:
    """Say that a dataset is complete, where, and after a render how long it took."""
    from dmlgen.rendering.monitor import time_split

    speed = {} if watch is None else _speed(watch)
    if as_json:
        summary = {"out": out, "images": manifest.images, "fingerprint": manifest.fingerprint}
        left_out = [image.model_dump() for image in manifest.set_aside]
        say(json.dumps({"event": "done", **summary, "set_aside": left_out, **speed}))
    else:
        took = (
            f" in {speed['seconds']:.0f} s ({speed['images_per_hour']} per hour)" if speed else ""
        )
        say(f"{manifest.images} images{took}: {out}")
        split = "" if watch is None else time_split(watch.last)
        if split:
            say(f"time of the workers: {split}")
        say(_next_commands(out))
        if watch is not None:
            _say_without_car(watch.last)


def _already(manifest: Manifest, out: str, as_json: bool) -> None:
    """Say that a dataset was rendered before."""
    if as_json:
        _conclude(manifest, out, as_json)
        return
    made_with = f" with Blender {manifest.versions['bpy']}" if "bpy" in manifest.versions else ""
    say(
        f"all {manifest.images} images are already rendered{made_with} (dataset "
        f"{manifest.name}, fingerprint {manifest.fingerprint}); nothing to do"
    )
    say(_next_commands(out))


def _next_commands(out: str) -> str:
    from dmldata.locate import SETS
    from dmlgen.rendering.remote import is_url

    place = f"./{out}" if out in SETS or out.startswith("-") else out
    evaluate = command("dmlbench", "evaluate", "MODEL", "--data", place)
    if is_url(out):
        return f"next: {evaluate}"
    return f"next: {command('dmlgen', 'preview', place)}   or: {evaluate}"


def _left_out(manifest: Manifest) -> dict[str, str]:
    return {image.key: image.why for image in manifest.set_aside}


def _complain(set_aside: dict[str, str]) -> None:
    """End the command with exit code 1 if images are missing."""
    if set_aside:
        named = "; ".join(f"{key}: {why}" for key, why in sorted(set_aside.items())[:5])
        raise PrismError(
            f"{len(set_aside)} images could not be rendered and are left out (dataset.json lists "
            f"them): {named}"
        )


def _other_work(local: Path) -> str:
    """Return what to do if the folder of a URL's frames holds another dataset."""
    return f"finish that one first, delete {local}, or name another folder with --work"


def _carry(local: Path, destination: Destination, as_json: bool) -> None:
    from dmldata.contract.manifest import MANIFEST_FILE
    from dmlgen.rendering.job import held

    with held(local, None), progress_bar("upload", None, quiet=as_json) as bar:
        if not (local / MANIFEST_FILE).is_file():
            raise PrismError(f"{local}: another process has already uploaded the dataset")
        destination.put(local, bar.report)
        shutil.rmtree(local)


def _status_of(staging: Path) -> dict[str, Any]:
    from dmlgen.rendering.job import holder_of, read_document
    from dmlgen.rendering.monitor import STATUS_FILE, line, worker_lines

    document = read_document(staging / STATUS_FILE) or {}
    try:
        line(document)
        worker_lines(document)
    except (LookupError, TypeError, ValueError):
        raise InputError(f"{staging}: nothing is known yet; try again in a few seconds") from None
    return {**(holder_of(staging) or {}), **document}
