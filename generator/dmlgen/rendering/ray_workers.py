"""Workers on a Ray cluster: each has its own Blender process."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dmldata.common.cluster import LostWorkerError, Pool
from dmldata.common.errors import InputError, PrismError
from dmlgen.planning.images import PlannedImage
from dmlgen.planning.presets import Engine
from dmlgen.rendering.executor import Died, Event, Refused, Rendered
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.local import MAX_RAY_WORKERS, BlenderWorker, check_counts

GPU_DEVICES = ("cuda", "optix")


class Renderer:
    """Renders rows on a node; its Blender process starts with the first and then stays."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine, self._threads = engine, threads
        self._worker: BlenderWorker | None = None

    def __call__(self, image: PlannedImage) -> tuple[Frame, int]:
        """Return the frame and the memory of the process in bytes."""
        if self._worker is None:
            self._folder = tempfile.TemporaryDirectory(prefix="dml-prism-")
            scratch = Path(self._folder.name)
            log = scratch / "blender.log"
            self._worker = BlenderWorker(self._engine, self._threads, log, scratch)
        self._worker.submit(image)
        return self._worker.receive(), self._worker.memory()


class RayExecutor:
    """Workers on a Ray cluster; see `dmldata.common.cluster.Pool`.

    Args:
        address: of the cluster, as `ray.init` takes it; None starts one on this machine.
        workers: maximum number of workers; None for as many as the cluster has room for.
        threads: number of CPUs that each worker reserves and uses.

    Raises:
        InputError: a number is out of range, Ray is not installed, there is no cluster at that
            address, or none of its nodes has room for a worker.
    """

    def __init__(
        self, engine: Engine, address: str | None, workers: int | None, threads: int
    ) -> None:
        check_counts(workers, threads, MAX_RAY_WORKERS)
        self._pool = Pool(
            Renderer(engine, threads),
            address,
            workers=workers,
            threads=threads,
            gpus=int(engine.device in GPU_DEVICES),
        )
        self.slots, self.start, self.submit = self._pool.slots, self._pool.start, self._pool.submit
        self.stop, self.close = self._pool.stop, self._pool.close

    def wait(self, seconds: float) -> list[Event]:
        """Return new events, waiting at most `seconds` for the first."""
        return [_event(worker, answer) for worker, answer in self._pool.wait(seconds)]


def _event(worker: int, answer: tuple[Frame, int] | PrismError) -> Event:
    if isinstance(answer, LostWorkerError):
        return Died(worker, f"Ray lost it: {answer}", lost=True)
    if isinstance(answer, InputError):
        return Refused(worker, answer)
    if isinstance(answer, PrismError):
        return Died(worker, str(answer))
    frame, memory = answer
    return Rendered(worker, frame, memory)
