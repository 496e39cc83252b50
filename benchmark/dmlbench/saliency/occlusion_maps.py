"""Maps without gradients: what covering a part of the image changes."""

from __future__ import annotations

import torch
from torch import Tensor

from dmlbench.saliency.map_input import MapInput

WINDOWS, STRIDES = 8, 16
"""Parts of the input's side: a window is an eighth of it, and moves by a sixteenth."""


def occlusion(given: MapInput) -> Tensor:
    """|mean change of D(f(x), f(black)) over the black windows that cover a pixel|.

    Models that pass no gradient have such maps, too. Source: Zeiler & Fergus, "Visualizing and
    Understanding Convolutional Networks", ECCV 2014.
    """
    from captum.attr import Occlusion

    channels, height, width = given.images.shape[1:]
    window = (channels, max(1, height // WINDOWS), max(1, width // WINDOWS))
    stride = (channels, max(1, height // STRIDES), max(1, width // STRIDES))
    method = Occlusion(given.distances)
    # Image by image: captum covers all images that it gets in one pass.
    found = [
        method.attribute(image, window, stride, given.black, perturbations_per_eval=given.step)
        for image in given.images.split(1)
    ]
    return torch.cat(found).mean(dim=1).abs().to(given.images.dtype)
