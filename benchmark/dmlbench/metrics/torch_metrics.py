"""NR-Precision and ARP as metrics of torchmetrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.scores import arp, nr_precision
from dmldata.common.errors import InputError
from dmldata.common.extras import require_extras

require_extras("torchmetrics")
# torchmetrics imports torchvision while it is imported.
ensure_torchvision_imports()

from torchmetrics import Metric  # noqa: E402
from torchmetrics.utilities.data import dim_zero_cat  # noqa: E402


class _ExactScore(Metric):
    """A score of all embeddings that were seen, of all processes."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    embeddings: list[Tensor]
    labels: list[Tensor]

    _score: ClassVar[Callable[..., float | None]]

    def __init__(self, *, normalize: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.normalize = normalize
        self.add_state("embeddings", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, labels: Tensor) -> None:
        """Add a batch.

        Args:
            embeddings: [B, D] floats.
            labels: [B] integers, or floats with NaN for no label.

        Raises:
            InputError: the shapes do not fit each other.
        """
        if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
            raise InputError(
                f"{type(self).__name__}: embeddings {list(embeddings.shape)} and labels "
                f"{list(labels.shape)}; valid: [B, D] and [B]"
            )
        self.embeddings.append(embeddings.detach())
        self.labels.append(labels.detach())

    def compute(self) -> Tensor:
        """Return the score of all batches; NaN where none exists, as for a single label."""
        embeddings, labels = dim_zero_cat(self.embeddings), dim_zero_cat(self.labels)
        # NumPy has no bfloat16.
        if embeddings.dtype.itemsize < 4:
            embeddings = embeddings.float()
        if labels.is_floating_point():
            labels = labels.double()
        value = type(self)._score(
            embeddings.cpu().numpy(), labels.cpu().numpy(), normalize=self.normalize
        )
        return torch.tensor(math.nan if value is None else value, device=self.device)


class NRPrecision(_ExactScore):
    """NR-Precision of all embeddings and labels: see `dmlbench.scores.nr_precision`.

    It grows with the number of images, so that values of batches say little.

    Args:
        normalize: whether embeddings are normalized before distances are taken.
        options: those of `torchmetrics.Metric`, such as `sync_on_compute`.

    >>> metric = NRPrecision()
    >>> metric.update(torch.tensor([[1.0, 0.0], [1.0, 0.1]]), torch.tensor([0, 0]))
    >>> metric.update(torch.tensor([[0.0, 1.0], [0.1, 1.0]]), torch.tensor([1, 1]))
    >>> metric.compute()
    tensor(1.)
    """

    _score = staticmethod(nr_precision)


class ARP(_ExactScore):
    """Chance-adjusted R-Precision of all embeddings and labels: see `dmlbench.scores.arp`.

    Args:
        normalize: whether embeddings are normalized before distances are taken.
        options: those of `torchmetrics.Metric`, such as `sync_on_compute`.

    >>> metric = ARP()
    >>> metric.update(torch.eye(2).repeat(2, 1), torch.tensor([0, 1, 0, 1]))
    >>> metric.compute()
    tensor(1.)
    """

    _score = staticmethod(arp)
