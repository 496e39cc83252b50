"""Grad-CAM of the last convolutional stage, which is found by watching a forward pass."""

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


def stage_maps(map_input: MapInput) -> Tensor:
    """Return the magnitudes [B, H, W] of `methods.grad_cam`.

    Raises:
        ModelError: the model has no visible convolutional stage, or tokens follow it.
    """
    activation_maps = [_activation_maps(map_input, part) for part in map_input.chunks()]
    size = map_input.images.shape[2:]
    return F.interpolate(torch.cat(activation_maps)[:, None], size, mode="bilinear")[:, 0]


def _activation_maps(map_input: MapInput, images: Tensor) -> Tensor:
    with torch.enable_grad(), _watched(map_input.model) as stage:
        total = map_input.distances(images.detach().requires_grad_()).sum()
        features, gradients = stage.features(), None
        if features.requires_grad:
            (gradients,) = torch.autograd.grad(total, features, allow_unused=True)
    if gradients is None:
        raise ModelError(f"the embeddings do not depend on the last convolution; {_OTHERS}")
    weights = gradients.mean((2, 3), keepdim=True)
    return (weights * features.detach()).sum(dim=1).abs().to(images.dtype)


class _Stage:
    """The last feature map [B, C, h, w] with the size of a convolution's output between modules.

    If the same positions appear later in another layout ([B, T, C], windows, [B, h, w, C]) and no
    feature map follows, tokens follow the convolution.
    """

    def __init__(self) -> None:
        self.grid, self.positions = torch.Size(), 0
        self.last: Tensor | None = None
        self.tokens = False

    def features(self) -> Tensor:
        """Return the feature map.

        Raises:
            ModelError: there is no feature map, or tokens follow it.
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
        """Record the inputs of a module that is about to run."""
        self._see(inputs)

    def after(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """Record the outputs of a module that has run."""
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
