"""The gradient of an embedding's distance with respect to the pixels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dmlbench.saliency.map_input import NO_GRADIENT, MapInput
from dmlbench.saliency.noise import draw_noise, noise_generator
from dmldata.common.errors import ModelError


def distance_gradients(given: MapInput, inputs: Tensor) -> Tensor:
    """dD(f(x), f(black))/dx for each input: [P, 3, H, W] -> [P, 3, H, W].

    Rows do not influence each other in eval mode, so the gradient of the sum is all of them.

    Raises:
        ModelError: no gradient reaches the pixels.
    """
    with torch.enable_grad():
        pixels = inputs.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
        total = given.distances(pixels).sum()
        (found,) = torch.autograd.grad(total, pixels, allow_unused=True)
    if found is None:
        raise ModelError(NO_GRADIENT)
    return found


def sum_over_copies(given: MapInput, each: Callable[[Tensor], Tensor]) -> Tensor:
    """Sum over noisy copies of `each` of G_s = dL/dx_s: steps 1 to 4 of the protocol's section 4.

    (image, copy) pairs run through the model in chunks, across image borders.

    Args:
        each: from gradients [p, 3, H, W] of some copies to what is summed [p, H, W].

    Returns:
        [B, H, W].
    """
    images, count = given.images, len(given.images)
    owners = [image for image in range(count) for _ in range(given.samples)]
    generators = [noise_generator(given.seed, key) for key in given.keys]
    deviation = given.sigma * (images.amax((1, 2, 3)) - images.amin((1, 2, 3)))
    total = images.new_zeros(count, *images.shape[2:])
    for start in range(0, len(owners), given.step):
        part = owners[start : start + given.step]
        rows = torch.tensor(part, device=images.device)
        noise = draw_noise([generators[image] for image in part], images.shape[1:], images.device)
        noisy = images[rows] + noise.to(images.dtype) * deviation[rows].view(-1, 1, 1, 1)
        shares = each(distance_gradients(given, noisy) / given.samples)
        for image in sorted(set(part)):
            first = part.index(image)
            total[image] += shares[first : first + part.count(image)].sum(dim=0)
    return total
