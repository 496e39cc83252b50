"""Maps without gradients: how much the distance changes when a part of the image is covered."""

from __future__ import annotations

import torch
from torch import Tensor

from dmlbench.saliency.map_input import MapInput

WINDOWS, STRIDES = 8, 16
"""Fractions of the input's side: a window is one eighth of it and moves by one sixteenth."""


def occlusion(map_input: MapInput) -> Tensor:
    """Return |mean change of D(f(x), f(black)) over the black windows covering a pixel| [B, H, W].

    It also works for models that pass no gradient. Source: Zeiler & Fergus, "Visualizing and
    Understanding Convolutional Networks", ECCV 2014.
    """
    from captum.attr import Occlusion

    channels, height, width = map_input.images.shape[1:]
    window = (channels, max(1, height // WINDOWS), max(1, width // WINDOWS))
    stride = (channels, max(1, height // STRIDES), max(1, width // STRIDES))
    method = Occlusion(map_input.distances)
    # One image at a time, because captum puts all images of a call into one forward pass.
    attributions = [
        method.attribute(
            image, window, stride, map_input.black, perturbations_per_eval=map_input.step
        )
        for image in map_input.images.split(1)
    ]
    return torch.cat(attributions).mean(dim=1).abs().to(map_input.images.dtype)
