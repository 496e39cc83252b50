"""Compute saliency maps of some images of a dataset."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from dmlbench.maps import attention_on_car, mask_in_input, pearson, summarize_correlations
from dmlbench.models import LoadedModel
from dmlbench.results.files import SaliencyRequest
from dmlbench.results.folder import Maps
from dmlbench.saliency import ExplainedImages, MapSettings, explain_images, explain_pair
from dmlbench.sources import ImageSource
from dmlbench.sources.fingerprint import seed_of
from dmldata.common.errors import ModelError
from dmldata.common.progress import Advance
from dmldata.dataset import Item


def choose_keys(dataset: ImageSource, count: int) -> list[str]:
    """Choose at most `count` images and return their keys, in the order of the dataset.

    The choice depends only on the dataset's fingerprint and the count, so that all models are
    explained on the same images; a smaller count chooses a subset of a larger one.
    """
    return choose_among(dataset, dataset.samples["key"].to_pylist(), count)


def choose_among(dataset: ImageSource, present: Collection[str], count: int) -> list[str]:
    """Choose at most `count` of the images in `present`: those that `choose_keys` comes to first.

    An interrupted evaluation may leave maps of other images than the first.
    """
    keys = dataset.samples["key"].to_pylist()
    order = np.random.default_rng(seed_of(dataset.fingerprint)).permutation(len(keys))
    there = set(present)
    chosen = [row for row in order.tolist() if keys[row] in there][:count]
    return [keys[row] for row in sorted(chosen)]


def make_maps(
    loaded: LoadedModel,
    items: Sequence[Item],
    request: SaliencyRequest,
    *,
    device: str,
    chunk: int | None,
    progress: Advance | None = None,
) -> Maps:
    """Compute the maps of one block of images, in their order.

    The result does not depend on where or when the block is computed.

    Args:
        chunk: inputs per forward pass; None for a number that suits the device.
        progress: called with the number of finished images.

    Raises:
        ModelError: the method does not suit the model, or a map is not finite.
    """
    explained = _explain(loaded, items, request, device, chunk, progress)
    return _maps_of(loaded, items, explained)


def make_pair_maps(
    loaded: LoadedModel,
    items: Sequence[Item],
    request: SaliencyRequest,
    *,
    device: str,
    chunk: int | None,
    progress: Advance | None = None,
) -> tuple[Maps, NDArray[np.float64]]:
    """Compute the maps of two images that explain their distance to each other.

    Arguments and errors are those of `make_maps`.

    Returns:
        The maps of both images, and the distance [2] of each to the other.
    """
    settings = map_settings(request, device, chunk, progress)
    with _named(loaded):
        images, keys = [item.image for item in items], [item.key for item in items]
        explained = explain_pair(loaded, images, keys, settings=settings)
    return _maps_of(loaded, items, explained), explained.distances


def _maps_of(loaded: LoadedModel, items: Sequence[Item], explained: ExplainedImages) -> Maps:
    maps = explained.maps.astype(np.float16)
    geometries = [loaded.preprocessing.geometry(*item.image.size) for item in items]
    return Maps(
        keys=np.array([item.key for item in items], np.str_),
        maps=maps,
        half_correlation=explained.half_correlation.astype(np.float32),
        samples=explained.samples.astype(np.int32),
        attention_on_car=np.array(
            [_on_car(loaded, item, image_map) for item, image_map in zip(items, maps, strict=True)],
            np.float32,
        ),
        geometry=np.array([dataclasses.astuple(geometry) for geometry in geometries], np.int64),
    )


def _explain(
    loaded: LoadedModel,
    items: Sequence[Item],
    request: SaliencyRequest,
    device: str,
    chunk: int | None,
    progress: Advance | None = None,
) -> ExplainedImages:
    settings = map_settings(request, device, chunk, progress)
    with _named(loaded):
        images, keys = (item.image for item in items), [item.key for item in items]
        return explain_images(loaded, images, keys, settings)


def map_settings(
    request: SaliencyRequest, device: str, chunk: int | None, progress: Advance | None = None
) -> MapSettings:
    """Return the settings that make the maps of a request."""
    return MapSettings(
        method=request.method,
        samples=request.samples or 1,
        sigma=request.sigma or 0.0,
        seed=request.seed or 0,
        device=device,
        chunk=chunk,
        precision=request.precision,
        progress=progress,
    )


@contextmanager
def _named(loaded: LoadedModel) -> Iterator[None]:
    """Name the model in the errors raised inside."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{loaded.reference}: {error}") from error


def precision_agreement(
    loaded: LoadedModel,
    dataset: ImageSource,
    keys: Collection[str],
    request: SaliencyRequest,
    *,
    device: str,
    chunk: int | None,
) -> float | None:
    """Return the mean Pearson r (in Fisher-z) of maps in the requested precision with fp32 maps."""
    items = list(dataset.samples_iter(keys=set(keys), with_mask=False))
    lower, full = (
        _explain(
            loaded, items, request.model_copy(update={"precision": precision}), device, chunk
        ).maps
        for precision in (request.precision, "fp32")
    )
    return summarize_correlations(pearson(lower, full)).mean


def _on_car(loaded: LoadedModel, item: Item, saliency: NDArray[np.float16]) -> float | None:
    if item.mask is None:
        return None
    return attention_on_car(saliency, mask_in_input(item.mask, loaded.preprocessing))


def merge_maps(parts: Sequence[Maps], keys: Sequence[str]) -> Maps:
    """Merge parts that together hold the maps of `keys`, in the order of `keys`."""
    first = parts[0]
    if len(parts) == 1 and first.keys.tolist() == list(keys):
        return first
    names = Maps.__dataclass_fields__
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    rows = Maps(**whole).rows_of(keys)
    return Maps(**{name: array[rows] for name, array in whole.items()})
