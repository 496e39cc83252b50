"""What the two steps take from a dataset: embeddings of all images, and the properties."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.embedding import embed
from dmlbench.models import LoadedModel, StoredEmbeddings
from dmlbench.models.plausibility import IMAGES, check_pixels
from dmlbench.properties import Property
from dmlbench.results.blocks import KEYS, Blocks, unfinished
from dmlbench.sources import ImageSource
from dmldata.errors import ModelError

BATCH = 32
BLOCK = 1024
"""Images whose embeddings are finished together: what an interruption costs at most."""

SCENES = "scene_id"


def embed_dataset(
    loaded: LoadedModel,
    dataset: ImageSource,
    blocks: Blocks,
    *,
    batch_size: int | None,
    device: str,
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Embeddings [N, D] of all images, in the order of the dataset.

    Args:
        blocks: finished ones are taken, others are added as they are made.

    Raises:
        ModelError: an embedding is not finite, zero, or not of D dimensions, with the image's key;
            or stored embeddings are of other images.
        DatasetError: a shard is damaged.
    """
    keys = dataset.samples["key"].to_pylist()
    if isinstance(loaded, StoredEmbeddings):
        return loaded.of(keys)
    finished = blocks.read()
    todo = list(unfinished(keys, BLOCK, finished))
    missing = {key for block in todo for key in block}
    if progress is not None:
        progress(len(keys) - len(missing))
    items = dataset.samples_iter(keys=missing, with_mask=False) if missing else iter(())
    for block in todo:
        images = (item.image for item in itertools.islice(items, len(block)))
        found = embed(
            loaded,
            images,
            batch_size=batch_size or BATCH,
            device=device,
            keys=block,
            progress=progress,
        )
        _check_directions(found, block, loaded.reference)
        finished.append({KEYS: np.array(block, np.str_), "embeddings": found})
        blocks.write(finished[-1])
    rows = {
        key: row
        for block in finished
        for key, row in zip(block[KEYS].tolist(), block["embeddings"], strict=True)
    }
    return np.stack([rows[key] for key in keys])


def _check_directions(embeddings: NDArray[np.float32], keys: list[str], reference: str) -> None:
    zero = np.flatnonzero(~embeddings.any(axis=1))
    if len(zero):
        raise ModelError(
            f"{reference}: embedding of image '{keys[zero[0]]}' is zero, as are {len(zero)} of "
            f"{len(keys)}; valid: embeddings with a direction"
        )


def input_notes(loaded: LoadedModel, dataset: ImageSource) -> Iterator[str]:
    """What a reader has to know of how this model takes this dataset."""
    if loaded.no_maps is not None:
        yield f"no saliency maps: {loaded.no_maps}"
    if isinstance(loaded, StoredEmbeddings):
        return
    keys = dataset.samples["key"].to_pylist()[:IMAGES]
    items = dataset.samples_iter(keys=keys, with_mask=False)
    warning = check_pixels(loaded.preprocessing, (item.image for item in items))
    if warning is not None:
        yield f"{warning}; check --mean, --std and --scale"


def dataset_properties(dataset: ImageSource) -> dict[str, Property]:
    """The properties that vary, by key; an image that one does not apply to has no label."""
    properties = {}
    for key in dataset.manifest.varied:
        factor, values = dataset.manifest.factor(key), dataset.values(key)
        if factor.is_numeric:
            labels = _lowest_of_bin(values, dataset.labels(key))
            properties[key] = Property(labels, factor.kind, values, factor.period)
        else:
            properties[key] = Property(values, factor.kind)
    return properties


def scene_ids(dataset: ImageSource) -> list[int] | None:
    """[N] scenes, where one scene is in several images; None in other designs."""
    if dataset.manifest.design == "independent" or SCENES not in dataset.samples.column_names:
        return None
    scenes: list[int] = dataset.samples[SCENES].to_pylist()
    return scenes


def _lowest_of_bin(values: NDArray[Any], bins: NDArray[Any]) -> NDArray[np.float64]:
    """Each bin's lowest value as the label of its images: a name that says where the bin is."""
    known = bins >= 0
    lowest = np.full(bins.max(initial=-1) + 1, np.inf)
    np.minimum.at(lowest, bins[known], values[known])
    labels = np.full(len(bins), np.nan)
    labels[known] = lowest[bins[known]]
    return labels
