"""What a model does: its embeddings of fixed images, and whether they depend on those alone."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dmlbench.models.contract import LoadedModel, run_model
from dmlbench.models.execution import evaluated
from dmldata.common.errors import ModelError

IMAGES = 3
SIDE = 64
UNSTABLE = 1e-3
"""Embeddings of one image may lie so far apart, in parts of their length; float rounding of other
kernels and batch sizes is below 1e-4."""

_BITS = 2048
_NORM_STEP = 1.1
_SAME = 1e-4
"""Unit embeddings that lie no farther from their mean are equal: their difference is rounding."""


class Probe(NamedTuple):
    """What was seen.

    Attributes:
        digest: of the embeddings: the same for models whose embeddings differ by rounding alone.
        instability: in words, why an embedding is no function of its image; None where it is one.
    """

    digest: str
    instability: str | None


def probe(loaded: LoadedModel) -> Probe:
    """Embed a few fixed images: one twice, all alone, and all in a batch.

    The digest is made of the signs of random projections of the embeddings (SimHash, Charikar, STOC
    2002), so that rounding of 1e-6 leaves it as it is but for about one case in five hundred, and
    of their lengths in steps of a tenth.

    Raises:
        ModelError: the model fails on the images.
    """
    images = probe_images(loaded)
    with evaluated(loaded.model), torch.no_grad():
        alone = np.concatenate([_embed(loaded, images[row : row + 1]) for row in range(IMAGES)])
        again = _embed(loaded, images[:1])
        together = _embed(loaded, images)
    twice, batched = _apart(alone[:1], again), _apart(alone, together)
    if twice > UNSTABLE:
        return Probe("", f"an image embedded twice lies {twice:.2g} of its length apart")
    if batched > UNSTABLE:
        return Probe(
            "", f"an image embedded alone and in a batch lies {batched:.2g} of its length apart"
        )
    return Probe(_digest(alone), None)


def probe_images(loaded: LoadedModel) -> Tensor:
    """Three fixed pictures with soft shapes, as the model takes them: [3, 3, H, W]."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(IMAGES):
        coarse = rng.integers(0, 256, (5, 5, 3), np.uint8)
        pictures.append(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return torch.stack([loaded.preprocessing.to_tensor(picture) for picture in pictures])


def _embed(loaded: LoadedModel, images: Tensor) -> NDArray[np.float64]:
    try:
        found = run_model(loaded.model, images)
    except ModelError as error:
        raise ModelError(f"{loaded.reference}: {error}") from error
    if found.shape != (len(images), loaded.dimensions):
        raise ModelError(
            f"{loaded.reference}: returns {list(found.shape)} for {len(images)} images, expected "
            f"{[len(images), loaded.dimensions]}"
        )
    array: NDArray[np.float64] = found.double().cpu().numpy()
    return array


def _apart(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Largest distance of two embeddings of an image, in parts of the longest; 0 if not finite."""
    length = np.linalg.norm([first, second], axis=2).max()
    distance = np.linalg.norm(first - second, axis=1).max()
    return float(distance / length) if np.isfinite(distance) and length > 0 else 0.0


def _digest(embeddings: NDArray[np.float64]) -> str:
    rng = np.random.default_rng(embeddings.shape[1])
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    units = embeddings / np.where(lengths > 0, lengths, 1)
    # Differences of the images tell more than what their embeddings have in common.
    centred = units - units.mean(axis=0)
    centred[np.linalg.norm(centred, axis=1) < _SAME] = 0
    rows = np.concatenate([units, centred])
    bits = rows @ rng.standard_normal((rows.shape[1], _BITS // len(rows))) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.floor(np.log(lengths) / np.log(_NORM_STEP))
    return hashlib.sha256(np.packbits(bits).tobytes() + steps.tobytes()).hexdigest()
