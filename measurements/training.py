"""Images a second of training with real batches, beside one batch that is always the same.

    OMP_WAIT_POLICY=passive python measurements/training.py [STEPS] [THREADS] [SIZE ...]

EfficientNet-Lite0 with a triplet loss on the images of `datasets/sample` (256 px), batches of 30,
THREADS (2) of torch, SIZE (128 224) pixels of the network's input. "between steps" prepares a batch
when it is needed, "in a process" lets one process prepare them ahead. The ways take turns, three
times STEPS (8) steps each after two that do not count, so that what else the machine does meets all
alike; a row's figure is the lower quartile of its steps, which other work on the machine hardly
moves. `loading` is what the step waits for its batch, and
`decoding` what each image costs once, before the first step.
"""

import itertools
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dmlbench.training import TrainSettings
from dmlbench.training.fit import Material, make_loaders
from dmlbench.training.hyperparameters import Hyperparameters
from dmlbench.training.learner import Learner
from dmlbench.training.task import plan_task
from dmlbench.training.train import make_learner

SAMPLE = Path(__file__).parent.parent / "datasets/sample"
WAYS = {"one batch, in memory": None, "between steps": 0, "in a process": 1}
ROUNDS, WARM = 3, 2
Batch = tuple[Tensor, Tensor]


def batches(material: Material, given: Hyperparameters, workers: int | None) -> Iterator[Batch]:
    """Batches of a way; of the first one, the same tensors again and again."""
    loader, _ = make_loaders(material, given, workers or 0, (0, 0), lambda: 0)
    if workers is None:
        batch = next(iter(loader))
        while True:
            yield batch
    yield from loader


def stepper(learner: Learner) -> Callable[[Batch], None]:
    """One step of both optimisers, as in training."""
    learner.train()
    optimisers: list[Any] = learner.configure_optimizers()

    def step(batch: Batch) -> None:
        for optimiser in optimisers:
            optimiser.zero_grad()
        learner.loss_of(*batch).backward()
        for optimiser in optimisers:
            optimiser.step()

    return step


def one_batch(folder: Path, batch: int) -> tuple[Callable[[str], None], int]:
    """Return a step on a device with a batch that is in memory, and how many images it has."""
    settings = TrainSettings(
        loss="triplet",
        data=str(SAMPLE),
        out=folder,
        folds=2,
        size=224,
        batch=batch,
        images_per_class=batch // 2,
        workers=0,
    )
    task = plan_task(settings)
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


def measure(size: int, steps: int, folder: Path) -> list[str]:
    """A row a way."""
    settings = TrainSettings(
        loss="triplet",
        data=str(SAMPLE),
        out=folder,
        folds=2,
        size=size,
        batch=30,
        images_per_class=15,
        steps=steps + WARM,
    )
    task = plan_task(settings)
    start = task.start()
    began = perf_counter()
    learner, material = make_learner(task, start, quiet=True)
    decoding = (perf_counter() - began) / len(material.images)
    step = stepper(learner)
    waiting: dict[str, list[float]] = {way: [] for way in WAYS}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _, (way, workers) in itertools.product(range(ROUNDS), WAYS.items()):
        source = batches(material, task.hyperparameters, workers)
        for turn in range(steps + WARM):
            began = perf_counter()
            batch = next(source)
            loaded = perf_counter()
            step(batch)
            if turn >= WARM:
                seconds[way].append(perf_counter() - began)
                waiting[way].append(loaded - began)
    rates = {way: task.hyperparameters.batch / quartile(times) for way, times in seconds.items()}
    fixed = rates["one batch, in memory"]
    return [
        f"| {size} | {torch.get_num_threads()} | {way} | {rate:.1f} | {rate / fixed:.1%} "
        f"| {1e3 * quartile(waiting[way]):.0f} ms | {1e3 * decoding:.1f} ms |"
        for way, rate in rates.items()
    ]


def main() -> None:
    """Print the table."""
    steps, threads, *sizes = [int(word) for word in sys.argv[1:]] or [8, 2]
    torch.set_num_threads(threads)
    print("| input | threads | batches | images/s | of one batch's | loading | decoding |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes or (128, 224):
        with tempfile.TemporaryDirectory() as folder:
            print("\n".join(measure(size, steps, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
