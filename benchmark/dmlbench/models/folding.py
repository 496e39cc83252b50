"""Fold batch normalization into convolutions, which makes gradients of a network's input faster.

In eval mode, batch normalization scales and shifts each channel, and so can the convolution before
it. `torch.fx.experimental.optimization.fuse` does the same, but neither traces networks whose
convolutions look at shapes, as timm's do, nor knows timm's normalization, which also activates.
"""

from __future__ import annotations

import copy
from collections import Counter

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import fuse_conv_bn_eval

from dmlbench.models.contract import EmbeddingModel, run_model
from dmlbench.models.execution import frozen, full_precision

MIN_CORRELATION = 0.999
"""Minimum Pearson correlation of a gradient of a folded network with that of the plain one. Float
rounding moves activations across the kinks of ReLUs: single gradients of trained networks correlate
by 0.9994 and more, maps of 50 noisy copies by 0.999999 (`measurements/precision.py`)."""

MAX_CHANGE = 1e-4
"""Maximum distance of its embedding from the plain network's, relative to the embedding's length;
float rounding stays below."""


def folded_network(model: EmbeddingModel, image: Tensor) -> EmbeddingModel:
    """Return a copy of a network that computes the same with less work; the model if there is none.

    Batch normalization is folded into the convolution before it, and the weights of convolutions
    are laid out with the channels last. The copy shares all other modules. It is used only if its
    embedding of an image and the gradient there agree with the model's.

    Args:
        image: [1, 3, H, W], preprocessed.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten()).eval()
    >>> folded = folded_network(network, torch.rand(1, 3, 8, 8))
    >>> any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    False
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        return model
    with torch.inference_mode(False), frozen(model):
        folded = _fold(model)
        place = next(model.parameters(), image).device
        agrees = folded is not None and _agree(model, folded, image.to(place).clone())
        return folded if folded is not None and agrees else model


class _Tracer(fx.Tracer):
    """Takes convolutions and normalizations as they are, also those of other libraries."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        layer = isinstance(m, (nn.Conv2d, _BatchNorm))
        return layer or super().is_leaf_module(m, module_qualified_name)


def _fold(model: nn.Module) -> fx.GraphModule | None:
    """Return the folded copy; None if the network cannot be traced or has nothing to fold."""
    try:
        graph = _Tracer().trace(model)
        folded = fx.GraphModule(model, graph)
    except Exception:
        # Whatever the code of a stranger's network raises when it sees no tensors.
        return None
    modules = dict(folded.named_modules())
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    count = 0
    for node in list(graph.nodes):
        convolution = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(convolution, nn.Conv2d):
            continue
        following = next(iter(node.users))
        normalization = modules.get(str(following.target))
        if (
            len(node.users) == 1
            and following.op == "call_module"
            and isinstance(normalization, _BatchNorm)
            and normalization.running_mean is not None
            and calls[str(node.target)] == calls[str(following.target)] == 1
        ):
            convolution = fuse_conv_bn_eval(convolution, normalization)
            folded.set_submodule(str(following.target), _after(normalization))
            count += 1
        else:
            convolution = copy.deepcopy(convolution)
        weight = convolution.weight.contiguous(memory_format=torch.channels_last)
        convolution.weight = nn.Parameter(weight, requires_grad=False)
        folded.set_submodule(str(node.target), convolution)
    return folded if count else None


def _after(normalization: _BatchNorm) -> nn.Module:
    """Return what a module does after it has normalized: timm's BatchNormAct2d also activates."""
    parts = [getattr(normalization, name, None) for name in ("drop", "act")]
    return nn.Sequential(*(part for part in parts if isinstance(part, nn.Module)))


def _agree(model: nn.Module, folded: nn.Module, image: Tensor) -> bool:
    try:
        (before, gradient), (after, other) = (
            _embedding_and_gradient(each, image) for each in (model, folded)
        )
    except Exception:
        # A graph can fail where the network does not, as can the backward pass of a stranger's.
        return False
    if float((after - before).norm()) > MAX_CHANGE * float(before.norm()):
        return False
    return float(torch.corrcoef(torch.stack([gradient, other]))[0, 1]) >= MIN_CORRELATION


def _embedding_and_gradient(model: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return an embedding [D] and the map [H * W] of its squared length's gradient."""
    with torch.enable_grad(), full_precision():
        pixels = image.detach().requires_grad_()
        embedding = run_model(model, pixels)[0]
        (gradient,) = torch.autograd.grad(embedding.square().sum(), pixels)
    return embedding.detach(), gradient.mean(dim=1).abs().flatten()
