"""Compute saliency maps of some images of a dataset, under two noise draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from dmlbench.maps import attention_on_car, mask_in_input, pearson, summarize_correlations
from dmlbench.models import LoadedModel
from dmlbench.results.files import SaliencyRequest
from dmlbench.results.folder import Maps
from dmlbench.saliency import saliency_maps
from dmlbench.sources import ImageSource
from dmldata.common.errors import ModelError
from dmldata.common.progress import Advance
from dmldata.dataset import Item


def choose_keys(dataset: ImageSource, count: int) -> list[str]:
    """Choose at most `count` images and return their keys, in the order of the dataset.

    The choice depends only on the dataset's fingerprint and the count, so that all models are
    explained on the same images; a smaller count chooses a subset of a larger one.
    """
    keys = dataset.samples["key"].to_pylist()
    order = np.random.default_rng(int(dataset.fingerprint, 16)).permutation(len(keys))
    return [keys[row] for row in sorted(order[:count].tolist())]


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
        progress: called with the number of finished images, twice per image: for `maps` and
            `prime`.

    Raises:
        ModelError: the method does not suit the model, or a map is not finite.
    """

    def explained(seed: int | None) -> NDArray[np.float16]:
        changed = request.model_copy(update={"seed": seed})
        saliency = explain_items(loaded, items, changed, device, chunk, progress)
        return saliency.astype(np.float16)

    maps = explained(request.seed)
    prime = explained(request.prime_seed) if request.draws_noise else maps
    if progress is not None and not request.draws_noise:
        progress(len(items))
    geometries = [loaded.preprocessing.geometry(*item.image.size) for item in items]
    return Maps(
        keys=np.array([item.key for item in items], np.str_),
        maps=maps,
        prime=prime,
        attention_on_car=np.array(
            [_on_car(loaded, item, image_map) for item, image_map in zip(items, maps, strict=True)],
            np.float32,
        ),
        geometry=np.array([dataclasses.astuple(geometry) for geometry in geometries], np.int64),
    )


def explain_items(
    loaded: LoadedModel,
    items: Sequence[Item],
    request: SaliencyRequest,
    device: str,
    chunk: int | None,
    progress: Advance | None = None,
) -> NDArray[np.float32]:
    """Compute maps [n, H, W] of decoded images under `request.seed`; see `make_maps`."""
    names = ("samples", "sigma", "seed") if request.draws_noise else ()
    try:
        return saliency_maps(
            loaded,
            (item.image for item in items),
            [item.key for item in items],
            method=request.method,
            device=device,
            chunk=chunk,
            precision=request.precision,
            progress=progress,
            **{name: getattr(request, name) for name in names},
        )
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
        explain_items(
            loaded, items, request.model_copy(update={"precision": precision}), device, chunk
        )
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
