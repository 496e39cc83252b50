"""The commands that render: `dmlgen render`, `status` and `merge`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dmldata.common import console
from dmldata.common.console import say
from dmldata.common.errors import InputError, PrismError, UnknownNameError
from dmldata.common.extras import require_extras
from dmlgen.cli.plan_options import (
    DEFAULT_RECIPE,
    AsJson,
    Count,
    Group,
    PresetName,
    RecipeName,
    Scenes,
    Seed,
    Size,
    Variants,
    engine_of,
    folder_name,
    plan_of,
)

if TYPE_CHECKING:
    from dmldata.contract.manifest import Manifest
    from dmlgen.plan.draw import Plan
    from dmlgen.plan.presets import Engine
    from dmlgen.rendering.run import MakeExecutor, Progress
    from dmlgen.rendering.supervise import Limits
    from dmlgen.rendering.units import Slice

MAX_MEMORY = 100_000
EXECUTORS = ("local", "ray")
_STANDING = {
    True: " (all images of it are rendered)",
    False: " (not running; the same command goes on)",
}
"""What `status` says of a render that no process is at, by whether its images are all there."""

Workers = Annotated[
    int | None, typer.Option(help="Processes that render; one a core, if memory allows.")
]
Threads = Annotated[int | None, typer.Option(help="Threads of each of them.")]
Events = Annotated[
    bool, typer.Option("--json", help="Events as JSON on stdout, one a line; the last sums up.")
]
Work = Annotated[
    Path | None,
    typer.Option(help="Where frames are kept until a dataset at a URL is whole."),
]


def render(
    recipe: RecipeName = DEFAULT_RECIPE,
    group: Group = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="A new or empty folder for the dataset, or a URL; by default ./ and the name of "
            "the recipe, or of the group after --factor.",
            callback=console.path_or_url,
        ),
    ] = None,
    scenes: Scenes = None,
    variants: Variants = None,
    count: Count = None,
    seed: Seed = 0,
    size: Size = "256",
    preset: PresetName = "standard",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or optix.")] = "auto",
    workers: Workers = None,
    threads: Threads = None,
    executor: Annotated[
        str, typer.Option(help="local: this machine; ray: a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of the Ray cluster: auto, or host:port.")
    ] = None,
    part: Annotated[
        str | None,
        typer.Option("--slice", metavar="I/N", help="Render this part only, for 'dmlgen merge'."),
    ] = None,
    memory: Annotated[
        float | None, typer.Option(help="Gigabytes above which a worker is replaced, from 1; 8.")
    ] = None,
    work: Work = None,
    as_json: Events = False,
) -> None:
    """Render a dataset. Interrupted or killed, the same command continues where it was."""
    from dmlgen.rendering.finished import check_request, finished
    from dmlgen.rendering.remote import Destination, is_url, work_folder
    from dmlgen.rendering.supervise import Limits
    from dmlgen.rendering.units import parse_slice

    if executor not in EXECUTORS:
        raise UnknownNameError("executor", executor, EXECUTORS)
    if address is not None and executor != "ray":
        raise InputError("--address: only with --executor ray")
    engine = engine_of(preset, size, device)
    plan = plan_of(recipe, group, scenes, variants, count, seed)
    crew = _crew(engine, executor, address, workers, threads)
    if memory is not None and not 1 <= memory <= MAX_MEMORY:
        raise InputError(f"--memory {memory:g}: has to be 1 to {MAX_MEMORY} (gigabytes)")
    limits = Limits() if memory is None else Limits(memory=int(memory * 1e9))
    chosen = None if part is None else parse_slice(part)
    if out is None:
        out = folder_name(plan.recipe.name, group)
    if not is_url(out):
        there = finished(plan, engine, Path(out))
        if not as_json:
            say(f"folder: {out}")
        if there is not None:
            _already(there, out, as_json)
        else:
            _render(plan, engine, Path(out), chosen, crew, limits, as_json)
        return
    if part is not None:
        raise InputError(f"--slice {part}: --out has to be a folder; 'dmlgen merge' takes a URL")
    destination = Destination(out)
    there = destination.manifest()
    if there is not None:
        check_request(there, plan, engine, destination.name)
        _already(there, destination.name, as_json)
        return
    begun = destination.begun()
    if begun is not None:
        check_request(begun, plan, engine, destination.name)
    local = work_folder(out, work)
    whole = finished(plan, engine, local, _other_work(local))
    destination.check()
    if whole is None:
        _render(plan, engine, local, None, crew, limits, as_json, named=destination.name)
    _carry(local, destination, as_json)


def status(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="What --out named.")],
    as_json: AsJson = False,
) -> None:
    """Show how far a render is that goes on elsewhere, or was interrupted."""
    from dmlgen.rendering.job import STAGING, is_held, is_render, set_aside_in, slices_in
    from dmlgen.rendering.monitor import line, worker_lines

    found = [s for s in (out / STAGING, *slices_in(out)) if is_render(s)]
    if not found:
        what = "a finished dataset" if (out / "dataset.json").exists() else "no render"
        raise InputError(f"{out}: {what} there; status is for one that goes on")
    documents = [
        {
            "folder": str(staging),
            "running": is_held(staging),
            "finished": set_aside_in(staging) is not None,
            **_status_of(staging),
        }
        for staging in found
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
        list[Path], typer.Argument(metavar="DIR", help="Folders that --slice rendered into.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL for the dataset; the first DIR where not given.",
            callback=console.path_or_url,
        ),
    ] = None,
    work: Work = None,
    as_json: AsJson = False,
) -> None:
    """Join slices into the dataset that one render would have made."""
    from dmlgen.rendering.finished import NEW_FOLDER
    from dmlgen.rendering.remote import Destination, is_url, work_folder
    from dmlgen.rendering.run import merge as merge_slices

    where = str(folders[0]) if out is None else out
    destination = Destination(where) if is_url(where) else None
    local = Path(where)
    if destination is not None:
        destination.check()
        local = work_folder(where, work)
    with console.progress("write shards", None, quiet=as_json) as bar:
        instead = NEW_FOLDER if destination is None else _other_work(local)
        manifest = merge_slices(folders, local, bar.report, instead)
    _conclude(manifest, where if destination is None else destination.name, as_json, {})
    if destination is not None:
        _carry(local, destination, as_json)


def _crew(
    engine: Engine, executor: str, address: str | None, workers: int | None, threads: int | None
) -> MakeExecutor:
    if executor == "local":
        from dmlgen.rendering.run import local_workers

        return local_workers(engine, workers, threads)

    require_extras("ray")

    def on_ray(images: int, logs: Path) -> Any:
        from dmlgen.rendering.ray_workers import RayExecutor

        return RayExecutor(engine, address, workers, 1 if threads is None else threads)

    return on_ray


def _render(
    plan: Plan,
    engine: Engine,
    out: Path,
    part: Slice | None,
    crew: MakeExecutor,
    limits: Limits,
    as_json: bool,
    named: str | None = None,
) -> None:
    """Renders a plan or a slice of it into a folder and says what came of it."""
    from dmlgen.rendering.job import staging_of
    from dmlgen.rendering.monitor import time_split, watched
    from dmlgen.rendering.run import Progress, render_slice
    from dmlgen.rendering.run import render as render_plan

    last = Progress("render", len(plan.images), 0, 0)

    def note(progress: Progress) -> None:
        nonlocal last
        last = progress
        watch(progress)

    arguments: dict[str, Any] = {"executor": crew, "limits": limits, "on_progress": note}
    try:
        with watched(staging_of(out, part), as_json) as watch:
            if part is None:
                manifest = render_plan(plan, engine, out, **arguments)
            else:
                set_aside = render_slice(plan, engine, out, part, **arguments)
    except KeyboardInterrupt:
        say(f"what is finished is kept in {named or out}; the same command goes on", error=True)
        raise
    speed = _speed(last)
    if part is None:
        _conclude(manifest, named or str(out), as_json, speed, time_split(last))
        return
    if as_json:
        say(json.dumps({"event": "done", "slice": str(part), "out": str(out), **speed}))
    else:
        merge = console.command("dmlgen", "merge", out)
        say(f"slice {part} is rendered; when all {part.of} are: {merge}")
    _complain(set_aside)


def _speed(progress: Progress) -> dict[str, float]:
    from time import monotonic

    seconds = monotonic() - progress.began
    fresh = progress.total - progress.found
    return {"seconds": round(seconds, 1), "images_per_hour": round(fresh / seconds * 3600)}


def _conclude(
    manifest: Manifest, out: str, as_json: bool, speed: dict[str, float], split: str = ""
) -> None:
    if as_json:
        summary = {"out": out, "images": manifest.images, "fingerprint": manifest.fingerprint}
        left_out = [image.model_dump() for image in manifest.set_aside]
        say(json.dumps({"event": "done", **summary, "set_aside": left_out, **speed}))
    else:
        took = f" in {speed['seconds']:.0f} s ({speed['images_per_hour']} an hour)" if speed else ""
        say(f"{manifest.images} images{took}: {out}")
        if split:
            say(f"time of the workers: {split}")
        say(_next_commands(out))
    _complain({image.key: image.why for image in manifest.set_aside})


def _already(manifest: Manifest, out: str, as_json: bool) -> None:
    """Says that a dataset was rendered before, and ends as the render that made it did."""
    if as_json:
        _conclude(manifest, out, as_json, {})
        return
    made_with = f" with Blender {manifest.versions['bpy']}" if "bpy" in manifest.versions else ""
    say(
        f"all {manifest.images} images are there already, rendered{made_with} (dataset "
        f"{manifest.name}, fingerprint {manifest.fingerprint}); nothing to do"
    )
    say(_next_commands(out))
    _complain({image.key: image.why for image in manifest.set_aside})


def _next_commands(out: str) -> str:
    from dmldata.locate import SETS
    from dmlgen.rendering.remote import is_url

    place = f"./{out}" if out in SETS or out.startswith("-") else out
    evaluate = console.command("dmlbench", "evaluate", "MODEL", "--data", place)
    if is_url(out):
        return f"next: {evaluate}"
    return f"next: {console.command('dmlgen', 'preview', place)}   or: {evaluate}"


def _complain(set_aside: dict[str, str]) -> None:
    """Ends the command with exit code 1 where images are missing."""
    if set_aside:
        named = "; ".join(f"{key}: {why}" for key, why in sorted(set_aside.items())[:5])
        raise PrismError(
            f"{len(set_aside)} images could not be rendered and are left out, as dataset.json "
            f"says: {named}"
        )


def _other_work(local: Path) -> str:
    """What to do where the folder of a URL's frames holds another dataset."""
    return f"carry on with that one, delete {local}, or name another folder with --work"


def _carry(local: Path, destination: Any, as_json: bool) -> None:
    from dmldata.contract.manifest import MANIFEST_FILE
    from dmlgen.rendering.job import held

    with held(local, None), console.progress("upload", None, quiet=as_json) as bar:
        if not (local / MANIFEST_FILE).is_file():
            raise PrismError(f"{local}: another process has taken the dataset to its place already")
        destination.put(local, bar.report)
        shutil.rmtree(local)
    if not as_json:
        say(f"the dataset is at {destination.name}")


def _status_of(staging: Path) -> dict[str, Any]:
    from dmlgen.rendering.job import holder_of, read_document
    from dmlgen.rendering.monitor import STATUS_FILE, line, worker_lines

    document = read_document(staging / STATUS_FILE) or {}
    try:
        line(document)
        worker_lines(document)
    except (LookupError, TypeError, ValueError):
        raise InputError(f"{staging}: nothing is known yet; ask again in some seconds") from None
    return {**(holder_of(staging) or {}), **document}
