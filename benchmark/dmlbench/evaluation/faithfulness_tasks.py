"""The work on images that tells whether saliency maps are faithful."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from dmlbench.evaluation.map_images import map_settings
from dmlbench.losses import distance_named
from dmlbench.models import LoadedModel
from dmlbench.models.execution import pick_device
from dmlbench.results.blocks import KEYS, Arrays
from dmlbench.results.files import SaliencyRequest
from dmlbench.saliency import black_reference, deletion, insertion, randomized_maps
from dmldata.common.progress import Advance
from dmldata.dataset import Item


@dataclass(frozen=True)
class CurveTask:
    """Measures `deletion` and `insertion` [n] of maps that exist.

    Attributes:
        maps: the map [H, W] of each image by key.
        chunk: inputs per forward pass; None for a number that suits the device.
        seed: seed of the random orders.
    """

    makes: ClassVar[str] = "deletion and insertion"
    with_mask: ClassVar[bool] = False
    request: SaliencyRequest
    maps: dict[str, NDArray[np.float16]]
    device: str
    chunk: int | None
    seed: int

    def __call__(
        self, loaded: LoadedModel, items: Iterator[Item], keys: list[str], progress: Advance
    ) -> Arrays:
        device = pick_device(self.device)
        reference = black_reference(loaded, device)
        images = torch.stack([loaded.preprocessing.to_tensor(item.image) for item in items])
        maps = torch.from_numpy(np.stack([self.maps[key] for key in keys]))
        areas = {
            measure.__name__: measure(
                loaded.model,
                images.to(device),
                maps,
                reference,
                distance_named(self.request.distance),
                keys=keys,
                seed=self.seed,
                chunk=self.chunk,
            )
            .cpu()
            .numpy()
            for measure in (deletion, insertion)
        }
        progress(len(keys))
        return {KEYS: np.array(keys, np.str_), **areas}


@dataclass(frozen=True)
class RandomizationTask:
    """Makes maps of models with randomized weights, as `maps` float16 [n, S, H, W] of S stages.

    Attributes:
        chunk: inputs per forward pass; None for a number that suits the device.
        seed: seed of the random weights.
    """

    makes: ClassVar[str] = "maps of randomized models"
    with_mask: ClassVar[bool] = False
    request: SaliencyRequest
    device: str
    chunk: int | None
    seed: int

    def __call__(
        self, loaded: LoadedModel, items: Iterator[Item], keys: list[str], progress: Advance
    ) -> Arrays:
        images = [item.image for item in items]
        settings = map_settings(self.request, self.device, self.chunk)
        randomized = randomized_maps(loaded, images, keys, settings, seed=self.seed)
        progress(len(keys))
        maps = randomized.maps.swapaxes(0, 1).astype(np.float16)
        return {KEYS: np.array(keys, np.str_), "maps": maps}
