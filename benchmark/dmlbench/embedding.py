"""Compute the embeddings of images."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dmlbench.models.contract import LoadedModel, run_model
from dmlbench.models.execution import evaluated, full_precision, move_model, pick_device
from dmldata.common.errors import InputError, ModelError
from dmldata.common.progress import Advance


def embed(
    model: LoadedModel,
    images: Iterable[Image.Image],
    *,
    batch_size: int = 32,
    device: str = "auto",
    keys: Sequence[str] | None = None,
    progress: Advance | None = None,
) -> NDArray[np.float32]:
    """Return the embeddings as the model outputs them (not normalized), one row per image.

    The model runs in eval mode without gradients and in full float32. A short last batch is padded
    to `batch_size`, so that its rows use the same kernels as the others; the batch size then
    influences an embedding only by float rounding. The model stays on `device`.

    Args:
        model: model from `load_model`.
        images: PIL images of any size, read lazily.
        batch_size: number of images in one forward pass.
        device: a torch device, or "auto" for CUDA if available, else the CPU.
        keys: names of the images for messages; may grow as the images are read.
        progress: called after each batch with the number of images in it.

    Returns:
        [N, D] float32.

    Raises:
        InputError: the batch size is below 1.
        ModelError: an embedding is not finite, or its number of dimensions differs from
            `model.dimensions`.
        DatasetError: an image has more than 8 bits per channel.

    >>> from dmlbench.models import Preprocessing, load_model
    >>> network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
    >>> model = load_model(network, preprocessing=Preprocessing(input_size=32))
    >>> embed(model, [Image.new("RGB", (40, 30))] * 3, device="cpu").shape
    (3, 12)
    """
    if batch_size < 1:
        raise InputError(f"batch_size {batch_size}; valid: at least 1")
    place = pick_device(device)
    move_model(model.model, place)
    rows: list[NDArray[np.float32]] = []
    with evaluated(model.model), full_precision(), torch.inference_mode():
        for batch in _batches(
            (model.preprocessing.to_tensor(image) for image in images), batch_size
        ):
            filled = _fill(batch, batch_size) if rows else batch
            try:
                embeddings = run_model(
                    model.model, filled.to(place, memory_format=torch.channels_last)
                )
            except ModelError as error:
                raise ModelError(f"{model.reference}: {error}") from error
            batch_embeddings = embeddings[: len(batch)].float().cpu().numpy()
            _check(batch_embeddings, len(batch), model, keys, sum(map(len, rows)))
            rows.append(batch_embeddings)
            if progress is not None:
                progress(len(batch))
    return np.concatenate(rows) if rows else np.zeros((0, model.dimensions), np.float32)


def _batches(tensors: Iterator[Tensor], size: int) -> Iterator[Tensor]:
    while batch := list(itertools.islice(tensors, size)):
        yield torch.stack(batch)


def _fill(batch: Tensor, size: int) -> Tensor:
    missing = size - len(batch)
    return torch.cat([batch, batch[-1:].expand(missing, -1, -1, -1)]) if missing else batch


def _check(
    embeddings: NDArray[np.float32],
    n: int,
    model: LoadedModel,
    keys: Sequence[str] | None,
    first: int,
) -> None:
    if embeddings.shape != (n, model.dimensions):
        raise ModelError(
            f"{model.reference}: returns {list(embeddings.shape)}, expected {[n, model.dimensions]}"
        )
    broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(broken):
        row = first + int(broken[0])
        image = f"'{keys[row]}'" if keys is not None else row
        raise ModelError(f"{model.reference}: embedding of image {image} is not finite")
