"""References of maps: constant embeddings, in the protocol that of the black image."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from dmlbench.models.contract import EmbeddingModel, LoadedModel
from dmlbench.models.execution import evaluated, full_precision, move_model

SIDE = 500


def black_image(loaded: LoadedModel, device: torch.device | str = "cpu") -> Tensor:
    """Return a black image of 500 x 500 pixels after the model's preprocessing: [1, 3, H, W].

    >>> from torch import nn
    >>> from dmlbench.models import Preprocessing, load_model
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    >>> model = load_model(network, preprocessing=Preprocessing(input_size=32))
    >>> black_image(model).shape
    torch.Size([1, 3, 32, 32])
    """
    return loaded.preprocessing.to_tensor(Image.new("RGB", (SIDE, SIDE)))[None].to(device)


def black_reference(loaded: LoadedModel, device: torch.device | str = "cpu") -> Tensor:
    """Return the embedding [1, D] of the black image, as a constant without gradient.

    The model is moved to `device`. Source: protocol, section 4.

    >>> from torch import nn
    >>> from dmlbench.models import Preprocessing, load_model
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    >>> model = load_model(network, preprocessing=Preprocessing(input_size=32))
    >>> black_reference(model).shape
    torch.Size([1, 12])
    """
    place = torch.device(device)
    move_model(loaded.model, place)
    return constant_embeddings(loaded.model, black_image(loaded, place))


def constant_embeddings(model: EmbeddingModel, images: Tensor) -> Tensor:
    """Return the embeddings [B, D] of images [B, 3, H, W], as constants without gradient."""
    with evaluated(model), full_precision(), torch.no_grad():
        return model(images.clone()).detach()
