"""Maps of two images that explain how far apart their embeddings are.

An ordinary map explains the distance of an image to a constant reference, the embedding of a black
image. In a pair, the reference of each image is the embedding of the other. Every saliency method
therefore works for pairs, with the same noise, absolute values and clipping.
Source: protocol, section 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dmlbench.losses import Distance, distance_named
from dmlbench.models.contract import EmbeddingModel, LoadedModel
from dmlbench.models.execution import move_model, pick_device
from dmlbench.saliency.compute import ExplainedImages, MapSettings, explain_tensors
from dmlbench.saliency.methods import method_named, run_method
from dmlbench.saliency.reference import black_image, constant_embeddings
from dmldata.common.option_groups import expand_options


@dataclass(frozen=True)
class ExplainedPair(ExplainedImages):
    """Maps of two images, with the distance that each explains.

    Attributes:
        distances: float64 [2], D(f(a), f(b)) and D(f(b), f(a)); they differ for SNR alone, whose
            first argument is the anchor.
    """

    distances: NDArray[np.float64]


def pair_saliency(
    model: EmbeddingModel,
    images: Tensor,
    distance: Distance,
    *,
    keys: Sequence[str],
    method: str = "smoothgrad_paper",
    **settings: object,
) -> Tensor:
    """Return a map of each of two images that explains its distance to the other.

    The map of a is that of D(f(a), f(b)) with f(b) held constant, and the map of b is that of
    D(f(b), f(a)) with f(a) held constant; to swap the images is to swap the maps. Two equal
    images have no distance to explain: without noise, their maps show rounding.

    Args:
        images: [2, 3, H, W], preprocessed, on the model's device.
        keys: keys of the two images, which seed the noise.
        method: a name in METHODS, or `python:module:function`.
        settings: `black`, `samples`, `sigma`, `seed`, `owner`, `chunk` and `precision`, as far as
            the method takes them; `integrated_gradients` and `occlusion` need `black`.

    Returns:
        Maps [2, H, W] in [0, 1], of the images' dtype.

    Raises:
        ValueError: not two images with a key each.
        UnknownNameError, ModelError: see `smoothgrad_paper`.

    >>> images = torch.rand(2, 3, 8, 8)
    >>> def mean_color(images):
    ...     return images.mean((2, 3))
    >>> def distance(a, b):
    ...     return (a - b).square().sum(dim=1)
    >>> pair_saliency(mean_color, images, distance, keys=["a", "b"]).shape
    torch.Size([2, 8, 8])
    """
    if len(images) != 2 or len(keys) != 2:
        raise ValueError(f"{len(images)} images and {len(keys)} keys, expected 2 of each")
    references = _embeddings_of_the_other(model, images)
    maps = [
        run_method(
            method, model, images[[row]], references[[row]], distance, keys=[keys[row]], **settings
        )
        for row in range(2)
    ]
    return torch.cat(maps)


@expand_options
def explain_pair(
    loaded: LoadedModel,
    images: Sequence[Image.Image],
    keys: Sequence[str],
    *,
    settings: MapSettings,
) -> ExplainedPair:
    """Return maps of two images that explain why their embeddings are near or far.

    The model stays on the device.

    Args:
        loaded: model from `load_model`.
        images: two PIL images of any size.
        keys: keys of the two images, which seed the noise.
        settings: each field of `MapSettings` as a keyword, as in `explain_pair(model, [a, b],
            ["a", "b"], method="gradient")`.

    Raises:
        ValueError: not two images with a key each.
        UnknownNameError, ModelError, InputError: see `saliency_maps`.

    >>> from torch import nn
    >>> from dmlbench.models import Preprocessing, load_model
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    >>> model = load_model(network, preprocessing=Preprocessing(input_size=32))
    >>> pair = [Image.effect_noise((40, 40), 60).convert("RGB") for _ in range(2)]
    >>> explain_pair(model, pair, ["a", "b"], method="gradient", device="cpu").maps.shape
    (2, 32, 32)
    """
    if len(images) != 2 or len(keys) != 2:
        raise ValueError(f"{len(images)} images and {len(keys)} keys, expected 2 of each")
    method_named(settings.method)
    device = pick_device(settings.device)
    move_model(loaded.model, device)
    tensors = torch.stack([loaded.preprocessing.to_tensor(image) for image in images]).to(device)
    references, black = _embeddings_of_the_other(loaded.model, tensors), black_image(loaded, device)
    explained = []
    for row in range(2):
        explained.append(
            explain_tensors(loaded, tensors[[row]], [keys[row]], references[[row]], black, settings)
        )
        if settings.progress is not None:
            settings.progress(1)
    distance = distance_named(loaded.distance)
    apart = [distance(references[[1 - row]], references[[row]]) for row in range(2)]
    return ExplainedPair(
        np.concatenate([image.maps for image in explained]),
        np.concatenate([image.half_correlation for image in explained]),
        np.concatenate([image.samples for image in explained]),
        torch.cat(apart).double().cpu().numpy(),
    )


def _embeddings_of_the_other(model: EmbeddingModel, images: Tensor) -> Tensor:
    """Return for each of two images the embedding of the other, [2, D].

    Each is embedded in a pass of its own, so that they do not depend on the images' order.
    """
    return torch.cat([constant_embeddings(model, image) for image in images.split(1)]).flip(0)
