"""Run models that were exported for one fixed batch size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def in_batches(run: Callable[[Tensor], Tensor], images: Tensor, size: int | None) -> Tensor:
    """Apply `run` to images [B, 3, H, W] in batches of exactly `size`; None for a single batch.

    The last batch is padded with copies of its last image; their embeddings are dropped.

    >>> in_batches(lambda x: x + len(x), torch.zeros(3, 1), 2).tolist()
    [[2.0], [2.0], [2.0]]
    """
    if size is None:
        return run(images)
    missing = -len(images) % size
    filled = torch.cat([images, images[-1:].expand(missing, *images.shape[1:])])
    return torch.cat([run(part) for part in filled.split(size)])[: len(images)]
