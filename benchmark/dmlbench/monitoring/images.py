"""The images of a monitor, decoded and preprocessed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from dmlbench.maps.geometry import Geometry
from dmlbench.models import Preprocessing
from dmlbench.present.overlays import shrink
from dmlbench.sources import ImageSource

WIDTH = 192
"""Maximum width in pixels of an image in a strip."""


@dataclass(frozen=True)
class ShownImage:
    """An image that saliency maps are made of.

    Attributes:
        row: its row among all images.
        picture: the image in a small size.
        geometry: where the model's input lies in the image.
    """

    row: int
    key: str
    picture: Image.Image
    geometry: Geometry


@dataclass(frozen=True)
class MonitoredImages:
    """N preprocessed images.

    Attributes:
        tensors: float32 [N, 3, H, W] on the CPU.
        shown: those that saliency maps are made of.
    """

    preprocessing: Preprocessing
    tensors: Tensor
    shown: tuple[ShownImage, ...]


def read_images(
    source: ImageSource, keys: Sequence[str], shown: Sequence[str], preprocessing: Preprocessing
) -> MonitoredImages:
    """Decode and preprocess images of a source.

    Args:
        keys: [N] keys in the order of the source.
        shown: those of the images that saliency maps are made of.

    Raises:
        DatasetError: an image is missing or damaged.
    """
    # Not in inference mode: autograd accepts no tensor that was made in it.
    with torch.inference_mode(False):
        tensors = torch.empty(len(keys), 3, *preprocessing.input_size)
    pictures = []
    for row, item in enumerate(source.samples_iter(keys=set(keys), with_mask=False)):
        tensors[row] = preprocessing.to_tensor(item.image)
        if item.key in shown:
            geometry = preprocessing.geometry(*item.image.size)
            pictures.append(ShownImage(row, item.key, shrink(item.image, WIDTH), geometry))
    return MonitoredImages(preprocessing, tensors, tuple(pictures))
