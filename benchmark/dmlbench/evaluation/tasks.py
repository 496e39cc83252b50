"""The work on a block of images, as functions of model and images alone that can run anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from dmlbench.embedding import embed
from dmlbench.evaluation.map_images import make_maps, make_pair_maps
from dmlbench.models import LoadedModel
from dmlbench.results.blocks import KEYS, Arrays
from dmlbench.results.files import SaliencyRequest
from dmldata.common.errors import ModelError
from dmldata.common.progress import Advance
from dmldata.dataset import Item

DISTANCES = "distances"
"""Name of the array of a pair's block that holds the distance of each image to the other."""


class Task(Protocol):
    """Work on blocks of images; tasks can be pickled.

    Attributes:
        makes: what the task computes, for messages.
        with_mask: whether the task needs the masks of the images.
    """

    @property
    def makes(self) -> str: ...
    @property
    def with_mask(self) -> bool: ...

    def __call__(
        self, loaded: LoadedModel, items: Iterator[Item], keys: list[str], progress: Advance
    ) -> Arrays:
        """Return the arrays of a block, with its `keys`; `items` are its images, in that order."""


@dataclass(frozen=True)
class EmbedTask:
    """Computes embeddings, as `embeddings` [n, D]."""

    makes: ClassVar[str] = "embeddings"
    with_mask: ClassVar[bool] = False
    batch_size: int
    device: str

    def __call__(
        self, loaded: LoadedModel, items: Iterator[Item], keys: list[str], progress: Advance
    ) -> Arrays:
        images = (item.image for item in items)
        embeddings = embed(
            loaded,
            images,
            batch_size=self.batch_size,
            device=self.device,
            keys=keys,
            progress=progress,
        )
        _check_directions(embeddings, keys, loaded.reference)
        return {KEYS: np.array(keys, np.str_), "embeddings": embeddings}


@dataclass(frozen=True)
class MapTask:
    """Computes saliency maps, as the fields of `results.folder.Maps`.

    Attributes:
        chunk: inputs per forward pass; None for a number that suits the device.
    """

    makes: ClassVar[str] = "maps"
    request: SaliencyRequest
    device: str
    chunk: int | None
    with_mask: bool

    def __call__(
        self, loaded: LoadedModel, items: Iterator[Item], keys: list[str], progress: Advance
    ) -> Arrays:
        return vars(
            make_maps(
                loaded,
                list(items),
                self.request,
                device=self.device,
                chunk=self.chunk,
                progress=progress,
            )
        )


@dataclass(frozen=True)
class PairTask(MapTask):
    """Computes the maps of two images that explain their distance to each other.

    The arrays are those of `MapTask`, and `distances` [2].
    """

    makes: ClassVar[str] = "pairs"

    def __call__(
        self, loaded: LoadedModel, items: Iterator[Item], keys: list[str], progress: Advance
    ) -> Arrays:
        maps, distances = make_pair_maps(
            loaded,
            list(items),
            self.request,
            device=self.device,
            chunk=self.chunk,
            progress=progress,
        )
        return vars(maps) | {DISTANCES: distances}


def _check_directions(embeddings: NDArray[np.float32], keys: list[str], reference: str) -> None:
    zero = np.flatnonzero(~embeddings.any(axis=1))
    if len(zero):
        raise ModelError(
            f"{reference}: embedding of image '{keys[zero[0]]}' is zero, as are {len(zero)} of "
            f"{len(keys)}; valid: embeddings with a direction"
        )
