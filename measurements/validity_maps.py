"""How often intervals of localization and of maps of randomized networks cover."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from validity_tables import coverage_cell, print_table

from dmlbench.losses import euclidean
from dmlbench.maps import changed_pixels, localization, pearson
from dmlbench.results.means import fisher_mean, plain_mean
from dmlbench.saliency import gradient, randomized_copies

SIDE, VARIANTS = 32, 5
DATA = ("an image per scene", "5 images per scene")
COUNTS = 20, 100
"""Numbers of images."""


class Maps(NamedTuple):
    """Of N images: localization of their maps, and correlation with those of random weights."""

    localization: NDArray[np.float64]
    correlation: NDArray[np.float64]


def maps(seeds: int) -> None:
    """Print the coverage of localization, and of the correlation with maps of random weights."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU(), nn.Flatten()
    ).eval()
    columns = (f"{what}, {count} images" for what in Maps._fields for count in COUNTS)
    print_table(("data", *columns), ([data, *_row(data, network, seeds)] for data in DATA))


def _row(data: str, network: nn.Sequential, seeds: int) -> Iterator[str]:
    scenes = np.arange(max(COUNTS)) // (1 if data == DATA[0] else VARIANTS)
    randomized = next(iter(randomized_copies(network, seed=0)))
    measured = [_measure(network, randomized, scenes, seed) for seed in range(seeds)]
    for values_of, mean in ((0, partial(plain_mean, limits=(0.0, 1.0))), (1, fisher_mean)):
        for count in COUNTS:
            units = scenes[:count].tolist()
            yield coverage_cell(
                [
                    mean(each[values_of][:count], units, np.random.default_rng(seed))
                    for seed, each in enumerate(measured)
                ]
            )


def _measure(
    network: nn.Module, randomized: nn.Module, scenes: NDArray[np.int64], seed: int
) -> Maps:
    """Draw images whose object has another color in each variant, and measure their maps."""
    rng = np.random.default_rng(seed)
    backgrounds = rng.uniform(size=(int(scenes.max()) + 1, 3, 4, 4))
    coarse = nn.functional.interpolate(torch.tensor(backgrounds), SIDE, mode="bilinear").numpy()
    boxes = rng.integers(2, 16, size=(len(backgrounds), 2))
    sides = rng.integers(6, 14, size=(len(backgrounds), 2))
    images, changed = [], []
    for scene in scenes:
        (top, left), (height, width) = boxes[scene], sides[scene]
        object_ = (..., slice(top, top + height), slice(left, left + width))
        image = coarse[scene] + 0.1 * rng.normal(size=(3, SIDE, SIDE))
        image[object_], variant = rng.uniform(size=(3, 1, 1)), image.copy()
        variant[object_] = rng.uniform(size=(3, 1, 1))
        images.append(image)
        changed.append(changed_pixels(image, variant))
    tensor = torch.tensor(np.stack(images), dtype=torch.float32)
    of_network, of_randomized = (_maps_of(model, tensor) for model in (network, randomized))
    located = [localization(*pair) for pair in zip(of_network, changed, strict=True)]
    return Maps(np.array(located, dtype=np.float64), pearson(of_network, of_randomized))


def _maps_of(network: nn.Module, images: Tensor) -> NDArray[np.float32]:
    with torch.no_grad():
        reference = network(torch.zeros(1, 3, SIDE, SIDE))
    computed: NDArray[np.float32] = gradient(network, images, reference, euclidean).numpy()
    return computed
