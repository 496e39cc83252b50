"""A trunk with a linear embedder: the kind of network that metric learning trains."""

from __future__ import annotations

from torch import Tensor, nn


class EmbeddingNetwork(nn.Module):
    """Images [B, 3, H, W] -> embeddings [B, D].

    Args:
        trunk: images -> pooled features [B, F].
        embedder: linear layer from F to D; without it (None) the features are the embeddings.

    >>> import torch
    >>> trunk = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    >>> EmbeddingNetwork(trunk, nn.Linear(12, 5))(torch.rand(4, 3, 8, 8)).shape
    torch.Size([4, 5])
    """

    def __init__(self, trunk: nn.Module, embedder: nn.Linear | None = None) -> None:
        super().__init__()
        self.trunk = trunk
        self.embedder: nn.Module = nn.Identity() if embedder is None else embedder

    def forward(self, images: Tensor) -> Tensor:
        """Embed preprocessed images [B, 3, H, W] -> [B, D]."""
        embeddings: Tensor = self.embedder(self.trunk(images))
        return embeddings
