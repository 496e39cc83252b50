"""Workers on a Ray cluster: each is an actor with its own Blender process."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

from dmldata.common.cluster import connect, require_room, room
from dmldata.common.errors import InputError, PrismError, one_line
from dmlgen.plan.draw import PlannedImage
from dmlgen.plan.presets import Engine
from dmlgen.rendering.executor import Died, Event, Refused, Rendered
from dmlgen.rendering.frames import Frame
from dmlgen.rendering.local import MAX_RAY_WORKERS, BlenderWorker, check_counts

GPU_DEVICES = ("cuda", "optix")


class RenderActor:
    """Actor on a node of the cluster; its Blender process lives as long as the actor."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dml-prism-")
        scratch = Path(self._folder.name)
        self._worker = BlenderWorker(engine, threads, scratch / "blender.log", scratch)

    def render(self, image: PlannedImage) -> tuple[Frame, int] | PrismError:
        """Return the frame and the memory of the process in bytes, or the error."""
        try:
            self._worker.submit(image)
            return self._worker.receive(), self._worker.memory()
        except PrismError as error:
            return error


class RayExecutor:
    """Workers on a Ray cluster. Nodes may come and go while it works.

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
        self._ray = connect(address)
        self._engine, self._workers, self._threads = engine, workers, threads
        self._gpus = 1 if engine.device in GPU_DEVICES else 0
        require_room(self._ray, threads, self._gpus)
        self._actor_class = self._ray.remote(
            num_cpus=threads, num_gpus=self._gpus, max_restarts=0, max_task_retries=0
        )(RenderActor)
        self._numbers = itertools.count()
        self._actors: dict[int, Any] = {}
        self._answers: dict[int, deque[Any]] = {}

    def slots(self) -> int:
        """Return how many workers the current nodes have room for."""
        return room(self._ray, self._threads, self._gpus, self._workers)

    def start(self) -> int:
        """Start an actor and return its number; Ray places it as soon as it can."""
        number = next(self._numbers)
        self._actors[number] = self._actor_class.remote(self._engine, self._threads)
        self._answers[number] = deque()
        return number

    def submit(self, worker: int, image: PlannedImage) -> None:
        """Send a worker one more row."""
        self._answers[worker].append(self._actors[worker].render.remote(image))

    def wait(self, seconds: float) -> list[Event]:
        """Return new events, waiting at most `seconds` for the first."""
        first = {answers[0]: number for number, answers in self._answers.items() if answers}
        if not first:
            time.sleep(seconds)
            return []
        ready, _ = self._ray.wait(list(first), num_returns=1, timeout=seconds)
        more, _ = self._ray.wait(list(first), num_returns=len(first), timeout=0)
        return [self._hear(first[answer]) for answer in {*ready, *more}]

    def _hear(self, number: int) -> Event:
        answer = self._answers[number].popleft()
        try:
            result = self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            return Died(number, f"Ray lost it: {one_line(error)}", lost=True)
        if isinstance(result, InputError):
            return Refused(number, result)
        if isinstance(result, PrismError):
            return Died(number, str(result))
        frame, memory = result
        return Rendered(number, frame, memory)

    def stop(self, worker: int) -> None:
        """End a worker at once."""
        self._answers.pop(worker)
        self._ray.kill(self._actors.pop(worker))

    def close(self) -> None:
        """End all workers and disconnect from the cluster."""
        for number in list(self._actors):
            self.stop(number)
        self._ray.shutdown()
