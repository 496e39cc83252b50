"""Compute the saliency maps of many images with any method."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sized
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from dmlbench.losses import distance_named
from dmlbench.models.contract import LoadedModel
from dmlbench.models.execution import move_model, pick_device
from dmlbench.saliency.gradients import NoisyCopies
from dmlbench.saliency.map_input import FULL, MapInput
from dmlbench.saliency.methods import (
    RELIABLE,
    SAMPLES,
    SIGMA,
    averages_copies,
    has_halves,
    method_named,
    noisy_maps,
    run_method,
)
from dmlbench.saliency.reference import black_image, black_reference
from dmldata.common.errors import InputError
from dmldata.common.option_groups import expand_options
from dmldata.common.progress import Advance


@dataclass(frozen=True)
class MapSettings:
    """How maps are computed; each field is a keyword argument of `saliency_maps`, too.

    Attributes:
        method: a name in METHODS, or `python:module:function`.
        samples: number of noisy copies per image; "auto" for as many as make the map of an image
            reliable (0.95), at most 50.
        sigma: standard deviation of the noise over the range (max - min) of the image's tensor.
        seed: seed of the noise, together with the image's key and the model's id.
        device: a torch device, or "auto" for CUDA if available, else the CPU.
        batch_size: number of images in memory at once.
        chunk: number of inputs in one forward pass; by default what suits the device.
        precision: "fp32" or "bf16"; see `smoothgrad_paper`.
        progress: called after each batch with the number of images in it.
    """

    method: str = "smoothgrad_paper"
    samples: int | Literal["auto"] = SAMPLES
    sigma: float = SIGMA
    seed: int = 0
    device: str = "auto"
    batch_size: int = 16
    chunk: int | None = None
    precision: str = FULL
    progress: Advance | None = None

    def check(self) -> None:
        """Refuse settings that are not valid, before any map is made.

        Raises:
            InputError: a number is too low, not finite or not whole.
            UnknownNameError: there is no such method.
        """
        method_named(self.method)
        for name in ("samples", "batch_size", "chunk"):
            number = getattr(self, name)
            may_be = {"samples": "auto", "chunk": None}.get(name, 1)
            if number != may_be and not (isinstance(number, Integral) and int(number) >= 1):
                other = f", or {may_be!r}" if name in ("samples", "chunk") else ""
                raise InputError(f"{name} {number!r}; valid: a whole number of at least 1{other}")
        if not 0 <= self.sigma < math.inf:
            raise InputError(f"sigma {self.sigma}; valid: a finite number of at least 0")


@dataclass(frozen=True)
class ExplainedImages:
    """Maps of N images.

    Attributes:
        maps: float32 [N, H, W] in [0, 1], where H and W are the model's input size in pixels.
        half_correlation: float64 [N], Pearson r of the maps from either half of the noisy copies;
            NaN for a method without noise, and where a half has no variance.
        samples: int64 [N], number of noisy copies; 0 where the method does not tell its noise.
    """

    maps: NDArray[np.float32]
    half_correlation: NDArray[np.float64]
    samples: NDArray[np.int64]


@expand_options
def saliency_maps(
    loaded: LoadedModel,
    images: Iterable[Image.Image],
    keys: Iterable[str],
    *,
    settings: MapSettings,
) -> NDArray[np.float32]:
    """Return one map per image that explains the model's distance to the black image.

    The model stays on the device.

    Args:
        loaded: model from `load_model`.
        images: PIL images of any size, read lazily.
        keys: keys of the images, which seed the noise.
        settings: each field of `MapSettings` as a keyword, as in `saliency_maps(model, images,
            keys, method="gradient")`.

    Returns:
        [N, H, W] float32 in [0, 1], where H and W are the model's input size in pixels.

    Raises:
        UnknownNameError: no such method or precision.
        ModelError: a map is not finite, or the model lacks what the method needs: gradients that
            reach the pixels, or a convolutional stage.
        InputError: a setting is not valid, there is not one key per image, or the user's method
            cannot be imported or returns no maps.

    >>> from torch import nn
    >>> from dmlbench.models import Preprocessing, load_model
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    >>> model = load_model(network, preprocessing=Preprocessing(input_size=32))
    >>> images = [Image.effect_noise((40, 40), 60).convert("RGB")]
    >>> saliency_maps(model, images, ["a"], method="gradient", device="cpu").shape
    (1, 32, 32)
    """
    return explain_images(loaded, images, keys, settings).maps


def explain_images(
    loaded: LoadedModel,
    images: Iterable[Image.Image],
    keys: Iterable[str],
    settings: MapSettings,
) -> ExplainedImages:
    """Return the maps of images and how well two halves of the noisy copies agree on each.

    Arguments and errors are those of `saliency_maps`.
    """
    settings.check()
    if isinstance(images, Sized) and isinstance(keys, Sized) and len(images) != len(keys):
        raise InputError(f"{len(keys)} keys for {len(images)} images; valid: one per image")
    device = pick_device(settings.device)
    reference, black = black_reference(loaded, device), black_image(loaded, device)
    pairs = zip(images, keys, strict=True)
    size = loaded.preprocessing.input_size
    maps = [np.zeros((0, *size), np.float32)]
    half_correlation, samples = [np.zeros(0)], [np.zeros(0, np.int64)]
    while batch := list(itertools.islice(pairs, settings.batch_size)):
        tensors = [loaded.preprocessing.to_tensor(image) for image, _ in batch]
        explained = explain_tensors(
            loaded,
            torch.stack(tensors).to(device),
            [key for _, key in batch],
            reference,
            black,
            settings,
        )
        maps.append(explained.maps)
        half_correlation.append(explained.half_correlation)
        samples.append(explained.samples)
        if settings.progress is not None:
            settings.progress(len(batch))
    return ExplainedImages(
        np.concatenate(maps), np.concatenate(half_correlation), np.concatenate(samples)
    )


def explain_tensors(
    loaded: LoadedModel,
    images: torch.Tensor,
    keys: list[str],
    reference: torch.Tensor,
    black: torch.Tensor,
    settings: MapSettings,
) -> ExplainedImages:
    """Return the maps of a batch of images that explain their distance to any reference.

    Args:
        images: [B, 3, H, W], preprocessed, on the model's device.
        reference: [1, D], the embedding that the distance is to.
        black: [1, 3, H, W], the black image, where some methods start.

    Other arguments and errors are those of `saliency_maps`.
    """
    distance = distance_named(loaded.distance)
    auto = settings.samples == "auto" and has_halves(settings.method)
    reliability = RELIABLE if auto else None
    most = SAMPLES if settings.samples == "auto" else settings.samples
    copies = NoisyCopies(keys, most, settings.sigma, settings.seed, loaded.id)
    if averages_copies(settings.method):
        move_model(loaded.folded, images.device)
        map_input = MapInput(
            loaded.folded, images, reference, distance, settings.chunk, settings.precision
        )
        noisy = noisy_maps(settings.method, map_input, copies, reliability)
        return ExplainedImages(
            noisy.maps.float().cpu().numpy(), noisy.half_correlation, noisy.samples
        )
    maps = run_method(
        settings.method,
        loaded.model,
        images,
        reference,
        distance,
        black=black,
        chunk=settings.chunk,
        precision=settings.precision,
        **vars(copies),
    )
    unknown, none = np.full(len(keys), np.nan), np.zeros(len(keys), np.int64)
    return ExplainedImages(maps.float().cpu().numpy(), unknown, none)
