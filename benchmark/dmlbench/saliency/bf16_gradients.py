"""Input gradients of convolutions in bf16, while the embedding is computed in full precision.

Rounding an activation to bf16 moves some of them across the kink of the next ReLU, which changes
the gradient there altogether: under PyTorch's autocast, maps of EfficientNet-Lite0 with ImageNet
weights correlate by 0.99 with those in fp32. Rounding gradients alone leaves 0.9999.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Pair = int | Sequence[int]


def bf16_gradients() -> AbstractContextManager[object]:
    """Inside, convolutions of any module written in Python get their input gradients in bf16.

    The weights get none. Grouped convolutions keep full precision: on a CPU their input gradients
    take up to a hundred times as long in bf16. So does what TorchScript has compiled.
    """
    return _Bf16Convolutions()


class _Bf16Convolutions(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        keywords = kwargs or {}
        if func is torch.conv2d:
            return _convolve(*args, **keywords)
        return func(*args, **keywords)


def _convolve(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    if groups > 1 or isinstance(padding, str) or not input.requires_grad:
        return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
    geometry = (_pair(value) for value in (stride, padding, dilation))
    convolved: Tensor = _Convolution.apply(input, weight, bias, *geometry)  # type: ignore[no-untyped-call]
    return convolved


def _pair(value: Pair) -> list[int]:
    return [value, value] if isinstance(value, int) else [*value] * (3 - len(value))


class _Convolution(torch.autograd.Function):
    """A convolution in full precision, whose input gradient is computed in bf16."""

    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.shape, ctx.geometry = images.shape, (stride, padding, dilation)
        return torch.conv2d(images, weight, bias, stride, padding, dilation)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        layout: dict[str, Any] = {"dtype": torch.bfloat16, "memory_format": torch.channels_last}
        # Only the shape and layout of the input are read. That of `torch.nn.grad.conv2d_input` is
        # not channels-last, which makes it slower than fp32.
        images = torch.empty(ctx.shape, device=gradient.device, **layout)
        of_input, _, _ = torch.ops.aten.convolution_backward(
            gradient.to(**layout),
            images,
            weight.to(**layout),
            None,
            *ctx.geometry,
            False,
            [0, 0],
            1,
            [True, False, False],
        )
        return of_input.to(gradient.dtype), *[None] * 5
