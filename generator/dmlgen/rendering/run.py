"""Render a plan or a slice of it from beginning to end, and join slices."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dmldata.common.errors import InputError
from dmldata.common.progress import Progress
from dmldata.contract.manifest import Manifest
from dmlgen.blender import require_blender, require_scratch
from dmlgen.planning.draw import Plan
from dmlgen.planning.presets import Engine
from dmlgen.rendering.assemble import assemble, credits_of
from dmlgen.rendering.executor import Executor
from dmlgen.rendering.finished import NEW_FOLDER, finished
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.job import (
    check_job,
    check_place,
    finish,
    has_job,
    held,
    other_request,
    remove_staging,
    requested,
    set_aside_in,
    slices_in,
    write_job,
)
from dmlgen.rendering.local import LocalExecutor, fitting, has_gpu
from dmlgen.rendering.store import FrameStore
from dmlgen.rendering.supervise import Limits, Supervisor, WorkerState
from dmlgen.rendering.units import Slice, cut, take_slice

MakeExecutor = Callable[[int, Path], Executor]
"""Makes an executor from the number of images to render and a folder for logs."""


@dataclass
class RenderProgress:
    """Progress of a render. Callbacks receive the same object each time, updated.

    Attributes:
        stage: name of the current stage.
        total: number of images in all.
        done: number of finished images, including those of earlier calls.
        resumed: number of images that earlier calls had finished.
        began: when this call began, in seconds of the monotonic clock.
        workers: current workers by number.
        replaced: for each replaced worker, the reason.
        without_car: keys of the images of this call that show no car.
        frame: the newest frame.
        seconds: time of the workers in seconds, by stage.
    """

    stage: str
    total: int
    done: int
    resumed: int
    began: float = field(default_factory=time.monotonic)
    workers: dict[int, WorkerState] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    without_car: list[str] = field(default_factory=list)
    frame: Frame | None = None
    seconds: Counter[str] = field(default_factory=Counter)


OnProgress = Callable[[RenderProgress], None]


def local_workers(
    engine: Engine, workers: int | None = None, threads: int | None = None
) -> MakeExecutor:
    """Return a factory of executors on this machine; see `fitting` for the default numbers."""

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
    """Render a plan into the dataset folder `out`.

    An interrupted call with the same plan and settings is resumed: finished images are not
    rendered again.

    Args:
        executor: makes the executor that runs the workers; `local_workers` if None.
        on_progress: called with every frame and several times per second.

    Raises:
        InputError: Blender is not installed, or `out` holds something else or is being rendered
            by another process (nothing is changed then).
        PrismError: the renderer failed; finished images are kept for the next call.

    ```python
    plan, engine = dmlgen.plan("paper", count=96), Engine("draft", 128)
    render(plan, engine, Path("cars"), executor=local_workers(engine, workers=4))
    ```
    """
    with _rendered(plan, engine, out, None, executor, limits, on_progress) as done:

        def report(stage: str, images: int, total: int) -> None:
            progress = done.progress
            progress.stage, progress.done, progress.total = stage, images, total
            if on_progress:
                on_progress(progress)

        manifest = assemble(plan, engine, out, lambda _: done.store, done.set_aside, report)
        remove_staging(done.staging)
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
    """Render one slice of a plan into its own folder inside `out`, for `merge` to join.

    Returns:
        Keys of the rows that were set aside, with the reason.

    Raises:
        InputError, PrismError: see `render`.
    """
    with _rendered(plan, engine, out, part, executor, limits, on_progress) as done:
        return done.set_aside


def merge(
    folders: Sequence[Path],
    out: Path,
    progress: Progress | None = None,
    instead: str = NEW_FOLDER,
) -> Manifest:
    """Join the slices in `folders` into one dataset, the same as a single render would make.

    Slices in `out` itself are deleted afterwards; others stay. The dataset may already exist.

    Args:
        progress: called as ('write shards', images done, total images).
        instead: what the error message advises if `out` holds another dataset.

    Raises:
        InputError: there are no slices, they are of different datasets, not all rows are
            rendered, or `out` holds something else.

    ```python
    merge([Path("slice-1"), Path("slice-2")], Path("cars"))
    ```
    """
    by_folder = {folder.resolve(): folder for folder in folders}
    stagings = [staging for folder in by_folder.values() for staging in slices_in(folder)]
    if not stagings:
        names = ", ".join(map(str, folders))
        raise InputError(f"{names}: no slices there; make them with: dmlgen render --slice I/N")
    stores: dict[str, FrameStore] = {}
    set_aside: dict[str, str] = {}
    for staging in stagings:
        rows = set_aside_in(staging)
        if rows is None:
            raise InputError(
                f"{staging} is not finished; run the command that made it again to resume"
            )
        differ = other_request(staging, stagings[0])
        if differ:
            raise InputError(
                f"{staging} is no slice of the dataset of {stagings[0]}: {'; '.join(differ)}; "
                "valid: slices of one command with the same versions of everything"
            )
        store = FrameStore(staging)
        stores |= dict.fromkeys(store.keys(), store)
        set_aside |= rows
    # What one slice could not render, another one that was rendered again may hold.
    set_aside = {key: why for key, why in set_aside.items() if key not in stores}
    plan, engine = requested(stagings[0])
    missing = {image.key for image in plan.images} - stores.keys() - set_aside.keys()
    with held(out, None) as out_staging:
        if has_job(out_staging):
            raise InputError(f"{out} holds an unfinished render itself; give another --out")
        manifest = finished(plan, engine, out, instead)
        # Where images are missing though the dataset has them, a merge was taking slices away.
        lacking = {image.key for image in manifest.set_aside} if manifest else missing
        if missing and (manifest is None or lacking & stores.keys()):
            raise InputError(
                f"{len(missing)} of {len(plan.images)} images are in none of the {len(stagings)} "
                f"slices; render the others with --slice, or name their folders too"
            )
        if manifest is None or not (missing or lacking == set_aside.keys()):
            manifest = assemble(plan, engine, out, stores.__getitem__, set_aside, progress)
        for staging in stagings:
            if staging.parent.resolve() == out.resolve():
                remove_staging(staging)
    return manifest


class _Rendered(NamedTuple):
    staging: Path
    store: FrameStore
    progress: RenderProgress
    set_aside: dict[str, str]


@contextmanager
def _rendered(
    plan: Plan,
    engine: Engine,
    out: Path,
    part: Slice | None,
    make_executor: MakeExecutor | None,
    limits: Limits | None,
    on_progress: OnProgress | None,
) -> Iterator[_Rendered]:
    """Render the missing frames of a plan or slice, and lock its staging folder for the block."""
    require_blender()
    require_scratch()
    check_place(out, part)
    credits_of(plan)
    with held(out, part) as staging:
        # Another process may have written there between the check and the lock.
        check_place(out, part)
        check_job(staging, out, plan, engine)
        store = FrameStore(staging)
        images = take_slice(plan.images, part)
        todo = [image for image in images if image.key not in store]
        resumed = len(images) - len(todo)
        progress = RenderProgress("render", len(images), resumed, resumed)

        def report() -> None:
            if on_progress:
                on_progress(progress)

        def keep(frame: Frame) -> None:
            # The folder is reserved for these settings only once there is a frame to keep.
            write_job(staging, plan, engine, part)
            store.add(frame)
            progress.done, progress.frame = len(store), frame
            progress.seconds.update(frame.seconds)
            if not frame.measured["car_area"]:
                progress.without_car.append(frame.key)
            report()

        report()
        set_aside: dict[str, str] = {}
        try:
            if todo:
                executor = (make_executor or local_workers(engine))(len(todo), staging)
                known = next((image for image in images if image.key in store), None)
                supervisor = Supervisor(executor, limits or Limits(), keep, known)
                progress.workers, progress.replaced = supervisor.workers, supervisor.replaced
                set_aside = supervisor.run(cut(todo, executor.slots() or 1), report)
        finally:
            store.close()
        if len(store) or part is not None:
            write_job(staging, plan, engine, part)
            finish(staging, set_aside)
        yield _Rendered(staging, store, progress, set_aside)
