"""A pool of workers on a Ray cluster, with errors that say what is wrong."""

from __future__ import annotations

import itertools
import logging
import math
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from dmldata.common.errors import InputError, PrismError, one_line
from dmldata.common.extras import import_extra

EXECUTORS = ("local", "ray")
"""Where work can run: on this machine, or on a Ray cluster."""

MAX_LOSSES = 2
"""Work that was lost with this many workers is given up, as it may be the cause."""

Work = TypeVar("Work")
Answer = TypeVar("Answer")


class LostWorkerError(PrismError):
    """A worker disappeared without an answer, perhaps with its node."""


class Pool(Generic[Work, Answer]):
    """Workers on a Ray cluster, whose nodes may come and go. Each worker has a number.

    Args:
        function: what the workers do; each gets a copy by pickle and keeps it, with what it caches,
            for as long as the worker lives.
        address: address of the cluster, as for `ray.init`; None starts one on this machine.
        workers: maximum number of workers; None for as many as the cluster has room for.
        threads: number of CPUs that each worker reserves.
        gpus: number of GPUs that each worker reserves; None for one if the cluster has any, or for
            a part of one if `workers` asks for more workers than there are GPUs.

    Raises:
        MissingPackageError: Ray is not installed.
        InputError: there is no cluster at that address, or none of its nodes has room for a worker.
    """

    def __init__(
        self,
        function: Callable[[Work], Answer],
        address: str | None,
        *,
        workers: int | None,
        threads: int,
        gpus: int | None = 0,
    ) -> None:
        self._ray = _connect(address)
        self._function, self._maximum = function, workers
        self._threads = threads
        self._gpus = (
            gpus_of_each(self._ray.cluster_resources().get("GPU", 0), workers)
            if gpus is None
            else gpus
        )
        self._require_room()
        self._actor_class = self._ray.remote(
            num_cpus=threads, num_gpus=self._gpus, max_restarts=0, max_task_retries=0
        )(_Actor)
        self._numbers = itertools.count()
        self._actors: dict[int, Any] = {}
        self._answers: dict[int, deque[Any]] = {}

    def slots(self) -> int:
        """Return how many workers the current nodes have room for, at most the maximum."""
        places = sum(self._places(node) for node in self._nodes())
        return places if self._maximum is None else min(places, self._maximum)

    def start(self) -> int:
        """Start a worker and return its number; Ray places it as soon as it can."""
        number = next(self._numbers)
        self._actors[number] = self._actor_class.remote(self._function, str(Path.cwd()))
        self._answers[number] = deque()
        return number

    def submit(self, worker: int, work: Work) -> None:
        """Send a worker more work, which it does in the order of submission."""
        self._answers[worker].append(self._actors[worker].do.remote(work))

    def wait(self, seconds: float | None) -> list[tuple[int, Answer | PrismError]]:
        """Return workers with their next answers, waiting at most `seconds` for the first.

        An answer is what the function returned, the PrismError that it raised, or a
        LostWorkerError; the worker should be stopped then.

        Args:
            seconds: None to wait for as long as it takes; a worker has to have work then.
        """
        first = {answers[0]: number for number, answers in self._answers.items() if answers}
        if not first:
            time.sleep(seconds or 0)
            return []
        ready, _ = self._ray.wait(list(first), num_returns=1, timeout=seconds)
        more, _ = self._ray.wait(list(first), num_returns=len(first), timeout=0)
        return [(first[answer], self._receive(first[answer])) for answer in {*ready, *more}]

    def each(self, works: Iterable[Work]) -> Iterator[tuple[Work, Answer | PrismError]]:
        """Yield each piece of work with its answer as soon as it is finished, in any order.

        Lost work is given to another worker; its answer is a LostWorkerError after MAX_LOSSES.
        """
        waiting = deque((work, 0) for work in works)
        working: dict[int, tuple[Work, int]] = {}
        while waiting or working:
            while waiting and (worker := self._idle_or_new()) is not None:
                working[worker] = waiting.popleft()
                self.submit(worker, working[worker][0])
            for worker, answer in self.wait(None):
                work, losses = working.pop(worker)
                if isinstance(answer, LostWorkerError):
                    self.stop(worker)
                    if losses + 1 < MAX_LOSSES:
                        waiting.append((work, losses + 1))
                        continue
                yield work, answer

    def stop(self, worker: int) -> None:
        """End a worker at once."""
        self._answers.pop(worker)
        self._ray.kill(self._actors.pop(worker))

    def close(self) -> None:
        """End all workers and disconnect from the cluster."""
        for number in list(self._actors):
            self.stop(number)
        self._ray.shutdown()

    def _receive(self, worker: int) -> Answer | PrismError:
        answer: Answer | PrismError
        try:
            answer = self._ray.get(self._answers[worker].popleft())
        except self._ray.exceptions.RayError as error:
            answer = LostWorkerError(one_line(error))
        return answer

    def _idle_or_new(self) -> int | None:
        """Return an idle worker, or a new one if there is room; Ray waits for the first worker."""
        for number, answers in self._answers.items():
            if not answers:
                return number
        return self.start() if len(self._actors) < max(1, self.slots()) else None

    def _require_room(self) -> None:
        """Check that a worker fits on one of the nodes, because Ray would wait for room forever."""
        nodes = self._nodes()
        if any(map(self._places, nodes)):
            return
        resources = sorted(
            f"{node.get('CPU', 0):g} CPUs" + (f" and {node['GPU']:g} GPUs" if "GPU" in node else "")
            for node in nodes
        )
        self._ray.shutdown()
        request = f"{self._threads} CPUs" + (f" and {self._gpus:g} GPU" if self._gpus else "")
        raise InputError(
            f"no node of the Ray cluster has {request} for a worker (its nodes have: "
            f"{', '.join(resources) or 'nothing'}); ask for less with --threads or --device, or "
            "add a node"
        )

    def _nodes(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _places(self, node: dict[str, float]) -> int:
        places = int(node.get("CPU", 0)) // self._threads
        if self._gpus:
            of_a_gpu = 1 if self._gpus >= 1 else int(1 / self._gpus)
            places = min(places, int(node.get("GPU", 0)) * of_a_gpu // max(1, int(self._gpus)))
        return places


class _Actor:
    """A worker on a node.

    It works in the folder of the command if the node has it: relative paths, also those that the
    code of a user's model opens, start there.
    """

    def __init__(self, function: Callable[[Work], Answer], folder: str) -> None:
        self._function: Callable[[Any], Any] = function
        if Path(folder).is_dir():
            os.chdir(folder)

    def do(self, work: object) -> object:
        """Return the answer, or the PrismError that was raised."""
        try:
            return self._function(work)
        except PrismError as error:
            return error


def gpus_of_each(gpus: float, workers: int | None) -> float:
    """Return how many GPUs each worker reserves: one, or a part if they are fewer than workers.

    >>> gpus_of_each(0, 4), gpus_of_each(2, None), gpus_of_each(1, 3), gpus_of_each(2, 3)
    (0, 1, 0.3333, 0.5)
    """
    if workers is None or gpus == 0 or gpus >= workers:
        return int(gpus > 0)
    # A worker has a part of one GPU, never of two, which Ray knows to four digits.
    return math.floor(10_000 / math.ceil(workers / gpus)) / 10_000


def _connect(address: str | None) -> ModuleType:
    """Connect to a Ray cluster and return the module `ray`."""
    ray = import_extra("ray")
    if address is not None and ":" in address and "://" not in address:
        _check_reachable(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"--address {address}: {one_line(error)}") from None
    return ray


def _check_reachable(address: str) -> None:
    """Check that the address answers: Ray itself would retry for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError) as error:
        raise InputError(f"--address {address}: no Ray cluster answers there ({error})") from None
