"""What a GPU makes of scores, maps, embeddings and training, beside the products and the CPU.

    PYTHONPATH=datasets:benchmark python measurements/gpu.py [DEVICE] [SCALE]

Needs the checkout, PyTorch and what `dmlbench` imports; networks of packages that are not installed
are left out with a line that says so. DEVICE (cuda) is one of PyTorch's, SCALE (1) divides all
sizes, to try the script on a CPU: `gpu.py cpu 50`. Prints tables, each as soon as it is measured:

- scores: exact NR-Precision of eleven properties (the paper's kinds of bins) of 100,000 x 128 and
  1,000,000 x 128, beside the float32 products alone; of the million, 20,000 queries against all,
  scaled to all;
- equality: hits on the device and on the CPU;
- networks: maps a second of `smoothgrad_paper` with 50 copies and images embedded a second, in fp32
  and bf16, what share of the fp32 products' rate the maps are, and the lowest Pearson r of a map
  with the CPU's in fp32;
- training: images a second, batches of 60 with a triplet loss.
"""

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from properties import DIMENSIONS, data
from saliency import bn_inception
from torch import Tensor, nn

from dmlbench.losses import distance_named
from dmlbench.maps import pearson
from dmlbench.models import LoadedModel, load_model
from dmlbench.models.execution import frozen, full_precision
from dmlbench.saliency import black_reference, smoothgrad_paper
from dmlbench.saliency.methods import SAMPLES
from dmlbench.scores._kernels.device_counts import count_hits_on
from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores._kernels.neighbor_counts import Question, count_hits
from dmlbench.scores._kernels.units import Units

BATCH = 60
PRECISIONS = ("fp32", "bf16")


class Sizes(NamedTuple):
    """How much is measured."""

    few: int
    many: int
    queries: int
    compared: int
    images: int
    batch: int


