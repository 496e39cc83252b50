"""What the two steps take from a dataset: embeddings of all images, and the properties."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmlbench.embedding import embed
from dmlbench.models import LoadedModel
from dmlbench.properties import Property
from dmldata.dataset import Dataset
from dmldata.errors import ModelError

BATCH = 32


def embed_dataset(
    loaded: LoadedModel,
    dataset: Dataset,
    *,
    batch_size: int | None,
    device: str,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Embeddings [N, D] of all images, in the order of the dataset.

    Raises:
        ModelError: an embedding is not finite, zero, or not of D dimensions; with the image's key.
        DatasetError: a shard is damaged.
    """
    keys: list[str] = []

    def images() -> Iterator[Image.Image]:
        for item in dataset.samples_iter(with_mask=False):
            keys.append(item.key)
            yield item.image

    found = embed(
        loaded,
        images(),
        batch_size=batch_size or BATCH,
        device=device,
        keys=keys,
        progress=progress,
    )
    zero = np.flatnonzero(~found.any(axis=1))
    if len(zero):
        raise ModelError(
            f"{loaded.reference}: embedding of image '{keys[zero[0]]}' is zero, as are {len(zero)} "
            f"of {len(found)}; valid: embeddings with a direction"
        )
    return found


def dataset_properties(dataset: Dataset) -> dict[str, Property]:
    """The factors that vary, by key; an image that a factor does not apply to has no label."""
    properties = {}
    for key in dataset.manifest.varied:
        factor, values = dataset.manifest.factor(key), dataset.values(key)
        numbers = values if factor.is_numeric else None
        properties[key] = Property(values, factor.kind, numbers, factor.period)
    return properties


def scene_ids(dataset: Dataset) -> list[int] | None:
    """[N] scenes of a sweep, where one scene is in several images; None in other designs."""
    if dataset.manifest.design != "sweep":
        return None
    scenes: list[int] = dataset.samples["scene_id"].to_pylist()
    return scenes
