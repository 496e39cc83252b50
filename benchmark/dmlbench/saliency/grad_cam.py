"""Grad-CAM of the last convolutional stage, wherever a network has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dmlbench.models.contract import EmbeddingModel
from dmlbench.saliency.map_input import MapInput
from dmldata.common.errors import ModelError

_OTHERS = "valid for any model: smoothgrad_paper, smoothgrad, gradient, integrated_gradients, "
_OTHERS += "occlusion"


def grad_cam(given: MapInput) -> Tensor:
    """|sum over channels of the stage's activation times its mean gradient|, bilinear to [H, W].

    The magnitude stands where classification has a ReLU: a distance grows where the similarity of
    another loss shrinks. Source: Selvaraju et al., "Grad-CAM", ICCV 2017.

    Raises:
        ModelError: no convolutional stage is seen, or tokens follow it (vision transformers).
    """
    found = [_activation_maps(given, part) for part in given.chunks()]
    size = given.images.shape[2:]
    return F.interpolate(torch.cat(found)[:, None], size, mode="bilinear")[:, 0]


def _activation_maps(given: MapInput, images: Tensor) -> Tensor:
    with torch.enable_grad(), _watched(given.model) as stage:
        total = given.distances(images.detach().requires_grad_()).sum()
        features, gradients = stage.features(), None
        if features.requires_grad:
            (gradients,) = torch.autograd.grad(total, features, allow_unused=True)
    if gradients is None:
        raise ModelError(f"the embeddings do not depend on the last convolution; {_OTHERS}")
    weights = gradients.mean((2, 3), keepdim=True)
    return (weights * features.detach()).sum(dim=1).abs().to(images.dtype)


class _Stage:
    """The last feature map [B, C, h, w] that passes between modules at a convolution's size.

    Where the same positions pass later in another layout ([B, T, C], windows, [B, h, w, C]) and no
    feature map after them, tokens follow the convolution.
    """

    def __init__(self) -> None:
        self.grid, self.positions = torch.Size(), 0
        self.last: Tensor | None = None
        self.tokens = False

    def features(self) -> Tensor:
        """
        Raises:
            ModelError: there is none.
        """
        if self.last is None:
            raise ModelError(
                "grad_cam needs a convolutional stage, and no convolution of this model can be "
                f"seen from outside (of TorchScript and exported models none can); {_OTHERS}"
            )
        if self.tokens:
            raise ModelError(
                "grad_cam needs a convolutional stage, and tokens follow the last convolution of "
                f"this model, as in vision transformers; {_OTHERS}"
            )
        return self.last

    def before(self, module: nn.Module, inputs: Any) -> None:
        """A module is about to run."""
        self._see(inputs)

    def after(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """A module has run."""
        if isinstance(module, nn.Conv2d) and output.shape[2:].numel() > 1:
            self.grid, self.positions = output.shape[2:], output[:, 0].numel()
        self._see(output if isinstance(output, tuple) else (output,))

    def _see(self, values: tuple[Any, ...]) -> None:
        for value in values:
            shape = value.shape if isinstance(value, Tensor) else torch.Size()
            if self.positions and len(shape) == 4 and shape[2:] == self.grid:
                self.last, self.tokens = value, False
            elif self.positions and (
                (len(shape) == 4 and shape[1:3] == self.grid)
                or (len(shape) == 3 and shape[0] * shape[1] >= self.positions)
            ):
                self.tokens = True


@contextmanager
def _watched(model: EmbeddingModel) -> Iterator[_Stage]:
    stage = _Stage()
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    handles = []
    for module in modules:
        if isinstance(module, torch.jit.ScriptModule):
            continue
        handles.append(module.register_forward_pre_hook(stage.before))
        handles.append(module.register_forward_hook(stage.after))
    try:
        yield stage
    finally:
        for handle in handles:
            handle.remove()
