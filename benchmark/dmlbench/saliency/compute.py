"""Compute the saliency maps of many images with any method."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from dmlbench.losses import distance_named
from dmlbench.models.contract import LoadedModel
from dmlbench.models.execution import pick_device
from dmlbench.saliency.map_input import FULL
from dmlbench.saliency.methods import SAMPLES, SIGMA, method_named, run_method
from dmlbench.saliency.reference import black_image, black_reference


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
        method: a name in METHODS, or `python:module:function`.
        samples: number of noisy copies per image.
        sigma: standard deviation of the noise over the range (max - min) of the image's tensor.
        seed: seed of the noise.
        device: a torch device, or "auto" for CUDA if available, else the CPU.
        batch_size: number of images in memory at once.
        chunk: number of inputs in one forward pass; by default what suits the device.
        precision: "fp32" or "bf16"; see `smoothgrad_paper`.
        progress: called after each batch with the number of images in it.

    Returns:
        [N, H, W] float32 in [0, 1], where H and W are the model's input size in pixels.

    Raises:
        UnknownNameError: no such method or precision.
        ModelError: a map is not finite, or the model lacks what the method needs: gradients that
            reach the pixels, or a convolutional stage.
        InputError: the user's method cannot be imported or returns no maps.
    """
    method_named(method)
    place = pick_device(device)
    reference, black = black_reference(loaded, place), black_image(loaded, place)
    settings: dict[str, object] = {
        "black": black,
        "samples": samples,
        "sigma": sigma,
        "seed": seed,
        "chunk": chunk,
        "precision": precision,
    }
    pairs = zip(images, keys, strict=True)
    maps: list[NDArray[np.float32]] = []
    while batch := list(itertools.islice(pairs, batch_size)):
        tensors = torch.stack([loaded.preprocessing.to_tensor(image) for image, _ in batch])
        computed = run_method(
            method,
            loaded.model,
            tensors.to(place),
            reference,
            distance_named(loaded.distance),
            keys=[key for _, key in batch],
            **settings,
        )
        maps.append(computed.float().cpu().numpy())
        if progress is not None:
            progress(len(batch))
    empty = np.zeros((0, *loaded.preprocessing.input_size), np.float32)
    return np.concatenate(maps) if maps else empty
