"""What a model is: anything that maps images [B, 3, H, W] to embeddings [B, D]."""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from dmlbench.losses import DEFAULT_DISTANCE, distance_named, loss_named
from dmlbench.models.execution import evaluated
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError

FOR_WEIGHTS = (
    "weights alone load in a function of yours, python:module:function, or with "
    "timm:NAME?weights=FILE"
)


@runtime_checkable
class EmbeddingModel(Protocol):
    """Preprocessed images [B, 3, H, W] float -> embeddings [B, D] float."""

    def __call__(self, images: Tensor, /) -> Tensor: ...


@dataclass(frozen=True)
class LoadedModel:
    """A model with everything that has to travel with it.

    Attributes:
        model: images [B, 3, H, W] -> embeddings [B, D]; in eval mode where it is a module.
        preprocessing: from a PIL image to one row of the model's input.
        reference: what the user typed.
        id: a short, safe folder name: the reference's name and a hash of weights, source,
            preprocessing and what the model does on a few fixed images.
        loss: key of the loss it was trained with (protocol, section 6); None if unknown.
        distance: name of the distance that saliency maps of this model explain; by default that of
            the loss, else euclidean.
        dimensions: D.
        notes: what had to be assumed, for the reader of a result.
        no_maps: why no saliency map can be made of it; None if one can.
        classes: names of the classes it was trained on, as far as its file says so.
    """

    model: EmbeddingModel
    preprocessing: Preprocessing
    reference: str = ""
    id: str = ""
    loss: str | None = None
    distance: str = ""
    dimensions: int = 0
    notes: tuple[str, ...] = ()
    no_maps: str | None = None
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        default = loss_named(self.loss).distance if self.loss is not None else DEFAULT_DISTANCE
        object.__setattr__(self, "distance", self.distance or default)
        distance_named(self.distance)

    @functools.cached_property
    def folded(self) -> EmbeddingModel:
        """The model for gradients of its input: folded where it can be; see `folded_network`.

        It is made once, of the weights that the model then has.
        """
        from dmlbench.models.folding import folded_network
        from dmlbench.models.probe import probe_images

        return folded_network(self.model, probe_images(self)[:1])

    def describe(self) -> dict[str, Any]:
        """Return everything except the model itself, as JSON values."""
        return {
            "id": self.id,
            "reference": self.reference,
            "loss": self.loss,
            "distance": self.distance,
            "dimensions": self.dimensions,
            "preprocessing": self.preprocessing.describe(),
            "notes": list(self.notes),
        }


def count_dimensions(model: EmbeddingModel, preprocessing: Preprocessing, reference: str) -> int:
    """Return the number of embedding dimensions D, from one forward pass on a noisy picture.

    Raises:
        ModelError: the pass fails, or does not return one finite floating point row [1, D].
    """
    # Of pixels that images can have: a model may take their roots.
    noise = np.random.default_rng(0).integers(0, 256, (*preprocessing.input_size, 3), np.uint8)
    picture = preprocessing.normalized(torch.from_numpy(noise))[None]
    try:
        with evaluated(model), torch.no_grad():
            embeddings = model(picture)
    except Exception as error:
        raise ModelError(
            f"{reference}: a forward pass on a picture {list(picture.shape)} fails: "
            f"{error_line(error)}"
        ) from error
    if not isinstance(embeddings, Tensor):
        raise ModelError(
            f"{reference}: returns {type(embeddings).__name__}, expected a tensor [B, D]"
        )
    if embeddings.ndim != 2 or embeddings.shape[0] != 1 or embeddings.shape[1] < 1:
        raise ModelError(f"{reference}: returns {list(embeddings.shape)}, expected [B, D]")
    if not embeddings.is_floating_point():
        raise ModelError(
            f"{reference}: returns {embeddings.dtype}, expected floating point embeddings"
        )
    if not bool(torch.isfinite(embeddings).all()):
        raise ModelError(f"{reference}: the embedding of a picture of noise is not finite")
    return int(embeddings.shape[1])


def unknown_network(library: str, name: str, names: Iterable[str], listed_by: str) -> ModelError:
    """Return the error for a network that a library does not have, with a few similar names.

    Args:
        listed_by: Python expression that lists all names.
    """
    close = difflib.get_close_matches(name, names, n=5, cutoff=0.5)
    hint = f"; close to it: {', '.join(close)}" if close else ""
    return ModelError(f"unknown {library} model '{name}'{hint}; all: {listed_by}")


def run_model(model: EmbeddingModel, images: Tensor) -> Tensor:
    """Embed images [B, 3, H, W]; the model gets a copy, which it may change in place.

    Raises:
        ModelError: the model fails; the message names the line where the user's own code failed.
        torch.OutOfMemoryError: passed on unchanged.
    """
    try:
        return model(images.clone())
    except (ModelError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise ModelError(
            f"the model fails on images {list(images.shape)}: {error_line(error)}"
        ) from error


def make_id(name: str, weights_hash: str, preprocessing: Preprocessing) -> str:
    """Return an id `name-xxxxxxxx` of letters, digits, `_` and `-`.

    It is the same for the same weights and preprocessing.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:48] or "model"
    content = json.dumps([weights_hash, preprocessing.describe()], sort_keys=True)
    return f"{safe}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def with_behavior(model_id: str, digest: str) -> str:
    """Return an id of `make_id` that also depends on the model's behavior.

    Args:
        digest: hash of its embeddings of fixed images; see `probe`.

    >>> with_behavior("a-01234567", "x") != with_behavior("a-01234567", "y")
    True
    """
    name, _, first = model_id.rpartition("-")
    return f"{name}-{hashlib.sha256(f'{first} {digest}'.encode()).hexdigest()[:8]}"
