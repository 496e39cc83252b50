"""The gradient of an embedding's distance with respect to the pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dmlbench.saliency.map_input import NO_GRADIENT, MapInput
from dmlbench.saliency.noise import draw_noise, noise_generator
from dmldata.common.errors import ModelError


def distance_gradients(map_input: MapInput, inputs: Tensor) -> Tensor:
    """Return dD(f(x), r)/dx of each input: [P, 3, H, W] -> [P, 3, H, W].

    Rows do not influence each other in eval mode, so one gradient of the sum gives all of them.

    Raises:
        ModelError: no gradient reaches the pixels.
    """
    with torch.enable_grad():
        pixels = inputs.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
        total = map_input.distances(pixels).sum()
        (gradients,) = torch.autograd.grad(total, pixels, allow_unused=True)
    if gradients is None:
        raise ModelError(NO_GRADIENT)
    return gradients


@dataclass(frozen=True)
class NoisyCopies:
    """The noisy copies of images: x + e, e ~ N(0, (sigma (max x - min x))^2).

    Attributes:
        keys: [B] keys of the images, which seed the noise together with `seed`.
        samples: S, number of copies per image.
        sigma: standard deviation of the noise over the range (max - min) of the image's tensor.
        seed: seed of the noise.

    Raises:
        ValueError: there is no copy.
    """

    keys: Sequence[str]
    samples: int
    sigma: float
    seed: int

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples {self.samples}, expected at least 1")


def sum_over_copies(
    map_input: MapInput, copies: NoisyCopies, each: Callable[[Tensor], Tensor]
) -> Tensor:
    """Sum `each`(G_s) over noisy copies, with G_s = dL/dx_s: steps 1 to 4 of protocol section 4.

    The (image, copy) pairs run through the model in chunks, which may span several images.

    Args:
        each: function from the gradients [p, 3, H, W] of p copies to the summands [p, H, W].

    Returns:
        [B, H, W].
    """
    images, count = map_input.images, len(map_input.images)
    owners = [image for image in range(count) for _ in range(copies.samples)]
    generators = [noise_generator(copies.seed, key) for key in copies.keys]
    deviation = copies.sigma * (images.amax((1, 2, 3)) - images.amin((1, 2, 3)))
    total = images.new_zeros(count, *images.shape[2:])
    for start in range(0, len(owners), map_input.step):
        part = owners[start : start + map_input.step]
        rows = torch.tensor(part, device=images.device)
        noise = draw_noise([generators[image] for image in part], images.shape[1:], images.device)
        noisy = images[rows] + noise.to(images.dtype) * deviation[rows].view(-1, 1, 1, 1)
        shares = each(distance_gradients(map_input, noisy) / copies.samples)
        for image in sorted(set(part)):
            first = part.index(image)
            total[image] += shares[first : first + part.count(image)].sum(dim=0)
    return total
