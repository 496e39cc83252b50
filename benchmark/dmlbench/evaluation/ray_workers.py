"""Evaluate on a Ray cluster: workers load the model and read the images themselves.

Model and dataset have to be available on every node under the same path or URL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from dmlbench.evaluation.tasks import Task
from dmlbench.models import LoadedModel, ModelOptions
from dmlbench.results.blocks import Arrays
from dmlbench.sources import ImageSource
from dmldata.common.cluster import MAX_LOSSES, LostWorkerError, Pool
from dmldata.common.errors import PrismError
from dmldata.common.progress import Advance


class Origin(NamedTuple):
    """How a worker loads the model and the dataset, and checks that they are the right ones.

    Attributes:
        reference, options: arguments of `dmlbench.load_model`.
        url, opened_as: arguments of `dmlbench.sources.open_source`.
        model, fingerprint: expected ids of model and dataset.
    """

    reference: str
    options: ModelOptions
    url: str
    opened_as: Mapping[str, str]
    model: str
    fingerprint: str

    def open(self) -> tuple[LoadedModel, ImageSource]:
        """Load the model and open the dataset.

        Raises:
            PrismError: this node has other ones.
        """
        from dmlbench import load_model
        from dmlbench.sources import open_source

        dataset = open_source(self.url, **self.opened_as)
        loaded = load_model(self.reference, options=self.options)
        if (loaded.id, dataset.fingerprint) != (self.model, self.fingerprint):
            raise PrismError(
                f"node {os.uname().nodename}: has model {loaded.id} and dataset "
                f"{dataset.fingerprint}, not {self.model} and {self.fingerprint}"
            )
        return loaded, dataset


class BlockWorker:
    """Runs tasks on blocks on a node; it loads model and dataset with its first block."""

    def __init__(self, origin: Origin, threads: int) -> None:
        self._origin, self._threads = origin, threads
        self._opened: tuple[LoadedModel, ImageSource] | None = None

    def __call__(self, work: tuple[Task, list[str]]) -> Arrays:
        """Return the arrays of a block."""
        if self._opened is None:
            import torch

            torch.set_num_threads(self._threads)
            self._opened = self._origin.open()
        loaded, dataset = self._opened
        task, keys = work
        items = dataset.samples_iter(keys=set(keys), with_mask=task.with_mask)
        return task(loaded, items, keys, lambda images: None)


class RayExecutor:
    """Runs blocks in workers on a Ray cluster; a lost worker costs the block that it worked on.

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
        self._pool = Pool(
            BlockWorker(origin, threads),
            address,
            workers=workers,
            threads=threads,
            gpus=None if device == "auto" else int(device == "cuda"),
        )
        self.close = self._pool.close

    def run(self, task: Task, blocks: Sequence[list[str]], progress: Advance) -> Iterator[Arrays]:
        """Run the task on each block; see `dmlbench.evaluation.executor.Executor`.

        Raises:
            PrismError: a worker raised it, or a block was lost with MAX_LOSSES workers.
        """
        for (_, block), answer in self._pool.each((task, block) for block in blocks):
            if isinstance(answer, LostWorkerError):
                raise PrismError(
                    f"images '{block[0]}' to '{block[-1]}': {MAX_LOSSES} workers were lost "
                    f"with them, the last one by: {answer}; what is finished is kept"
                ) from answer
            if isinstance(answer, PrismError):
                raise answer
            progress(len(block))
            yield answer
