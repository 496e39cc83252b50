"""Evaluate on a Ray cluster: workers load the model and read the images themselves.

Model and dataset have to be available on every node under the same path or URL.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dmlbench.evaluate.tasks import Progress, Task
from dmlbench.models import LoadedModel, ModelOptions
from dmlbench.results.blocks import Arrays
from dmldata.common.cluster import connect, require_room, room
from dmldata.common.errors import PrismError, one_line

MAX_LOSSES = 2
"""A block that was lost with this many workers is given up, as it may be the cause."""


class Origin(NamedTuple):
    """How a worker loads the model and the dataset, and checks that they are the right ones.

    Attributes:
        folder: working directory of the command; relative paths start there.
        reference, options: arguments of `dmlbench.load_model`.
        url, opened_as: arguments of `dmlbench.sources.open_source`.
        model, fingerprint: expected ids of model and dataset.
    """

    folder: str
    reference: str
    options: ModelOptions
    url: str
    opened_as: Mapping[str, str]
    model: str
    fingerprint: str


class EvaluationActor:
    """A worker on a node; it loads model and dataset with its first block."""

    def __init__(self, origin: Origin, threads: int) -> None:
        self._origin, self._threads = origin, threads
        self._loaded: LoadedModel | None = None

    def do(self, task: Task, keys: list[str]) -> Arrays | PrismError:
        """Return the arrays of a block, or the error."""
        try:
            loaded = self._open()
            items = self._dataset.samples_iter(keys=set(keys), with_mask=task.with_mask)
            return task(loaded, items, keys, lambda images: None)
        except PrismError as error:
            return error

    def _open(self) -> LoadedModel:
        if self._loaded is None:
            import torch

            from dmlbench import load_model
            from dmlbench.sources import open_source

            origin = self._origin
            if Path(origin.folder).is_dir():
                os.chdir(origin.folder)
            torch.set_num_threads(self._threads)
            self._dataset = open_source(origin.url, **origin.opened_as)
            loaded = load_model(origin.reference, options=origin.options)
            loaded_ids = (loaded.id, self._dataset.fingerprint)
            if loaded_ids != (origin.model, origin.fingerprint):
                raise PrismError(
                    f"node {os.uname().nodename}: has model {loaded_ids[0]} and dataset "
                    f"{loaded_ids[1]}, not {origin.model} and {origin.fingerprint}"
                )
            self._loaded = loaded
        return self._loaded


class RayExecutor:
    """Runs blocks in workers on a Ray cluster.

    Nodes may join and leave; a lost worker costs the block that it worked on.

    Args:
        address: address of the cluster, as for `ray.init`; None starts one on this machine.
        workers: maximum number of workers; None for as many as the cluster has room for.
        threads: CPUs that each worker reserves and uses.
        device: device of the evaluation; if it can be a GPU and the cluster has GPUs, each worker
            reserves one.

    Raises:
        InputError: Ray is not installed, or there is no cluster at this address.
    """

    def __init__(
        self, origin: Origin, address: str | None, workers: int | None, threads: int, device: str
    ) -> None:
        self._ray = connect(address)
        self._origin, self._most, self._threads = origin, workers, threads
        has_gpus = self._ray.cluster_resources().get("GPU", 0) > 0
        self._gpus = int(device == "cuda" or (device == "auto" and has_gpus))
        require_room(self._ray, threads, self._gpus)
        self._actor_class = self._ray.remote(
            num_cpus=threads, num_gpus=self._gpus, max_restarts=0, max_task_retries=0
        )(EvaluationActor)
        self._idle: list[Any] = []

    def run(self, task: Task, blocks: Sequence[list[str]], progress: Progress) -> Iterator[Arrays]:
        """Run the task on each block; see `dmlbench.evaluate.executor.Executor`.

        Raises:
            PrismError: a worker raised it, or a block was lost with MAX_LOSSES workers.
        """
        waiting, losses = deque(blocks), Counter[str]()
        working: dict[Any, tuple[Any, list[str]]] = {}
        while waiting or working:
            while waiting and (actor := self._free(len(working))) is not None:
                block = waiting.popleft()
                working[actor.do.remote(task, block)] = actor, block
            (answer,), _ = self._ray.wait(list(working), num_returns=1)
            actor, block = working.pop(answer)
            try:
                result = self._ray.get(answer)
            except self._ray.exceptions.RayError as error:
                losses[block[0]] += 1
                if losses[block[0]] == MAX_LOSSES:
                    raise PrismError(
                        f"images '{block[0]}' to '{block[-1]}': {MAX_LOSSES} workers were lost "
                        f"with them, the last one by: {one_line(error)}; what is finished is kept"
                    ) from error
                waiting.append(block)
                continue
            self._idle.append(actor)
            if isinstance(result, PrismError):
                raise result
            progress(task.passes * len(block))
            yield result

    def close(self) -> None:
        """Stop all workers and disconnect from the cluster."""
        self._idle.clear()
        self._ray.shutdown()

    def _free(self, working: int) -> Any | None:
        """Return an idle worker, or a new one if there is room; Ray waits for the first worker."""
        if self._idle:
            return self._idle.pop()
        if working >= max(1, room(self._ray, self._threads, self._gpus, self._most)):
            return None
        return self._actor_class.remote(self._origin, self._threads)
