"""Maps of many images: from PIL images to an array that can be stored."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dmlbench.distances import distance_named
from dmlbench.models.contract import LoadedModel
from dmlbench.models.execution import pick_device
from dmlbench.saliency.gradient_maps import SAMPLES, SIGMA, gradient, smoothgrad, smoothgrad_paper
from dmlbench.saliency.reference import black_reference
from dmldata.errors import UnknownNameError

Method = Callable[..., Tensor]

METHODS: dict[str, Method] = {
    function.__name__: function for function in (smoothgrad_paper, smoothgrad, gradient)
}


def method_named(name: str) -> Method:
    """The saliency method of this name.

    >>> method_named("smoothgrad_paper").__name__
    'smoothgrad_paper'
    """
    if name not in METHODS:
        raise UnknownNameError("saliency method", name, METHODS)
    return METHODS[name]


def saliency_maps(
    loaded: LoadedModel,
    images: Iterable[Image.Image],
    keys: Iterable[str],
    *,
    method: str = "smoothgrad_paper",
    samples: int = SAMPLES,
    sigma: float = SIGMA,
    seed: int = 0,
    device: str = "auto",
    batch_size: int = 16,
    chunk: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """One map an image, of the model's distance to the black image. The model stays on `device`.

    Args:
        loaded: from `load_model`.
        images: PIL images of any size; read as they are needed.
        keys: their keys, which seed the noise.
        method: a name in METHODS.
        batch_size: images held at once.
        chunk: (image, copy) pairs in one pass; by default what suits the device.
        progress: called after each batch with the number of images in it.

    Returns:
        [N, H, W] float32 in [0, 1], H and W the model's input size.

    Raises:
        UnknownNameError: no such method.
        ModelError: a map is not finite, or no gradient reaches the pixels.
    """
    explain, distance = method_named(method), distance_named(loaded.distance)
    place = pick_device(device)
    reference = black_reference(loaded, place)
    pairs = zip(images, keys, strict=True)
    maps: list[NDArray[np.float32]] = []
    while batch := list(itertools.islice(pairs, batch_size)):
        tensors = torch.stack([loaded.preprocessing.to_tensor(image) for image, _ in batch])
        found = explain(
            loaded.model,
            tensors.to(place),
            reference,
            distance,
            samples=samples,
            sigma=sigma,
            seed=seed,
            keys=[key for _, key in batch],
            chunk=chunk,
        )
        maps.append(found.float().cpu().numpy())
        if progress is not None:
            progress(len(batch))
    empty = np.zeros((0, *loaded.preprocessing.input_size), np.float32)
    return np.concatenate(maps) if maps else empty
