"""What a monitor costs at each epoch, beside embedding its images alone.

    OMP_WAIT_POLICY=passive python measurements/monitor.py [IMAGES] [THREADS] [SIZE ...]

EfficientNet-Lite0 (random weights) on IMAGES (500) of the set `paper`, THREADS (2) of torch, SIZE
(128 224) pixels of the network's input, batches of 64. The ways take turns, five times; a figure is
the lower quartile, which other work on the machine hardly moves, in seconds of the clock and, in
parentheses, of the processor. "embedding alone" is a plain loop over as many tensors, "monitor"
a call without maps, "above" what that takes more of the processor. "first call" also decodes the
images; numba has compiled before. "strip" draws maps of four images, from ten noisy copies each.
"""

import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dmlbench import PropertyMonitor, load_model
from dmlbench.models import Preprocessing

TRUNK = "timm:tf_efficientnet_lite0?pretrained=false"
BATCH, ROUNDS = 64, 5


class Cost(NamedTuple):
    """Seconds of the clock and of the processor."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:.2f} ({self.processor:.2f})"


def cost(work: Callable[[], object]) -> Cost:
    """The cost of doing it once."""
    clock, processor = perf_counter(), process_time()
    work()
    return Cost(perf_counter() - clock, process_time() - processor)


def quartile(costs: list[Cost]) -> Cost:
    """The lower one of both."""
    return Cost(*np.quantile(costs, 0.25, axis=0).tolist())


def embed_alone(network: nn.Module, images: Tensor) -> None:
    """A plain loop over the monitor's tensors."""
    with torch.inference_mode():
        for batch in images.split(BATCH):
            network(batch.contiguous(memory_format=torch.channels_last))


def measure(images: int, size: int) -> str:
    """A row."""
    loaded = load_model(TRUNK, input_size=size)
    network, preprocessing = loaded.model, loaded.preprocessing

    def make_monitor() -> PropertyMonitor:
        return PropertyMonitor(
            "paper", images=images, preprocessing=preprocessing, batch_size=BATCH
        )

    tiny = Preprocessing(input_size=8)
    PropertyMonitor("sample", preprocessing=tiny)(nn.Flatten())
    monitor = make_monitor()
    first = cost(lambda: monitor(network))
    rng = np.random.default_rng(0)
    tensors = torch.tensor(rng.random((images, 3, size, size), np.float32))
    ways = {
        "embedding": lambda: embed_alone(network, tensors),
        "monitor": lambda: monitor(network),
        "strip": lambda: monitor.draw_maps(network),
    }
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, work in ways.items():
            costs[way].append(cost(work))
    cells = [quartile(costs[way]) for way in ways]
    above = cells[1].processor / cells[0].processor - 1
    return " | ".join(map(str, ["", size, images, *cells[:2], f"{above:.0%}", first, cells[2], ""]))


def main() -> None:
    """Print the table."""
    images, threads, *sizes = [int(word) for word in sys.argv[1:]] or [500, 2]
    torch.set_num_threads(threads)
    print("| input | images | embedding alone | monitor | above | first call | strip |")
    print("|---|---|---|---|---|---|---|")
    for size in sizes or (128, 224):
        print(measure(images, size).strip(), flush=True)


if __name__ == "__main__":
    main()
