"""Executors run the blocks of an evaluation, in this process or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

import torch

from dmlbench.evaluate.tasks import Progress, Task
from dmlbench.models import LoadedModel
from dmlbench.results.blocks import Arrays
from dmlbench.sources import ImageSource
from dmldata.common.errors import InputError, UnknownNameError
from dmldata.common.extras import require_extras

EXECUTORS = ("local", "ray")


class Executor(Protocol):
    """Runs a task on blocks of images."""

    def run(self, task: Task, blocks: Sequence[list[str]], progress: Progress) -> Iterator[Arrays]:
        """Yield the arrays of each block as it is finished, in any order.

        Args:
            blocks: keys of the images of each block, in the order of the dataset.
            progress: called with a number of finished images; each image counts `task.passes`
                times.
        """

    def close(self) -> None:
        """Release all resources."""


class LocalExecutor:
    """Runs one block after the other in this process."""

    def __init__(self, loaded: LoadedModel, dataset: ImageSource) -> None:
        self._loaded, self._dataset = loaded, dataset

    def run(self, task: Task, blocks: Sequence[list[str]], progress: Progress) -> Iterator[Arrays]:
        """Run the task on each block; see `Executor`. The dataset is read once, sequentially."""
        keys = set(chain.from_iterable(blocks))
        if not keys:
            return
        items = self._dataset.samples_iter(keys=keys, with_mask=task.with_mask)
        for block in blocks:
            yield task(self._loaded, islice(items, len(block)), block, progress)

    def close(self) -> None:
        """Do nothing: there are no resources to release."""


def check_executor(name: str, address: str | None, workers: int | None) -> None:
    """Check options that have to go together, before anything is loaded.

    Raises:
        UnknownNameError: there is no such executor.
        InputError: an option needs the Ray executor.
        MissingPackageError: Ray is not installed.
    """
    if name not in EXECUTORS:
        raise UnknownNameError("executor", name, EXECUTORS)
    if name == "ray":
        require_extras("ray")
    for option, value in (("--address", address), ("--workers", workers)):
        if value is not None and name != "ray":
            raise InputError(f"{option} {value}: only with --executor ray")


@contextmanager
def open_executor(
    name: str,
    loaded: LoadedModel,
    dataset: ImageSource,
    model_options: Mapping[str, Any],
    *,
    address: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    device: str = "auto",
) -> Iterator[Executor]:
    """Open the executor of this name and close it afterwards.

    Args:
        model_options: options that `dmlbench.load_model` was called with.
        address, workers, device: options of a cluster; see `ray_workers.RayExecutor`.
        threads: CPU threads per worker; None for one on Ray, and for PyTorch's choice in this
            process.

    Raises:
        InputError: Ray is not installed, or there is no cluster at this address.
    """
    if name == "ray":
        from dmlbench.evaluate.ray_workers import Origin, RayExecutor

        origin = Origin(
            folder=str(Path.cwd()),
            reference=loaded.reference,
            options=model_options,
            url=dataset.url,
            opened_as=dict(dataset.options),
            model=loaded.id,
            fingerprint=dataset.fingerprint,
        )
        executor: Executor = RayExecutor(origin, address, workers, threads or 1, device)
    else:
        if threads is not None:
            torch.set_num_threads(threads)
        executor = LocalExecutor(loaded, dataset)
    try:
        yield executor
    finally:
        executor.close()
