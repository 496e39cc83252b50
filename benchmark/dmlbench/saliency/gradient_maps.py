"""Maps from pixel gradients: SmoothGrad (as in the paper and as in the textbook) and others.

Deep metric learning has no class score. The maps explain the distance between an image's embedding
and a reference, the embedding of a black image. Source: protocol, section 4 (Kobs et al., ICCV
2021).

A method takes a `MapInput` and returns magnitudes [B, H, W], not clipped; `explain` runs it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dmlbench.saliency.gradients import distance_gradients, sum_over_copies
from dmlbench.saliency.map_input import MapInput

STEPS = 50
"""Number of points on the path from the black image to the image, for `integrated_gradients`."""


def smoothgrad_paper(map_input: MapInput) -> Tensor:
    """Return the sum over noisy copies of |mean over channels of G_s| [B, H, W], as in the paper.

    The absolute value is taken per noisy copy, while textbook SmoothGrad averages first.
    """
    return sum_over_copies(map_input, lambda gradients: gradients.mean(dim=1).abs())


def smoothgrad(map_input: MapInput) -> Tensor:
    """Return |mean over copies and channels of the gradient| [B, H, W]: textbook SmoothGrad.

    The noise is the same as in `smoothgrad_paper`.
    Source: Smilkov et al., "SmoothGrad", 2017.
    """
    return sum_over_copies(map_input, lambda gradients: gradients.mean(dim=1)).abs()


def gradient(map_input: MapInput) -> Tensor:
    """Return |mean over channels of the gradient| [B, H, W], without noise."""
    gradients = [distance_gradients(map_input, part).mean(dim=1) for part in map_input.chunks()]
    return torch.cat(gradients).abs()


def integrated_gradients(map_input: MapInput) -> Tensor:
    """Return |mean over channels of (x - black) times the path's mean gradient| [B, H, W].

    The path leads from the black image to x, with 50 points of Gauss-Legendre quadrature. Before
    the absolute value, the sum over channels and pixels is
    D(f(x), f(black)) - D(f(black), f(black)). Source: Sundararajan et al., "Axiomatic Attribution
    for Deep Networks", ICML 2017.
    """
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(map_input.distances)
    # One image at a time, because captum puts at least all images of a call into one forward pass.
    attributions = [
        method.attribute(image, map_input.black, n_steps=STEPS, internal_batch_size=map_input.step)
        for image in map_input.images.split(1)
    ]
    return torch.cat(attributions).mean(dim=1).abs()
