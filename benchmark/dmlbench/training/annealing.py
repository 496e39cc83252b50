"""Losses that multiply the angle to the class, with the annealing that they are trained with.

An angle of 90 degrees, where a network begins, is a flat place of its multiple's cosine: without
annealing, embeddings move away from all classes and never towards theirs.
"""

from __future__ import annotations

from typing import Any

import torch
from pytorch_metric_learning import losses
from torch import Tensor


class _Annealed(losses.LargeMarginSoftmaxLoss):  # type: ignore[misc]
    """A loss whose cosine of the own class is at first plain, and has the margin little by little.

    With cos the cosine and psi what the margin makes of it, it is (l cos + psi) / (1 + l), where
    l = max(lambda_min, lambda_0 / (1 + lambda_decay t)) after t steps. Source: the released
    configuration of Liu et al., "SphereFace" (CVPR 2017), which has the numbers, too: base, gamma
    and lambda_min of its layer MarginInnerProduct, with power 1.
    """

    def __init__(
        self, *, lambda_0: float, lambda_decay: float, lambda_min: float, **arguments: Any
    ) -> None:
        super().__init__(**arguments)
        self._from, self._decay, self._to = lambda_0, lambda_decay, lambda_min
        # A buffer, so that a resumed training goes on with it.
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def modify_cosine_of_target_classes(self, cosine_of_target_classes: Tensor) -> Tensor:
        """Return the cosine of the own class [B] with as much of the margin as it has by now."""
        margin = super().modify_cosine_of_target_classes(cosine_of_target_classes)
        plain = max(self._to, self._from / (1 + self._decay * int(self.steps)))
        if self.training:
            self.steps += 1
        annealed: Tensor = (plain * cosine_of_target_classes + margin) / (1 + plain)
        return annealed


class AnnealedLargeMarginSoftmax(_Annealed):
    """Large-Margin Softmax, whose class weights begin short, by Glorot and Bengio's rule.

    Their length scales the logits: with that of the library, 11 in 128 dimensions, embeddings that
    are all alike lower the loss more than embeddings that are near their classes.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(weight_init_func=torch.nn.init.xavier_uniform_, **arguments)


class AnnealedSphereFace(_Annealed, losses.SphereFaceLoss):  # type: ignore[misc]
    """SphereFace, whose class weights have length 1."""