def wait(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device != "cpu":
        torch.cuda.synchronize()


def seconds_of(device: str, work: Callable[[], object], least: float = 2.0) -> float:
    """Return the mean time of a call, repeated for some seconds after one that warms up."""
    work()
    wait(device)
    began, calls = perf_counter(), 0
    while calls == 0 or perf_counter() - began < least:
        work()
        wait(device)
        calls += 1
    return (perf_counter() - began) / calls


def products_per_second(device: str, side: int) -> float:
    """Return the floating point operations a second of a float32 product of square matrices."""
    a = torch.rand(side, side, device=device)
    return float(2 * side**3 / seconds_of(device, lambda: a @ a))


def questions_of(images: int) -> tuple[NDArray[np.float32], list[Question]]:
    """Return the embeddings [N, 128] of properties.py, and what to count of its properties."""
    x, labels = data(images)
    return x, [Question(codes, np.bincount(codes)[codes][:, None] - 1) for codes in labels]


def scores(device: str, sizes: Sizes, operations: float) -> None:
    """Print how long exact hits of all queries take, beside the products alone."""
    print(
        "| embeddings | queries timed | all queries | products alone | ratio |",
        "|---|---|---|---|---|",
        sep="\n",
    )
    for images, timed in ((sizes.few, sizes.few), (sizes.many, sizes.queries)):
        x, questions = questions_of(images)
        points, units = prepare_points(x, normalize=True), Units.of(np.arange(images))
        chosen = np.arange(timed)
        count_hits_on(device, points, units, questions, queries=chosen[:8])
        began = perf_counter()
        count_hits_on(device, points, units, questions, queries=chosen)
        seconds = (perf_counter() - began) * images / timed
        products = 2 * images**2 * DIMENSIONS / operations
        print(
            f"| {images:,} x {DIMENSIONS} | {timed:,} | {seconds:.1f} s | {products:.1f} s "
            f"| {seconds / products:.1f} |",
            flush=True,
        )


def equality(device: str, images: int) -> None:
    """Print the largest difference of a query's hits between the device and the CPU."""
    x, questions = questions_of(images)
    points, units = prepare_points(x, normalize=True), Units.of(np.arange(images))
    pairs = zip(
        count_hits_on(device, points, units, questions),
        count_hits(points, units, questions),
        strict=True,
    )
    differences = np.concatenate([np.abs(ours - theirs).ravel() for ours, theirs in pairs])
    print(
        f"\nHits of {images:,} queries by eleven properties, {device} beside the CPU: largest "
        f"difference {np.nanmax(differences):.2g}, mean {np.nanmean(differences):.2g}.\n",
        flush=True,
    )


def networks() -> dict[str, LoadedModel]:
    """Return the networks whose packages are installed, with random weights."""
    loaded = {"BN-Inception": bn_inception()}
    for name, reference in (
        ("EfficientNet-Lite0", "timm:tf_efficientnet_lite0?pretrained=false&seed=0"),
        ("ResNet-50", "timm:resnet50?pretrained=false&seed=0"),
    ):
        try:
            loaded[name] = load_model(reference)
        except Exception as error:
            print(f"{name} left out: {error}")
    return loaded


def operations_of(model: nn.Module, images: Tensor) -> float:
    """Return the floating point operations of one forward pass of one image."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(images[:1])
    return float(counter.get_total_flops())


class Maps(NamedTuple):
    """How maps of a network are made of images [B, 3, H, W]."""

    loaded: LoadedModel
    images: Tensor
    reference: Tensor

    def on(self, device: str, count: int, precision: str) -> Tensor:
        """Return the maps [count, H, W] of the first images."""
        return smoothgrad_paper(
            self.loaded.model,
            self.images[:count].to(device),
            self.reference.to(device),
            distance_named(self.loaded.distance),
            keys=[str(number) for number in range(count)],
            samples=SAMPLES,
            precision=precision,
        )


def embed(model: nn.Module, batch: Tensor, precision: str) -> Tensor:
    """Return the embeddings of a batch."""
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=precision == "bf16"):
        embeddings: Tensor = model(batch)
    return embeddings


def maps_and_embeddings(device: str, sizes: Sizes, operations: float) -> None:
    """Print maps and embeddings a second, and how near the maps are to the CPU's."""
    print("| network | precision | maps / s | of the products' rate | images embedded / s | r |")
    print("|---|---|---|---|---|---|")
    for name, loaded in networks().items():
        assert isinstance(loaded.model, nn.Module)
        shape = 3, *loaded.preprocessing.input_size
        images = torch.rand(sizes.images, *shape, generator=torch.Generator().manual_seed(0))
        maps = Maps(loaded, images, black_reference(loaded))
        expected = maps.on("cpu", 2, "fp32")
        # A map takes a pass forward and one back to the pixels of each copy: twice the operations.
        of_map = 2 * SAMPLES * operations_of(loaded.model, images)
        model = loaded.model.to(device)
        batch = torch.rand(sizes.batch, *shape).to(device)
        for precision in PRECISIONS:
            r = float(pearson(maps.on(device, 2, precision).cpu(), expected).min())
            work = partial(maps.on, device, len(images), precision)
            seconds = seconds_of(device, work) / len(images)
            with frozen(model), torch.inference_mode(), full_precision():
                work = partial(embed, model, batch, precision)
                embedding = seconds_of(device, work) / len(batch)
            print(
                f"| {name} | {precision} | {1 / seconds:.2f} | {of_map / seconds / operations:.0%} "
                f"| {1 / embedding:.0f} | {r:.5f} |",
                flush=True,
            )
        model.to("cpu")


def training(device: str) -> None:
    """Print how many images a second are trained on, of one batch that is in memory."""
    try:
        from training import one_batch

        with tempfile.TemporaryDirectory() as folder:
            step, images = one_batch(Path(folder), BATCH)
    except ImportError as error:
        print(f"\nTraining left out: {error}")
        return
    seconds = seconds_of(device, partial(step, device))
    print(
        f"\nEfficientNet-Lite0, batches of {images} at 224 pixels: "
        f"{images / seconds:.0f} images/s trained."
    )


def main() -> None:
    """Print all tables."""
    device, scale = (*sys.argv[1:], *("cuda", "1")[len(sys.argv) - 1 :])
    n = int(scale)
    sizes = Sizes(
        100_000 // n, 1_000_000 // n, 20_000 // n, 10_000 // n, max(2, 64 // n), max(2, 256 // n)
    )
    card = torch.cuda.get_device_name() if device != "cpu" else "CPU"
    operations = products_per_second(device, max(512, 8192 // n))
    print(
        f"{card}, PyTorch {torch.__version__}: "
        f"float32 products at {operations / 1e12:.2f} TFLOP/s\n"
    )
    scores(device, sizes, operations)
    equality(device, sizes.compared)
    maps_and_embeddings(device, sizes, operations)
    training(device)


if __name__ == "__main__":
    main()
