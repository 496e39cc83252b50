"""Probe a model: its embeddings of fixed images, and whether they depend on the images alone."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dmlbench.models.contract import LoadedModel, run_model
from dmlbench.models.execution import evaluated, full_precision, seeded
from dmldata.common.errors import ModelError

IMAGES = 3
SIDE = 64
UNSTABLE = 1e-3
"""Maximum distance of two embeddings of one image, relative to their length. Float rounding of
other kernels and batch sizes stays below 1e-4."""

_BITS = 2048
_NORM_STEP = 1.1
_SAME = 1e-4
"""Unit embeddings closer than this to their mean are equal: their difference is rounding."""


class Probe(NamedTuple):
    """The result of probing a model.

    Attributes:
        digest: hash of the embeddings, equal for models whose embeddings differ by rounding alone.
            Of an unstable model those that follow a fixed random state; if it draws its numbers
            elsewhere, every call gives another.
        instability: why an embedding depends on more than its image; None if it does not.
    """

    digest: str
    instability: str | None


def probe(loaded: LoadedModel) -> Probe:
    """Embed a few fixed images: each alone, one of them a second time, and all in a batch.

    The digest hashes the signs of random projections of the embeddings (SimHash, Charikar, STOC
    2002) and the embeddings' lengths in steps of a tenth. Rounding of 1e-6 changes it in about one
    case in five hundred.

    Raises:
        ModelError: the model fails on the images.
    """
    images = probe_images(loaded)
    with evaluated(loaded.model), full_precision(), seeded(0), torch.no_grad():
        alone = np.concatenate([_embed(loaded, images[row : row + 1]) for row in range(IMAGES)])
        again = _embed(loaded, images[:1])
        together = _embed(loaded, images)
    twice, batched = _apart(alone[:1], again), _apart(alone, together)
    if twice > UNSTABLE:
        return Probe(
            _digest(alone), f"an image embedded twice lies {twice:.2g} of its length apart"
        )
    if batched > UNSTABLE:
        return Probe(
            _digest(alone),
            f"an image embedded alone and in a batch lies {batched:.2g} of its length apart",
        )
    return Probe(_digest(alone), None)


def probe_images(loaded: LoadedModel) -> Tensor:
    """Return three fixed images with soft shapes, preprocessed for the model: [3, 3, H, W]."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(IMAGES):
        coarse = rng.integers(0, 256, (5, 5, 3), np.uint8)
        pictures.append(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return torch.stack([loaded.preprocessing.to_tensor(picture) for picture in pictures])


def _embed(loaded: LoadedModel, images: Tensor) -> NDArray[np.float64]:
    try:
        embeddings = run_model(loaded.model, images)
    except ModelError as error:
        raise ModelError(f"{loaded.reference}: {error}") from error
    if embeddings.shape != (len(images), loaded.dimensions):
        raise ModelError(
            f"{loaded.reference}: returns {list(embeddings.shape)} for {len(images)} images, "
            f"expected {[len(images), loaded.dimensions]}"
        )
    array: NDArray[np.float64] = embeddings.double().cpu().numpy()
    return array


def _apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the largest distance of corresponding embeddings, relative to the longest embedding.

    It is 0 if the distance is not finite.
    """
    length = np.linalg.norm([first, second], axis=2).max()
    distance = np.linalg.norm(first - second, axis=1).max()
    return float(distance / length) if np.isfinite(distance) and length > 0 else 0.0


def _digest(embeddings: NDArray[np.float64]) -> str:
    rng = np.random.default_rng(embeddings.shape[1])
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    units = embeddings / np.where(lengths > 0, lengths, 1)
    # Embeddings often share a large common part; the differences between images are more specific.
    centered = units - units.mean(axis=0)
    centered[np.linalg.norm(centered, axis=1) < _SAME] = 0
    rows = np.concatenate([units, centered])
    bits = rows @ rng.standard_normal((rows.shape[1], _BITS // len(rows))) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.floor(np.log(lengths) / np.log(_NORM_STEP))
    return hashlib.sha256(np.packbits(bits).tobytes() + steps.tobytes()).hexdigest()
