"""Fold batch normalization into convolutions, which makes gradients of a network faster.

Batch normalization that keeps its statistics scales and shifts each channel, and so can the
convolution before it. Where the network is trained, the weights are scaled anew in each pass, which
is work on weights in place of work on activations. `torch.fx.experimental.optimization.fuse` does
the same for inference, but neither traces networks whose convolutions look at shapes, as timm's do,
nor knows timm's normalization, which also activates.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import fuse_conv_bn_eval

from dmlbench.models.contract import EmbeddingModel, run_model
from dmlbench.models.execution import frozen, full_precision, seeded

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
        folded = _fold(model, _fused, _channels_last)
        place = next(model.parameters(), image).device
        agrees = folded is not None and _agree(model, folded, image.to(place).clone())
        return folded if folded is not None and agrees else model


def folded_for_training(
    network: nn.Module, images: Tensor, *, known_to_agree: bool = False
) -> nn.Module:
    """Return a network that is trained with less work; the network itself if there is none.

    It has the parameters, buffers and modes of `network`, so that training it trains `network`.
    Normalization that keeps its statistics (in eval mode) is folded into the convolution before it;
    its scale and shift are still trained. It is used only if an embedding of the images and the
    gradients of the parameters there agree with the network's.

    Args:
        network: in training mode, on the device of the images.
        images: [B, 3, H, W], preprocessed.
        known_to_agree: whether the check is left out, as it was made before.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4).eval(), nn.Flatten())
    >>> folded = folded_for_training(network, torch.rand(2, 3, 8, 8))
    >>> folded(torch.rand(2, 3, 8, 8)).sum().backward()
    >>> [parameter.grad is None for parameter in network.parameters()]
    [False, False, False, False]
    """
    folded = _fold(network, _ScaledConvolution, _as_it_is)
    if folded is None or known_to_agree:
        return folded or network
    try:
        (before, gradient), (after, other) = (
            _embeddings_and_gradients(each, list(network.parameters()), images)
            for each in (network, folded)
        )
        same = float((after - before).norm()) <= MAX_CHANGE * float(before.norm())
        agrees = same and _correlation(gradient, other) >= MIN_CORRELATION
    except Exception:
        # A graph can fail in ways in which the network does not.
        return network
    return folded if agrees else network


class _Tracer(fx.Tracer):
    """Takes convolutions and normalizations as they are, also those of other libraries."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        layer = isinstance(m, (nn.Conv2d, _BatchNorm))
        return layer or super().is_leaf_module(m, module_qualified_name)


class _ScaledConvolution(nn.Module):
    """A convolution and the normalization after it, whose statistics are fixed, as one."""

    def __init__(self, convolution: nn.Conv2d, normalization: _BatchNorm) -> None:
        super().__init__()
        self.convolution, self.normalization = convolution, normalization

    def forward(self, images: Tensor) -> Tensor:
        """Convolve images [B, C, H, W] with the scaled weights."""
        convolution, normalization = self.convolution, self.normalization
        assert normalization.running_mean is not None
        assert normalization.running_var is not None
        scale = torch.rsqrt(normalization.running_var + normalization.eps)
        if normalization.weight is not None:
            scale = scale * normalization.weight
        bias = -normalization.running_mean * scale
        if convolution.bias is not None:
            bias = bias + convolution.bias * scale
        if normalization.bias is not None:
            bias = bias + normalization.bias
        scaled = {"weight": convolution.weight * scale[:, None, None, None], "bias": bias}
        convolved: Tensor = functional_call(convolution, scaled, (images,))
        return convolved


def _fused(convolution: nn.Conv2d, normalization: _BatchNorm) -> nn.Conv2d:
    return _channels_last(fuse_conv_bn_eval(convolution, normalization))


def _channels_last(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return a copy whose weights are laid out with the channels last."""
    convolution = copy.deepcopy(convolution)
    weight = convolution.weight.contiguous(memory_format=torch.channels_last)
    convolution.weight = nn.Parameter(weight, requires_grad=False)
    return convolution


def _as_it_is(convolution: nn.Conv2d) -> nn.Conv2d:
    return convolution


def _fold(
    model: nn.Module,
    fuse: Callable[[nn.Conv2d, _BatchNorm], nn.Module],
    other: Callable[[nn.Conv2d], nn.Module],
) -> fx.GraphModule | None:
    """Return the folded network; None if it cannot be traced or has nothing to fold.

    Args:
        fuse: returns what computes a convolution and the normalization after it.
        other: returns what computes a convolution without such a normalization.
    """
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
            and not normalization.training
            and calls[str(node.target)] == calls[str(following.target)] == 1
        ):
            folded.set_submodule(str(node.target), fuse(convolution, normalization))
            folded.set_submodule(str(following.target), _after(normalization))
            count += 1
        else:
            folded.set_submodule(str(node.target), other(convolution))
    return folded if count else None


def _after(normalization: _BatchNorm) -> nn.Module:
    """Return what a module does after it has normalized: timm's BatchNormAct2d also activates."""
    parts = [getattr(normalization, name, None) for name in ("drop", "act")]
    return nn.Sequential(*(_of_new(part) for part in parts if isinstance(part, nn.Module)))


def _of_new(activation: nn.Module) -> nn.Module:
    """Return the activation; one that copies its result into its input, without the copy."""
    if isinstance(activation, nn.Hardtanh) and activation.inplace:
        activation = copy.copy(activation)
        activation.inplace = False
    return activation


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
    return _correlation(gradient, other) >= MIN_CORRELATION


def _correlation(first: Tensor, second: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([first, second]))[0, 1])


def _embedding_and_gradient(model: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    """Return an embedding [D] and the map [H * W] of its squared length's gradient."""
    with torch.enable_grad(), full_precision():
        pixels = image.detach().requires_grad_()
        embedding = run_model(model, pixels)[0]
        (gradient,) = torch.autograd.grad(embedding.square().sum(), pixels)
    return embedding.detach(), gradient.mean(dim=1).abs().flatten()


def _embeddings_and_gradients(
    network: nn.Module, parameters: list[nn.Parameter], images: Tensor
) -> tuple[Tensor, Tensor]:
    """Return embeddings [B, D] and the gradient of their squared length by all parameters [P]."""
    plain = torch.autocast(images.device.type, enabled=False)
    accelerators = [images.device] if images.device.type == "cuda" else []
    with (
        torch.enable_grad(),
        full_precision(),
        plain,
        torch.random.fork_rng(accelerators),
        seeded(0),
    ):
        if accelerators:
            torch.cuda.manual_seed(0)
        embeddings = network(images)
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        gradients = torch.autograd.grad(embeddings.square().sum(), trained, allow_unused=True)
    flat = [gradient.flatten() for gradient in gradients if gradient is not None]
    return embeddings.detach(), torch.cat(flat)
