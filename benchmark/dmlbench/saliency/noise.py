"""Noise that depends on the image alone: never on batch, order, worker or device."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor


def noise_generator(seed: int, key: str) -> torch.Generator:
    """Return the CPU generator of one image's noise, seeded by a hash of (seed, key)."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))


def draw_noise(generators: list[torch.Generator], size: torch.Size, device: torch.device) -> Tensor:
    """Draw standard normal noise [P, *size] float32 on `device`, row p from the p-th generator.

    Each row is one draw, so the rows of an image do not depend on how they are split over calls.
    """
    pinned = device.type == "cuda"
    noise = torch.empty(len(generators), *size, dtype=torch.float32, pin_memory=pinned)
    for row, generator in zip(noise, generators, strict=True):
        torch.randn(size, generator=generator, dtype=torch.float32, out=row)
    return noise.to(device, non_blocking=pinned)
