"""Deletion and insertion: whether the pixels that a map marks move the distance that it explains.

Captum has no such curve, and Quantus follows the score of a class, not a distance to a reference
embedding, so the curves are computed here. Source: protocol, section 8, after Petsiuk et al.,
"RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dmlbench.losses import Distance
from dmlbench.models.contract import EmbeddingModel
from dmlbench.models.execution import frozen, full_precision
from dmlbench.saliency.map_input import MapInput
from dmlbench.saliency.noise import noise_generator

STEPS = 10
"""Number of steps from no pixel to all pixels."""

BLUR = 5 / 224
"""Standard deviation of the Gaussian blur, as a fraction of the shorter side (Petsiuk et al.); at
least one pixel."""

ROUNDING = 1e-5
"""Changes of a distance below this fraction of it count as none: they are rounding."""


def deletion(
    model: EmbeddingModel,
    images: Tensor,
    maps: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    keys: Sequence[str] | None = None,
    seed: int = 0,
    steps: int = STEPS,
    chunk: int | None = None,
) -> Tensor:
    """Return the area under |D(f(x_k), r) - D(f(x), r)|, minus that of a random order.

    x_k is the image with its k most salient pixels blurred, from none to all of them. The changes
    are divided by the largest one on both curves of an image, and the axis of pixels goes from 0 to
    1, so that either area lies in [0, 1]. Pixels of equal value are taken in the random order, so
    a map without differences scores 0.

    Args:
        model: images [B, 3, H, W] -> embeddings [B, D]; a module runs in eval mode, and is left as
            it was.
        images: [B, 3, H, W], preprocessed, on the model's device, float32 or float64.
        maps: [B, H, W] saliency maps of these images, on any device.
        reference: r [1, D], the embedding that the distance is to; see `black_reference`.
        distance: D(a [B, D], b [1, D]) -> [B].
        keys: [B] keys of the images, which seed the random order; by default their numbers.
        seed: seed of the random order.
        steps: number of steps from no pixel to all.
        chunk: number of inputs in one forward pass; by default what suits their size and device.

    Returns:
        [B] float64 in [-1, 1]: above 0 where the map finds the pixels that matter sooner than a
        random order does; NaN where blurring does not change the distance.

    Raises:
        ValueError: shapes or numbers do not fit each other.

    >>> images, maps = torch.rand(1, 3, 8, 8), torch.zeros(1, 8, 8)
    >>> maps[0, 0, 0] = 1
    >>> def corner(images):
    ...     return images[:, :, 0, 0]
    >>> def distance(a, b):
    ...     return (a - b).norm(dim=1)
    >>> bool(deletion(corner, images, maps, torch.zeros(1, 3), distance) > 0)
    True
    """
    map_input = MapInput(model, images, reference, distance, chunk)
    return _area_over_random(map_input, maps, map_input.names_of(keys), seed, steps, revealed=False)


def insertion(
    model: EmbeddingModel,
    images: Tensor,
    maps: Tensor,
    reference: Tensor,
    distance: Distance,
    *,
    keys: Sequence[str] | None = None,
    seed: int = 0,
    steps: int = STEPS,
    chunk: int | None = None,
) -> Tensor:
    """Return the area as `deletion` does, where x_k is the blurred image with k pixels revealed.

    It is below 0 where revealing the map's most salient pixels restores the distance sooner than
    revealing random ones. Arguments, result and errors are those of `deletion`.

    >>> images, maps = torch.rand(1, 3, 8, 8), torch.zeros(1, 8, 8)
    >>> maps[0, 0, 0] = 1
    >>> def corner(images):
    ...     return images[:, :, 0, 0]
    >>> def distance(a, b):
    ...     return (a - b).norm(dim=1)
    >>> bool(insertion(corner, images, maps, torch.zeros(1, 3), distance) < 0)
    True
    """
    map_input = MapInput(model, images, reference, distance, chunk)
    return _area_over_random(map_input, maps, map_input.names_of(keys), seed, steps, revealed=True)


def _area_over_random(
    map_input: MapInput, maps: Tensor, keys: list[str], seed: int, steps: int, *, revealed: bool
) -> Tensor:
    images = map_input.images
    expected = [len(images), *images.shape[2:]]
    if list(maps.shape) != expected:
        raise ValueError(f"maps of shape {list(maps.shape)}, expected {expected}")
    if steps < 1:
        raise ValueError(f"steps {steps}, expected at least 1")
    prepared, areas = map_input.outside_inference_mode(), []
    with torch.inference_mode(False), torch.no_grad(), frozen(map_input.model), full_precision():
        for image, saliency, key in zip(prepared.images, maps, keys, strict=True):
            orders = _orders(saliency, noise_generator(seed, key)).to(image.device)
            inputs = _mixtures(image, orders, steps, revealed)
            parts = [prepared.distances(part) for part in inputs.split(prepared.step)]
            areas.append(_difference(torch.cat(parts).double(), steps, revealed))
    return torch.stack(areas)


def _orders(saliency: Tensor, generator: torch.Generator) -> Tensor:
    """Return the place [2, H * W] of each pixel from the most salient on, and at random."""
    values = saliency.detach().flatten().double().cpu()
    shuffled = torch.randperm(len(values), generator=generator)
    sorted_pixels = shuffled[values[shuffled].argsort(descending=True, stable=True)]
    return torch.stack([sorted_pixels.argsort(), shuffled.argsort()])


def _mixtures(image: Tensor, orders: Tensor, steps: int, revealed: bool) -> Tensor:
    """Return the inputs [2 steps, 3, H, W]: the image, all blurred, then both orders between."""
    blurred = _blurred(image)
    start, end = (blurred, image) if revealed else (image, blurred)
    pixels = orders.shape[1]
    counts = [round(pixels * step / steps) for step in range(1, steps)]
    between = [
        torch.where((places < count).view(image.shape[1:]), end, start)
        for places in orders
        for count in counts
    ]
    return torch.stack([image, blurred, *between])


def _blurred(image: Tensor) -> Tensor:
    from scipy.ndimage import gaussian_filter

    deviation = max(1.0, BLUR * min(image.shape[1:]))
    blurred = gaussian_filter(image.cpu().numpy(), (0, deviation, deviation))
    return torch.from_numpy(blurred).to(image)


def _difference(distances: Tensor, steps: int, revealed: bool) -> Tensor:
    """Return the area of the map's order minus that of the random one; NaN without a change."""
    whole, blurred = distances[:2]
    start, end = (blurred, whole) if revealed else (whole, blurred)
    between = distances[2:].view(2, steps - 1)
    curves = torch.cat([start.expand(2, 1), between, end.expand(2, 1)], dim=1)
    changes = (curves - whole).abs()
    largest = changes.max()
    if largest <= ROUNDING * curves.abs().max():
        return torch.full_like(largest, torch.nan)
    of_map, of_random = torch.trapezoid(changes / largest, dx=1 / steps)
    return of_map - of_random
