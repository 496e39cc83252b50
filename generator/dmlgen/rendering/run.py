"""Rendering a plan, or a slice of it, from beginning to end; and joining slices."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dmldata.common.console import Report
from dmldata.common.errors import InputError
from dmldata.contract.manifest import Manifest
from dmlgen.blender import require_blender, require_scratch
from dmlgen.plan.draw import Plan
from dmlgen.plan.presets import Engine
from dmlgen.rendering.assemble import assemble
from dmlgen.rendering.executor import Executor
from dmlgen.rendering.finished import NEW_FOLDER, finished
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.job import (
    check_job,
    check_place,
    finish,
    has_job,
    held,
    requested,
    same_request,
    set_aside_in,
    slices_in,
    write_job,
)
from dmlgen.rendering.local import LocalExecutor, fitting, has_gpu
from dmlgen.rendering.store import FrameStore
from dmlgen.rendering.supervise import Crew, Limits, Supervisor
from dmlgen.rendering.units import Slice, cut, take_slice

MakeExecutor = Callable[[int, Path], Executor]
"""From the number of images to be rendered, and a folder for logs."""


@dataclass
class Progress:
    """How far a render is; the same object each time, changed.

    Attributes:
        stage: what is being done.
        total: images in all.
        done: of them, with what an earlier call had finished.
        found: images that an earlier call had finished.
        began: when this call began, in seconds of the monotonic clock.
        workers: those at work, by number.
        replaced: why workers had to be replaced.
        frame: the newest.
        seconds: where the workers' time went, by stage.
    """

    stage: str
    total: int
    done: int
    found: int
    began: float = field(default_factory=time.monotonic)
    workers: dict[int, Crew] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    frame: Frame | None = None
    seconds: Counter[str] = field(default_factory=Counter)


OnProgress = Callable[[Progress], None]


def local_workers(
    engine: Engine, workers: int | None = None, threads: int | None = None
) -> MakeExecutor:
    """Workers on this machine, as many as fit where no number is given."""

    def make(images: int, logs: Path) -> Executor:
        gpu = engine.device != "cpu" and has_gpu()
        return LocalExecutor(engine, *fitting(images, workers, threads, gpu), logs)

    return make


def render(
    plan: Plan,
    engine: Engine,
    out: Path,
    *,
    executor: MakeExecutor | None = None,
    limits: Limits | None = None,
    on_progress: OnProgress | None = None,
) -> Manifest:
    """Renders a plan into the dataset folder `out`.

    What an earlier, interrupted call with the same plan and settings has finished is not rendered
    again.

    Args:
        executor: what runs the workers; those of `local_workers` where None.
        on_progress: called with every frame and several times a second.

    Raises:
        InputError: no Blender, or `out` holds something else or is being rendered (nothing is
            touched).
        PrismError: the renderer failed; what it finished stays for the next call.
    """
    with _rendered(plan, engine, out, None, executor, limits, on_progress) as done:

        def report(stage: str, images: int, total: int) -> None:
            progress = done.progress
            progress.stage, progress.done, progress.total = stage, images, total
            if on_progress:
                on_progress(progress)

        manifest = assemble(plan, engine, out, lambda _: done.store, done.set_aside, report)
        shutil.rmtree(done.staging)
    return manifest


def render_slice(
    plan: Plan,
    engine: Engine,
    out: Path,
    part: Slice,
    *,
    executor: MakeExecutor | None = None,
    limits: Limits | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, str]:
    """Renders one slice of a plan into a folder of its own inside `out`, for `merge` to join.

    Returns:
        Rows that were set aside, with the reason.

    Raises:
        as `render`.
    """
    with _rendered(plan, engine, out, part, executor, limits, on_progress) as done:
        return done.set_aside


def merge(
    folders: Sequence[Path],
    out: Path,
    progress: Report | None = None,
    instead: str = NEW_FOLDER,
) -> Manifest:
    """Joins the slices that lie in `folders` into the dataset that one render would have made.

    Slices in `out` itself are gone afterwards; others stay. The dataset may be there already.

    Args:
        progress: called as ('write shards', images done, images in all).
        instead: what to do where `out` holds another dataset, for the message.

    Raises:
        InputError: no slices, slices of different datasets, not all rows rendered, or `out` holds
            something else.
    """
    stagings = [staging for folder in folders for staging in slices_in(folder)]
    if not stagings:
        names = ", ".join(map(str, folders))
        raise InputError(f"{names}: no slices there; make them with: dmlgen render --slice I/N")
    stores: dict[str, FrameStore] = {}
    set_aside: dict[str, str] = {}
    for staging in stagings:
        rows = set_aside_in(staging)
        if rows is None:
            raise InputError(f"{staging} is not finished; the command that made it goes on")
        if not same_request(staging, stagings[0]):
            raise InputError(f"{staging} is a slice of another dataset than {stagings[0]}")
        store = FrameStore(staging)
        stores |= dict.fromkeys(store.keys(), store)
        set_aside |= rows
    plan, engine = requested(stagings[0])
    missing = {image.key for image in plan.images} - stores.keys() - set_aside.keys()
    if missing:
        raise InputError(
            f"{len(missing)} of {len(plan.images)} images are in none of the {len(stagings)} "
            f"slices; render the others with --slice, or name their folders too"
        )
    with held(out, None) as own:
        if has_job(own):
            raise InputError(f"{out} holds an unfinished render of its own; give another --out")
        manifest = finished(plan, engine, out, instead)
        if manifest is None or {image.key for image in manifest.set_aside} != set_aside.keys():
            manifest = assemble(plan, engine, out, stores.__getitem__, set_aside, progress)
        for staging in stagings:
            if staging.parent.resolve() == out.resolve():
                shutil.rmtree(staging)
    return manifest


class _Rendered(NamedTuple):
    staging: Path
    store: FrameStore
    progress: Progress
    set_aside: dict[str, str]


@contextmanager
def _rendered(
    plan: Plan,
    engine: Engine,
    out: Path,
    part: Slice | None,
    executor: MakeExecutor | None,
    limits: Limits | None,
    on_progress: OnProgress | None,
) -> Iterator[_Rendered]:
    """Renders what the staging folder of a plan or slice lacks, and holds it for the block."""
    require_blender()
    require_scratch()
    check_place(out, part)
    with held(out, part) as staging:
        # Another process may have been at work between the check and the hold.
        check_place(out, part)
        check_job(staging, out, plan, engine)
        store = FrameStore(staging)
        images = take_slice(plan.images, part)
        todo = [image for image in images if image.key not in store]
        found = len(images) - len(todo)
        progress = Progress("render", len(images), found, found)

        def report() -> None:
            if on_progress:
                on_progress(progress)

        def keep(frame: Frame) -> None:
            # Until there is something to keep, nothing binds the folder to these settings.
            write_job(staging, plan, engine, part)
            store.add(frame)
            progress.done, progress.frame = len(store), frame
            progress.seconds.update(frame.seconds)
            report()

        report()
        set_aside: dict[str, str] = {}
        try:
            if todo:
                crew = (executor or local_workers(engine))(len(todo), staging)
                supervisor = Supervisor(crew, limits or Limits(), keep)
                progress.workers, progress.replaced = supervisor.workers, supervisor.replaced
                set_aside = supervisor.run(cut(todo, crew.slots() or 1), report)
        finally:
            store.close()
        if len(store) or part is not None:
            write_job(staging, plan, engine, part)
            finish(staging, set_aside)
        yield _Rendered(staging, store, progress, set_aside)
