"""The black image, whose embedding is the reference of the maps."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from dmlbench.models.contract import LoadedModel
from dmlbench.models.execution import evaluated, full_precision, move_model

SIDE = 500


def black_image(loaded: LoadedModel, device: torch.device | str = "cpu") -> Tensor:
    """Return a black image of 500 x 500 pixels after the model's preprocessing: [1, 3, H, W]."""
    return loaded.preprocessing.to_tensor(Image.new("RGB", (SIDE, SIDE)))[None].to(device)


def black_reference(loaded: LoadedModel, device: torch.device | str = "cpu") -> Tensor:
    """Return the embedding [1, D] of the black image, as a constant without gradient.

    The model is moved to `device`. Source: protocol, section 4.
    """
    place = torch.device(device)
    move_model(loaded.model, place)
    with evaluated(loaded.model), full_precision(), torch.no_grad():
        return loaded.model(black_image(loaded, place)).detach()
