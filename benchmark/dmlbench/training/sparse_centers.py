"""The regularizer of SoftTriple, with a gradient where two centers of a class coincide."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_metric_learning import regularizers
from torch import Tensor

EPSILON = 1e-5
"""Added under the root, as in the code released with the paper."""


class SparseCenters(regularizers.SparseCentersRegularizer):  # type: ignore[misc]
    """Draws the centers of a class together, so that it has no more than it needs.

    It is half the mean of sqrt(2 + EPSILON - 2 cos) over the pairs of centers of one class. Source:
    Qian et al., "SoftTriple Loss" (ICCV 2019), and the code released with it. The library adds the
    smallest number of its type, which float32 loses beside 2: once two centers coincide, as they
    should, the gradient of the root is infinite, and training ends.
    """

    def compute_loss(self, weights: Tensor) -> dict[str, Any]:
        """Return the distance of each pair of centers of one class, as the library asks for it."""
        cosines = self.distance(weights)[self.same_class_mask]
        distances = torch.sqrt(2.0 + EPSILON - torch.clamp(2.0 * cosines, max=2.0))
        return {
            "loss": {
                "losses": distances,
                "indices": torch.arange(len(distances), device=distances.device),
                "reduction_type": "element",
                "divisor": 2 * torch.sum(self.same_class_mask),
            }
        }
