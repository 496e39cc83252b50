"""Workers on this machine: one Blender process each."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import psutil

from dmldata.common.cores import usable_cores
from dmldata.common.errors import FieldError, InputError, PrismError
from dmlgen.blender import ScratchError, blender_process, died
from dmlgen.planning.images import PlannedImage
from dmlgen.planning.presets import Engine
from dmlgen.rendering.executor import Died, Event, Refused, Rendered
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.worker import render_rows

WORKER_BYTES = 2 * 10**9
"""Estimated memory of a worker at usual picture sizes, in bytes."""

WORKERS_PER_CORE = 8
"""Maximum number of workers per CPU core."""
MAX_RAY_WORKERS = 100_000
"""Maximum number of workers on a Ray cluster."""
MAX_THREADS = 1024
"""Maximum number of threads per worker: Blender's own limit."""


class BlenderWorker:
    """A worker process and the pipe to it.

    Args:
        threads: number of threads that it may use; 0 for one per core.
        log: file that takes the output of Blender.
        scratch: folder for its temporary files.
    """

    def __init__(self, engine: Engine, threads: int, log: Path, scratch: Path) -> None:
        self._log = log
        self.pipe, theirs = get_context("spawn").Pipe()
        self._process = blender_process(render_rows, theirs, log, engine, threads, scratch)
        theirs.close()

    def submit(self, image: PlannedImage) -> None:
        """Send it one more row. If the worker has died, `receive` reports it."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send(image)

    def receive(self) -> Frame:
        """Wait for the frame of the oldest submitted row and return it.

        Raises:
            InputError: the worker cannot render what the user asks for.
            PrismError: the worker has died.
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
        """Return the memory of the process in bytes; 0 if it has died."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


class LocalExecutor:
    """Worker processes on this machine.

    Args:
        workers, threads: see `fitting`.
        logs: folder for the log of each worker.
    """

    def __init__(self, engine: Engine, workers: int, threads: int, logs: Path) -> None:
        self._engine, self._threads, self._logs = engine, threads, logs
        self._slots = workers
        self._scratch = tempfile.TemporaryDirectory(prefix="dml-prism-", ignore_cleanup_errors=True)
        self._numbers = itertools.count()
        self._workers: dict[int, BlenderWorker] = {}

    def slots(self) -> int:
        """Return the maximum number of workers."""
        return self._slots

    def start(self) -> int:
        """Start a worker process and return its number."""
        number = next(self._numbers)
        log = self._logs / f"blender-{number:03d}.log"
        scratch = Path(self._scratch.name)
        self._workers[number] = BlenderWorker(self._engine, self._threads, log, scratch)
        return number

    def submit(self, worker: int, image: PlannedImage) -> None:
        """Send a worker one more row."""
        self._workers[worker].submit(image)

    def wait(self, seconds: float) -> list[Event]:
        """Return new events, waiting at most `seconds` for the first."""
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
        """End a worker at once."""
        self._workers.pop(worker).kill()

    def close(self) -> None:
        """End all workers at once."""
        for number in list(self._workers):
            self.stop(number)
        self._scratch.cleanup()


def has_gpu() -> bool:
    """Return whether this machine has an NVIDIA GPU with its driver loaded."""
    folder = Path("/proc/driver/nvidia/gpus")
    return folder.is_dir() and any(folder.iterdir())


def check_counts(workers: int | None, threads: int | None, max_workers: int) -> None:
    """Check that the numbers of workers and of their threads are in range, unless None.

    Raises:
        FieldError: one of them is out of range.
    """
    for field, number, maximum in (
        ("workers", workers, max_workers),
        ("threads", threads, MAX_THREADS),
    ):
        if number is not None and not 1 <= number <= maximum:
            raise FieldError({field: number}, f"has to be 1 to {maximum} here")


def fitting(
    images: int, workers: int | None, threads: int | None, gpu: bool = False
) -> tuple[int, int]:
    """Return the number of workers to start on this machine, and the threads of each.

    One thread per worker keeps every core busy: the parts of a frame that run on one thread
    overlap with the tracing of others (docs/performance.md). If there are fewer pictures, or less
    memory, than cores can use, workers get several threads. A GPU is used by one worker.

    Args:
        images: number of images to render.
        workers, threads: numbers that the user requests; None for the default.
        gpu: whether paths are traced on a GPU.

    >>> fitting(100, None, 2, gpu=True), fitting(100, 3, 2)
    ((1, 2), (3, 2))

    Raises:
        InputError: a number is out of range.
    """
    cores = usable_cores()
    check_counts(workers, threads, WORKERS_PER_CORE * cores)
    if workers is None and gpu:
        workers = 1
    if workers is None:
        room = max(1, psutil.virtual_memory().available // WORKER_BYTES)
        workers = max(1, min(cores // (threads or 1), room, images))
    return workers, threads or max(1, cores // workers)
