"""Saliency maps of some of a dataset's images, under two noise draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmlbench.models import LoadedModel
from dmlbench.models.geometry import Geometry
from dmlbench.results.files import SaliencyRequest
from dmlbench.results.folder import Maps
from dmlbench.saliency import attention_on_car, mask_in_input, saliency_maps
from dmlbench.sources import ImageSource
from dmldata.errors import ModelError


def choose_keys(dataset: ImageSource, count: int) -> list[str]:
    """Keys of at most `count` images, in the order of the dataset.

    The choice depends on the dataset's fingerprint and the count alone, so that all models are
    explained on the same images; a smaller count gives a part of a larger one's.
    """
    keys = dataset.samples["key"].to_pylist()
    order = np.random.default_rng(int(dataset.fingerprint, 16)).permutation(len(keys))
    return [keys[row] for row in sorted(order[:count].tolist())]


def make_maps(
    loaded: LoadedModel,
    dataset: ImageSource,
    keys: Collection[str],
    request: SaliencyRequest,
    *,
    device: str,
    chunk: int | None,
    progress: Callable[[int], None] | None = None,
) -> Maps:
    """Maps of these images, in the order of the dataset.

    Args:
        chunk: (image, noisy copy) pairs in one pass; None for what suits the device.
        progress: called with the number of maps made, two an image.

    Raises:
        ModelError: no gradient reaches the pixels, or a map is not finite.
        DatasetError: a shard is damaged.
    """
    wanted = set(keys)
    ordered = [key for key in dataset.samples["key"].to_pylist() if key in wanted]
    masks: list[NDArray[np.uint8]] = []
    geometries: list[Geometry] = []

    def images(first: bool) -> Iterator[Image.Image]:
        for item in dataset.samples_iter(keys=wanted, with_mask=first and dataset.has_masks):
            if item.mask is not None:
                masks.append(mask_in_input(item.mask, loaded.preprocessing))
            if first:
                geometries.append(loaded.preprocessing.geometry(*item.image.size))
            yield item.image

    def explained(seed: int, first: bool) -> NDArray[np.float16]:
        try:
            found = saliency_maps(
                loaded,
                images(first),
                ordered,
                method=request.method,
                samples=request.samples,
                sigma=request.sigma,
                seed=seed,
                device=device,
                chunk=chunk,
                progress=progress,
            )
        except ModelError as error:
            raise ModelError(f"{loaded.reference}: {error}") from error
        return found.astype(np.float16)

    maps = explained(request.seed, first=True)
    prime = explained(request.prime_seed, first=False)
    on_car: list[float | None] = [None] * len(maps)
    if dataset.has_masks:
        on_car = [attention_on_car(one, mask) for one, mask in zip(maps, masks, strict=True)]
    return Maps(
        keys=np.array(ordered, np.str_),
        maps=maps,
        prime=prime,
        attention_on_car=np.array(on_car, np.float32),
        geometry=np.array([dataclasses.astuple(one) for one in geometries], np.int64),
    )


def merge_maps(parts: Sequence[Maps], keys: Sequence[str]) -> Maps:
    """The maps of `keys`, in their order, from parts that hold them between them."""
    first = parts[0]
    if len(parts) == 1 and first.keys.tolist() == list(keys):
        return first
    names = Maps.__dataclass_fields__
    whole = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    rows = Maps(**whole).rows_of(keys)
    return Maps(**{name: array[rows] for name, array in whole.items()})
