"""Scale summed gradients to a map in [0, 1]: step 5 of the protocol's section 4."""

from __future__ import annotations

import torch
from torch import Tensor

from dmldata.common.errors import ModelError

PERCENTILE = 0.99


def clip_maps(sums: Tensor, keys: list[str]) -> Tensor:
    """Clip (M - min M) / (P99(M) - min M) to [0, 1], per image. [B, H, W] -> [B, H, W].

    P99 is the 99th percentile with linear interpolation. If it equals the minimum, pixels above
    the minimum become 1 and the others 0: a constant map becomes all zeros.

    Args:
        keys: [B] keys of the images, for messages.

    Raises:
        ModelError: a map is not finite; the message names its image.

    >>> clip_maps(torch.arange(101.0).view(1, 1, 101), ["a"])[0, 0, [0, 33, 99, 100]]
    tensor([0.0000, 0.3333, 1.0000, 1.0000])
    """
    return torch.stack([_clip(total, key) for total, key in zip(sums, keys, strict=True)])


def _clip(total: Tensor, key: str) -> Tensor:
    if not bool(torch.isfinite(total).all()):
        raise ModelError(f"the saliency map of image '{key}' is not finite")
    low = total.min()
    span = torch.quantile(total.flatten(), PERCENTILE) - low
    if span <= 0:
        return (total > low).to(total.dtype)
    return ((total - low) / span).clamp(0, 1)
