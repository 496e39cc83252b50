"""Models that were saved for batches of one size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def in_batches(run: Callable[[Tensor], Tensor], images: Tensor, size: int | None) -> Tensor:
    """`run` on images [B, 3, H, W] in batches of exactly `size`; None for any size at once.

    The last batch is filled up with copies of its last image, whose embeddings are dropped.

    >>> in_batches(lambda x: x + len(x), torch.zeros(3, 1), 2).tolist()
    [[2.0], [2.0], [2.0]]
    """
    if size is None:
        return run(images)
    missing = -len(images) % size
    filled = torch.cat([images, images[-1:].expand(missing, *images.shape[1:])])
    return torch.cat([run(part) for part in filled.split(size)])[: len(images)]
