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


ROUND = 10
"""Noisy copies between two looks at how reliable the map of an image is."""


@dataclass(frozen=True)
class NoisyCopies:
    """The noisy copies of images: x + e, e ~ N(0, (sigma (max x - min x))^2).

    Attributes:
        keys: [B] keys of the images, which seed the noise together with `seed` and `owner`.
        samples: S, number of copies per image; at most that many if they can settle before.
        sigma: standard deviation of the noise over the range (max - min) of the image's tensor.
        seed: seed of the noise.
        owner: whose noise it is: two models share none.

    Raises:
        ValueError: there is no copy.
    """

    keys: Sequence[str]
    samples: int
    sigma: float
    seed: int
    owner: str = ""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples {self.samples}, expected at least 1")

    def generators(self) -> list[torch.Generator]:
        """Return the generator [B] of the noise of each image."""
        suffix = f":{self.owner}" if self.owner else ""
        return [noise_generator(self.seed, key + suffix) for key in self.keys]


def sum_over_copies(
    map_input: MapInput,
    copies: NoisyCopies,
    each: Callable[[Tensor], Tensor],
    settled: Callable[[Tensor, list[int]], Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Sum `each`(G_s) over two halves of the noisy copies: steps 1 to 4 of protocol section 4.

    G_s = dL/dx_s. The (image, copy) pairs run through the model in chunks, which may span several
    images.

    Args:
        each: function from the gradients [p, 3, H, W] of p copies to the summands [p, H, W].
        settled: function from the sums [2, b, H, W] of some images and their rows [b] to whether
            each needs no more copies [b]. It is asked after every ROUND copies of an image, half of
            them in each half, so that when an image stops does not depend on the others.

    Returns:
        [2, B, H, W], whose sum over the halves is that over all copies; without `settled`, the
        first half has one copy more if their number is odd. And the number of copies, int64 [B].
    """
    images, count = map_input.images, len(map_input.images)
    sums = images.new_zeros(count, 2, *images.shape[2:])
    drawn = torch.zeros(count, dtype=torch.int64)
    generators, active = copies.generators(), torch.arange(count)
    step = copies.samples if settled is None else ROUND
    while len(active) and int(drawn[active[0]]) < copies.samples:
        more = min(step, copies.samples - int(drawn[active[0]]))
        late = [2 * copy >= more for copy in range(more)]
        places = [2 * image + half for image in active.tolist() for half in late]
        _add(map_input, copies, each, generators, places, sums.view(-1, *images.shape[2:]))
        drawn[active] += more
        if settled is not None:
            rows = active.tolist()
            active = active[~settled(sums[rows].transpose(0, 1), rows)]
    return sums.transpose(0, 1), drawn


def _add(
    map_input: MapInput,
    copies: NoisyCopies,
    each: Callable[[Tensor], Tensor],
    generators: list[torch.Generator],
    places: list[int],
    sums: Tensor,
) -> None:
    """Add one copy for each place to the sums [2 B, H, W], where image b has 2 b and 2 b + 1."""
    images = map_input.images
    deviation = copies.sigma * (images.amax((1, 2, 3)) - images.amin((1, 2, 3)))
    for start in range(0, len(places), map_input.step):
        part = places[start : start + map_input.step]
        rows = torch.tensor(part, device=images.device) // 2
        noise = draw_noise(
            [generators[row] for row in rows.tolist()], images.shape[1:], images.device
        )
        noisy = images[rows] + noise.to(images.dtype) * deviation[rows].view(-1, 1, 1, 1)
        shares = each(distance_gradients(map_input, noisy) / copies.samples)
        for place in sorted(set(part)):
            first = part.index(place)
            sums[place] += shares[first : first + part.count(place)].sum(dim=0)
