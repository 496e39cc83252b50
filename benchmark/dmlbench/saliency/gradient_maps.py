"""Maps from gradients of the pixels: SmoothGrad (the paper's, the textbook's) and others.

There is no class score in deep metric learning. The maps explain the distance between an image's
embedding and a reference, the embedding of a black image. Source: protocol, section 4 (Kobs et al.,
ICCV 2021).

A method takes a `MapInput` and returns magnitudes [B, H, W], not clipped; `explain` runs it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dmlbench.saliency.gradients import distance_gradients, sum_over_copies
from dmlbench.saliency.map_input import MapInput

STEPS = 50
"""Points on the way from the black image to the image, for `integrated_gradients`."""


def smoothgrad_paper(given: MapInput) -> Tensor:
    """Sum over copies of |mean over channels of G_s|: the paper's setting.

    The absolute value is taken per noisy copy, where textbook SmoothGrad averages first.
    """
    return sum_over_copies(given, lambda gradients: gradients.mean(dim=1).abs())


def smoothgrad(given: MapInput) -> Tensor:
    """|mean over copies and channels of the gradient|: textbook SmoothGrad, with the same noise.

    Source: Smilkov et al., "SmoothGrad", 2017.
    """
    return sum_over_copies(given, lambda gradients: gradients.mean(dim=1)).abs()


def gradient(given: MapInput) -> Tensor:
    """|mean over channels of the gradient|, without noise."""
    found = [distance_gradients(given, part).mean(dim=1) for part in given.chunks()]
    return torch.cat(found).abs()


def integrated_gradients(given: MapInput) -> Tensor:
    """|mean over channels of (x - black) times the mean gradient on the way from black to x|.

    50 points by Gauss-Legendre quadrature; before the absolute value, channels and pixels sum to
    D(f(x), f(black)) - D(f(black), f(black)). Source: Sundararajan et al., "Axiomatic Attribution
    for Deep Networks", ICML 2017.
    """
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(given.distances)
    # Image by image: captum runs at least all images that it gets in one pass.
    found = [
        method.attribute(image, given.black, n_steps=STEPS, internal_batch_size=given.step)
        for image in given.images.split(1)
    ]
    return torch.cat(found).mean(dim=1).abs()
