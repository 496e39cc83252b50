"""Gradients of depthwise convolutions that take less time on a CPU.

oneDNN has a fast kernel for the gradient of depthwise weights that are up to three pixels wide; of
wider ones, and of both gradients with a stride in bfloat16, it is several times as slow
(`measurements/depthwise.py`). Here these gradients are computed in float32, and those of wide
weights some columns at a time, which are independent of each other.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_weight
from torch.overrides import TorchFunctionMode

WIDTH = 3
"""Width of the weights that have a fast kernel, pixels."""


class FastDepthwise(TorchFunctionMode):
    """A context in which depthwise convolutions on a CPU have these gradients.

    They differ from PyTorch's by rounding alone. Those that are not faster are PyTorch's.

    >>> convolution = torch.nn.Conv2d(4, 4, 5, groups=4)
    >>> with FastDepthwise():
    ...     convolution(torch.rand(2, 4, 8, 8)).sum().backward()
    >>> convolution.weight.grad.shape
    torch.Size([4, 1, 5, 5])
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Compute a function, a depthwise convolution with gradients of its own."""
        if func is torch.conv2d:
            call = _Call(*args, **(kwargs or {}))
            if call.is_slow:
                return _Depthwise.apply(  # type: ignore[no-untyped-call]
                    call.images, call.weight, call.bias, call
                )
        return func(*args, **(kwargs or {}))


class _Call:
    """The arguments of a convolution, as `torch.conv2d` takes them."""

    def __init__(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> None:
        self.images, self.weight, self.bias = input, weight, bias
        self.stride, self.dilation, self.groups = _pair(stride), _pair(dilation), groups
        self.padding = padding if isinstance(padding, str) else _pair(padding)

    @property
    def is_slow(self) -> bool:
        """Whether PyTorch's gradients of it are slow: the convolution is depthwise, on a CPU."""
        channels, of_group = self.weight.shape[:2]
        return (
            channels == self.groups == self.images.shape[1]
            and channels > of_group == 1
            and self.images.device.type == "cpu"
            and self.images.dtype != torch.float64
            and self.dilation == (1, 1)
            and not isinstance(self.padding, str)
            and (self.weight.shape[3] > WIDTH or (max(self.stride) > 1 and self._is_rounded))
        )

    @property
    def _is_rounded(self) -> bool:
        """Whether it is computed in less than float32."""
        return torch.is_autocast_enabled("cpu") or self.images.dtype != torch.float32


def _pair(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[-1])


class _Depthwise(torch.autograd.Function):
    """A depthwise convolution."""

    @staticmethod
    def forward(images: Tensor, weight: Tensor, bias: Tensor | None, call: _Call) -> Tensor:
        return conv2d(images, weight, bias, call.stride, call.padding, groups=call.groups)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        images, weight, _, call = inputs
        ctx.stride, ctx.padding = call.stride, call.padding
        ctx.save_for_backward(images, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        of_images, of_weight, of_bias, _ = ctx.needs_input_grad
        wide = weight.shape[3] > WIDTH
        floats = gradient.float(), images.float(), weight.float(), ctx.stride, ctx.padding
        # oneDNN computes the gradient of the weight along with that of the bias.
        gradients = _gradients(*floats, (of_images, of_weight and not wide, of_bias and not wide))
        if of_weight and wide:
            gradients[1] = _gradient_of_wide_weight(*floats)
        if of_bias and wide:
            gradients[2] = gradient.sum((0, 2, 3), dtype=torch.float32)
        types = images.dtype, weight.dtype, weight.dtype
        back = [
            None if each is None else each.to(dtype)
            for each, dtype in zip(gradients, types, strict=True)
        ]
        return *back, None


def _gradients(
    gradient: Tensor,
    images: Tensor,
    weight: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
    differentiated: tuple[bool, bool, bool],
) -> list[Tensor | None]:
    """Return the gradients of those of images, weight and bias that are differentiated."""
    if not any(differentiated):
        return [None] * 3
    channels = len(weight)
    geometry = stride, padding, (1, 1), False, (0, 0), channels
    return list(
        torch.ops.aten.convolution_backward(
            gradient, images, weight, [channels], *geometry, differentiated
        )
    )


def _gradient_of_wide_weight(
    gradient: Tensor,
    images: Tensor,
    weight: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> Tensor:
    """Return the gradient of the weight [C, 1, kH, kW], some columns of it at a time."""
    height, width = weight.shape[2:]
    (down, right), (rows, columns) = padding, gradient.shape[2:]
    # Padded here, as the kernel is slow where it reaches over more than the image.
    padded = pad(images, (right, right, down, down))
    padded = padded[:, :, : (rows - 1) * stride[0] + height]
    strips = []
    for first in range(0, width, WIDTH):
        end = min(first + WIDTH, width)
        strip = padded[..., first : (columns - 1) * stride[1] + end]
        strip = strip.contiguous(memory_format=torch.channels_last)
        size = (len(weight), 1, height, end - first)
        strips.append(conv2d_weight(strip, size, gradient, stride, groups=len(weight)))
    return torch.cat(strips, dim=3)
