"""Compute saliency maps with any method, for a batch of tensors or for many images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dmlbench.losses import distance_named
from dmlbench.models.contract import LoadedModel
from dmlbench.models.execution import frozen, full_precision, pick_device
from dmlbench.saliency.clip import clip_maps
from dmlbench.saliency.grad_cam import grad_cam
from dmlbench.saliency.gradient_maps import (
    gradient,
    integrated_gradients,
    smoothgrad,
    smoothgrad_paper,
)
from dmlbench.saliency.map_input import FULL, SAMPLES, SIGMA, MapInput
from dmlbench.saliency.occlusion_maps import occlusion
from dmlbench.saliency.reference import black_image, black_reference
from dmldata.common.errors import UnknownNameError

Method = Callable[[MapInput], Tensor]
"""A saliency method: from images to magnitudes [B, H, W], not clipped."""

NOISY: dict[str, Method] = {
    function.__name__: function for function in (smoothgrad_paper, smoothgrad)
}
"""The methods that draw noise, so that their maps differ between seeds."""

METHODS: dict[str, Method] = NOISY | {
    function.__name__: function
    for function in (gradient, integrated_gradients, grad_cam, occlusion)
}


def method_named(name: str) -> Method:
    """Return the saliency method of this name.

    Raises:
        UnknownNameError: there is no such method; lists the valid names.

    >>> method_named("smoothgrad_paper").__name__
    'smoothgrad_paper'
    """
    if name not in METHODS:
        raise UnknownNameError("saliency method", name, METHODS)
    return METHODS[name]


def explain(method: str, map_input: MapInput) -> Tensor:
    """Return one map per image, clipped to [0, 1]: [B, H, W] of the images' dtype.

    A module runs in eval mode with frozen parameters; its modes and `requires_grad` flags are
    restored afterwards. A map depends only on its image, the image's key and the settings.

    Args:
        method: a name in METHODS.
        map_input: the images, the model and the settings.

    Raises:
        UnknownNameError: no such method.
        ModelError: a map is not finite, or the model lacks what the method needs: gradients that
            reach the pixels, or a convolutional stage.
    """
    compute, prepared = method_named(method), map_input.outside_inference_mode()
    with torch.inference_mode(False), torch.no_grad(), frozen(map_input.model), full_precision():
        return clip_maps(compute(prepared), list(map_input.keys))


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
    precision: str = FULL,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Return one map per image that explains the model's distance to the black image.

    The model stays on `device`.

    Args:
        loaded: model from `load_model`.
        images: PIL images of any size, read lazily.
        keys: keys of the images, which seed the noise together with `seed`.
        method: a name in METHODS.
        samples: number of noisy copies per image.
        sigma: standard deviation of the noise over the range (max - min) of the image's tensor.
        seed: seed of the noise.
        device: a torch device, or "auto" for CUDA if available, else the CPU.
        batch_size: number of images in memory at once.
        chunk: number of inputs in one forward pass; by default what suits the device.
        precision: "fp32" or "bf16"; see `MapInput`.
        progress: called after each batch with the number of images in it.

    Returns:
        [N, H, W] float32 in [0, 1], where H and W are the model's input size in pixels.

    Raises:
        UnknownNameError: no such method or precision.
        ModelError: see `explain`.
    """
    method_named(method)
    place = pick_device(device)
    reference, black = black_reference(loaded, place), black_image(loaded, place)
    pairs = zip(images, keys, strict=True)
    maps: list[NDArray[np.float32]] = []
    while batch := list(itertools.islice(pairs, batch_size)):
        tensors = torch.stack([loaded.preprocessing.to_tensor(image) for image, _ in batch])
        map_input = MapInput(
            model=loaded.model,
            images=tensors.to(place),
            keys=[key for _, key in batch],
            black=black,
            reference=reference,
            distance=distance_named(loaded.distance),
            samples=samples,
            sigma=sigma,
            seed=seed,
            chunk=chunk,
            precision=precision,
        )
        maps.append(explain(method, map_input).float().cpu().numpy())
        if progress is not None:
            progress(len(batch))
    empty = np.zeros((0, *loaded.preprocessing.input_size), np.float32)
    return np.concatenate(maps) if maps else empty
