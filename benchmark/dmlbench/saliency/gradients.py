"""The gradient of an embedding's distance with respect to the pixels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dmlbench.distances import Distance
from dmlbench.models.contract import EmbeddingModel
from dmlbench.models.execution import frozen, full_precision
from dmlbench.saliency.noise import draw_noise, noise_generator
from dmldata.errors import ModelError

Reduce = Callable[[Tensor], Tensor]

# Pairs of 224 x 224 in one pass. On a CPU small enough that the C allocator keeps the memory of
# activations instead of returning it after each layer (32 MiB), on a GPU enough to fill it.
_PAIRS = {"cpu": 6, "cuda": 128}
_PIXELS = 224 * 224


def distance_gradients(
    model: EmbeddingModel, images: Tensor, reference: Tensor, distance: Distance
) -> Tensor:
    """dD(f(x), reference)/dx for each image: [P, 3, H, W] -> [P, 3, H, W].

    Rows do not influence each other in eval mode, so the gradient of the sum is all of them.

    Raises:
        ModelError: no gradient reaches the pixels.
    """
    pixels = images.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.enable_grad():
        total = distance(model(pixels), reference).sum()
    if not total.requires_grad:
        raise ModelError("the model passes no gradient from its embeddings to the pixels")
    return torch.autograd.grad(total, pixels)[0]


def accumulate_noisy(
    model: EmbeddingModel,
    images: Tensor,
    reference: Tensor,
    distance: Distance,
    reduce: Reduce,
    *,
    samples: int,
    sigma: float,
    seed: int,
    keys: list[str],
    chunk: int | None,
) -> Tensor:
    """Sum over noisy copies of `reduce` of G_s = dL/dx_s, steps 1 to 3 of the protocol's section 4.

    (image, copy) pairs run through the model in chunks, across image borders.

    Args:
        reduce: from some of an image's gradients [p, 3, H, W] to their share of the sum [H, W].

    Returns:
        [B, H, W], not clipped.
    """
    copies = torch.arange(len(images), device=images.device).repeat_interleave(samples)
    owners = [image for image in range(len(images)) for _ in range(samples)]
    generators = [noise_generator(seed, key) for key in keys]
    step = chunk or default_chunk(images)
    with torch.inference_mode(False), torch.no_grad(), frozen(model), full_precision():
        images, reference = images.clone(), reference.clone()
        deviation = sigma * (images.amax((1, 2, 3)) - images.amin((1, 2, 3)))
        total = images.new_zeros(len(images), *images.shape[2:])
        for start in range(0, len(owners), step):
            rows, part = copies[start : start + step], owners[start : start + step]
            noise = draw_noise([generators[i] for i in part], images.shape[1:], images.device)
            noisy = images[rows] + noise.to(images.dtype) * deviation[rows].view(-1, 1, 1, 1)
            gradients = distance_gradients(model, noisy, reference, distance) / samples
            for image in sorted(set(part)):
                first = part.index(image)
                total[image] += reduce(gradients[first : first + part.count(image)])
    return total


def default_chunk(images: Tensor) -> int:
    """How many (image, copy) pairs to run at once for images of this size on their device."""
    pairs = _PAIRS.get(images.device.type, _PAIRS["cpu"])
    return max(1, pairs * _PIXELS // (images.shape[2] * images.shape[3]))
