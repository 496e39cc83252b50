"""Executors run the blocks of an evaluation, in this process or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Protocol

import torch

from dmlbench.evaluation.executor_settings import ExecutorSettings
from dmlbench.evaluation.tasks import Task
from dmlbench.models import LoadedModel, ModelOptions
from dmlbench.results.blocks import Arrays
from dmlbench.sources import ImageSource
from dmldata.common.progress import Advance


class Executor(Protocol):
    """Runs a task on blocks of images."""

    def run(self, task: Task, blocks: Sequence[list[str]], progress: Advance) -> Iterator[Arrays]:
        """Yield the arrays of each block as it is finished, in any order.

        Args:
            blocks: keys of the images of each block, in the order of the dataset.
            progress: called with a number of finished images.
        """

    def close(self) -> None:
        """Release all resources."""


class LocalExecutor:
    """Runs one block after the other in this process."""

    def __init__(self, loaded: LoadedModel, dataset: ImageSource) -> None:
        self._loaded, self._dataset = loaded, dataset

    def run(self, task: Task, blocks: Sequence[list[str]], progress: Advance) -> Iterator[Arrays]:
        """Run the task on each block; see `Executor`. The dataset is read once, sequentially."""
        keys = set(chain.from_iterable(blocks))
        if not keys:
            return
        items = self._dataset.samples_iter(keys=keys, with_mask=task.with_mask)
        for block in blocks:
            yield task(self._loaded, islice(items, len(block)), block, progress)

    def close(self) -> None:
        """Do nothing: there are no resources to release."""


@contextmanager
def open_executor(
    settings: ExecutorSettings,
    loaded: LoadedModel,
    dataset: ImageSource,
    options: ModelOptions,
    device: str,
) -> Iterator[Executor]:
    """Open an executor and close it afterwards.

    Args:
        options: options that the model was loaded with.
        device: device of the evaluation; see `ray_workers.RayExecutor`.

    Raises:
        InputError: there is no cluster at this address.
    """
    if settings.on_ray:
        from dmlbench.evaluation.ray_workers import Origin, RayExecutor

        origin = Origin(
            reference=loaded.reference,
            options=options,
            url=dataset.url,
            opened_as=dict(dataset.options),
            model=loaded.id,
            fingerprint=dataset.fingerprint,
        )
        executor: Executor = RayExecutor(
            origin, settings.address, settings.workers, settings.threads or 1, device
        )
    else:
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        executor = LocalExecutor(loaded, dataset)
    try:
        yield executor
    finally:
        executor.close()
