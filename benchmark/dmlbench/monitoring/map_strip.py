"""Saliency maps of a few images as one picture, for the image panel of a logger."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmlbench.models import LoadedModel
from dmlbench.monitoring.images import MonitoredImages
from dmlbench.monitoring.network import MeasuredNetwork, device_of
from dmlbench.present.overlays import overlay
from dmlbench.saliency import MapSettings, black_image, black_reference
from dmlbench.saliency.compute import explain_tensors

GAP = 4


def draw_strip(
    model: MeasuredNetwork, images: MonitoredImages, settings: MapSettings, loss: str | None
) -> NDArray[np.uint8]:
    """Return RGB [H, W, 3]: a column per shown image, the picture above its map.

    Args:
        loss: the loss that the model is trained with, whose distance the maps explain.

    Raises:
        ModelError: a map is not finite, or the model lacks what the method needs.
    """
    name, place = type(model.model).__name__, device_of(model)
    # The id seeds the noise: it is the same at every step, so that what changes is the network.
    loaded = LoadedModel(model, images.preprocessing, reference=name, id=name, loss=loss)
    explained = explain_tensors(
        loaded,
        images.tensors[[image.row for image in images.shown]].to(place),
        [image.key for image in images.shown],
        black_reference(loaded, place),
        black_image(loaded, place),
        settings,
    )
    pictures = [image.picture for image in images.shown]
    maps = [
        overlay(image.picture, image_map, image.geometry)
        for image, image_map in zip(images.shown, explained.maps, strict=True)
    ]
    return np.asarray(_in_rows([pictures, maps]))


def _in_rows(rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Put pictures side by side on white, in cells of the size of the largest."""
    width = max(picture.width for row in rows for picture in row)
    height = max(picture.height for row in rows for picture in row)
    columns = len(rows[0])
    size = (columns * (width + GAP) - GAP, len(rows) * (height + GAP) - GAP)
    strip = Image.new("RGB", size, "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            strip.paste(picture, (x * (width + GAP), y * (height + GAP)))
    return strip
