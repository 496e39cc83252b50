"""Saliency maps from gradients: the paper's SmoothGrad, the textbook's, and the plain gradient.

There is no class score in deep metric learning. The maps explain the distance between an image's
embedding and a reference, the embedding of a black image. Source: protocol, section 4 (Kobs et al.,
ICCV 2021; Smilkov et al., "SmoothGrad", 2017).

All three have one signature:
    model: images [B, 3, H, W] -> embeddings [B, D]. A module runs in eval mode with its parameters
        frozen; modes and `requires_grad` are as before afterwards.
    images: [B, 3, H, W], preprocessed, on the model's device.
    reference: [1, D], the embedding of the black image.
    distance: D(a [B, D], b [1, D]) -> [B].
    samples: S, noisy copies per image.
    sigma: standard deviation of the noise over the range (max - min) of the image's tensor.
    seed: of the noise, together with the image's key.
    keys: one image key a row.
    chunk: (image, copy) pairs in one pass through the model; by default what suits the device.
They return [B, H, W] in [0, 1], and raise ValueError where shapes do not fit and ModelError where
a map is not finite or no gradient reaches the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dmlbench.distances import Distance
from dmlbench.models.contract import EmbeddingModel
from dmlbench.models.execution import frozen, full_precision
from dmlbench.saliency.clip import clip_maps
from dmlbench.saliency.gradients import accumulate_noisy, default_chunk, distance_gradients

SAMPLES = 50
SIGMA = 0.15


def smoothgrad_paper(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    samples: int = SAMPLES,
    sigma: float = SIGMA,
    seed: int = 0,
    keys: Sequence[str],
    chunk: int | None = None,
) -> Tensor:
    """M = sum over copies of |mean over channels of G_s|, then clipped: the paper's setting.

    The absolute value is taken per noisy copy, where textbook SmoothGrad averages first.
    Arguments, result and errors: see the module.
    """
    keys = _checked(images, reference, samples, keys)
    sums = accumulate_noisy(
        model,
        images,
        reference,
        distance,
        lambda gradients: gradients.mean(dim=1).abs().sum(dim=0),
        samples=samples,
        sigma=sigma,
        seed=seed,
        keys=keys,
        chunk=chunk,
    )
    return clip_maps(sums, keys)


def smoothgrad(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    samples: int = SAMPLES,
    sigma: float = SIGMA,
    seed: int = 0,
    keys: Sequence[str],
    chunk: int | None = None,
) -> Tensor:
    """|mean over copies and channels of the gradient|, then clipped: textbook SmoothGrad.

    The same noise as `smoothgrad_paper` draws. Arguments, result and errors: see the module.
    """
    keys = _checked(images, reference, samples, keys)
    sums = accumulate_noisy(
        model,
        images,
        reference,
        distance,
        lambda gradients: gradients.mean(dim=1).sum(dim=0),
        samples=samples,
        sigma=sigma,
        seed=seed,
        keys=keys,
        chunk=chunk,
    )
    return clip_maps(sums.abs(), keys)


def gradient(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    samples: int = SAMPLES,
    sigma: float = SIGMA,
    seed: int = 0,
    keys: Sequence[str],
    chunk: int | None = None,
) -> Tensor:
    """|mean over channels of the gradient|, without noise, then clipped.

    `samples`, `sigma` and `seed` are taken for the common signature and have no effect.
    Arguments, result and errors: see the module.
    """
    keys = _checked(images, reference, samples, keys)
    step = chunk or default_chunk(images)
    with torch.inference_mode(False), torch.no_grad(), frozen(model), full_precision():
        images, reference = images.clone(), reference.clone()
        sums = [
            distance_gradients(model, part, reference, distance).mean(dim=1).abs()
            for part in images.split(step)
        ]
    return clip_maps(torch.cat(sums), keys)


def _checked(images: Tensor, reference: Tensor, samples: int, keys: Sequence[str]) -> list[str]:
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"images of shape {list(images.shape)}, expected [B, 3, H, W]")
    if reference.ndim != 2 or len(reference) != 1:
        raise ValueError(f"reference of shape {list(reference.shape)}, expected [1, D]")
    if isinstance(keys, str) or len(keys) != len(images):
        raise ValueError(f"{len(keys)} keys for {len(images)} images")
    if samples < 1:
        raise ValueError(f"samples {samples}, expected at least 1")
    return list(keys)
