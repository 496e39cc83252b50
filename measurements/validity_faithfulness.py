"""How often deletion and insertion of random maps look like something."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dmlbench.losses import euclidean
from dmlbench.results.means import plain_mean
from dmlbench.saliency import deletion, insertion

SIDE = 32
COUNTS = (4, 10, 20)
"""Numbers of images."""


class Outcome(NamedTuple):
    """Whether an interval holds 0, and its width."""

    covers: bool
    width: float


def faithfulness(seeds: int) -> None:
    """Print how often the intervals of random maps hold 0, the value of a random order."""
    print("| measure | images | intervals that hold 0 | mean width |\n|---|---|---|---|")
    for measure in (deletion, insertion):
        outcomes: dict[int, list[Outcome]] = {count: [] for count in COUNTS}
        for seed in range(seeds):
            areas = _areas_of_random_maps(measure, seed)
            for count in COUNTS:
                ci95 = plain_mean(areas[:count], None, np.random.default_rng(seed)).ci95
                assert ci95 is not None
                low, high = ci95
                outcomes[count].append(Outcome(low <= 0 <= high, high - low))
        for count, of_count in outcomes.items():
            share, width = np.mean(of_count, axis=0)
            print(f"| {measure.__name__} | {count} | {share:.1%} | {width:.2f} |", flush=True)


def _areas_of_random_maps(measure: Callable[..., Tensor], seed: int) -> NDArray[np.float64]:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.Flatten())
    # Images with few and with many details, as photographs have.
    coarse = nn.functional.interpolate(torch.rand(max(COUNTS), 3, 4, 4), SIDE, mode="bilinear")
    images = coarse + 0.3 * torch.rand(max(COUNTS), 3, SIDE, SIDE)
    with torch.no_grad():
        reference = network(torch.zeros(1, 3, SIDE, SIDE))
    maps = torch.rand(max(COUNTS), SIDE, SIDE)
    areas: NDArray[np.float64] = measure(
        network, images, maps, reference, euclidean, seed=seed
    ).numpy()
    return areas
