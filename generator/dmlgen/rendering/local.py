"""Workers on this machine: one Blender process each."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import psutil

from dmldata.common.errors import InputError, PrismError
from dmlgen.blender import ScratchError, blender_process, died
from dmlgen.plan.draw import PlannedImage
from dmlgen.plan.presets import Engine
from dmlgen.rendering.executor import Died, Event, Refused, Rendered
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.worker import render_rows

WORKER_BYTES = 2 * 10**9
"""Memory to reckon with for a worker at usual picture sizes."""


WORKERS_PER_CORE = 8
"""More processes on a core than anybody has a use for."""
MAX_THREADS = 1024
"""Blender's own limit."""


class BlenderWorker:
    """A worker process and the pipe to it.

    Args:
        threads: that it may use; 0 for one a core.
        log: file that takes what Blender says.
        scratch: folder for its temporary files.
    """

    def __init__(self, engine: Engine, threads: int, log: Path, scratch: Path) -> None:
        self._log = log
        self.pipe, theirs = get_context("spawn").Pipe()
        self._process = blender_process(render_rows, theirs, log, engine, threads, scratch)
        theirs.close()

    def submit(self, image: PlannedImage) -> None:
        """Gives it one more row. A worker that is gone is found out by `receive`."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send(image)

    def receive(self) -> Frame:
        """The frame of the oldest row it holds, waiting for it.

        Raises:
            InputError: it cannot do what the user asks.
            PrismError: it is gone.
        """
        try:
            answer: Any = self.pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            raise PrismError(died(self._process, self._log)) from None
        if isinstance(answer, PrismError):
            raise answer
        assert isinstance(answer, Frame)
        return answer

    def memory(self) -> int:
        """Bytes that the process holds; 0 when it is gone."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


class LocalExecutor:
    """Worker processes on this machine.

    Args:
        workers, threads: see `fitting`.
        logs: folder for what each says.
    """

    def __init__(self, engine: Engine, workers: int, threads: int, logs: Path) -> None:
        self._engine, self._threads, self._logs = engine, threads, logs
        self._slots = workers
        self._scratch = tempfile.TemporaryDirectory(prefix="dml-prism-", ignore_cleanup_errors=True)
        self._numbers = itertools.count()
        self._workers: dict[int, BlenderWorker] = {}

    def slots(self) -> int:
        """How many workers there is room for."""
        return self._slots

    def start(self) -> int:
        """A new worker process."""
        number = next(self._numbers)
        log = self._logs / f"blender-{number:03d}.log"
        scratch = Path(self._scratch.name)
        self._workers[number] = BlenderWorker(self._engine, self._threads, log, scratch)
        return number

    def submit(self, worker: int, image: PlannedImage) -> None:
        """Gives a worker one more row."""
        self._workers[worker].submit(image)

    def wait(self, seconds: float) -> list[Event]:
        """What has happened, waiting at most `seconds` for it."""
        numbers: dict[Connection, int] = {w.pipe: n for n, w in self._workers.items()}
        ready = wait(list(numbers), seconds)
        return [self._hear(numbers[pipe]) for pipe in ready if isinstance(pipe, Connection)]

    def _hear(self, number: int) -> Event:
        worker = self._workers[number]
        try:
            return Rendered(number, worker.receive(), worker.memory())
        except (InputError, ScratchError) as error:
            return Refused(number, error)
        except PrismError as error:
            return Died(number, str(error))

    def stop(self, worker: int) -> None:
        """Ends a worker at once."""
        self._workers.pop(worker).kill()

    def close(self) -> None:
        """Ends all workers at once."""
        for number in list(self._workers):
            self.stop(number)
        self._scratch.cleanup()


def has_gpu() -> bool:
    """Whether the driver of an NVIDIA GPU is at work here."""
    folder = Path("/proc/driver/nvidia/gpus")
    return folder.is_dir() and any(folder.iterdir())


def check_counts(workers: int | None, threads: int | None, most_workers: int) -> None:
    """Make sure that the numbers of workers and of their threads, where given, are in range.

    Raises:
        InputError: one is not.
    """
    for option, number, most in (
        ("--workers", workers, most_workers),
        ("--threads", threads, MAX_THREADS),
    ):
        if number is not None and not 1 <= number <= most:
            raise InputError(f"{option} {number}: has to be 1 to {most} here")


def fitting(
    images: int, workers: int | None, threads: int | None, gpu: bool = False
) -> tuple[int, int]:
    """How many workers to start here, and how many threads for each.

    One thread a worker keeps every core busy: the parts of a frame that run on one thread overlap
    with the tracing of others (docs/performance.md). Where there are fewer pictures or less memory
    than cores, workers get several threads. On a GPU one worker has the whole of it.

    Args:
        images: to be rendered.
        workers, threads: what the user wants, if anything.
        gpu: whether a GPU traces.

    >>> fitting(100, None, 2, gpu=True), fitting(100, 3, 2)
    ((1, 2), (3, 2))

    Raises:
        InputError: a number out of range.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = cores or 1
    check_counts(workers, threads, WORKERS_PER_CORE * cores)
    if workers is None and gpu:
        workers = 1
    if workers is None:
        room = max(1, psutil.virtual_memory().available // WORKER_BYTES)
        workers = max(1, min(cores // (threads or 1), room, images))
    return workers, threads or max(1, cores // workers)
