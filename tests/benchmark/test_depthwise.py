"""Depthwise convolutions with gradients that are faster: the same gradients as PyTorch's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import conv2d, pad

from dmlbench.models.depthwise import FastDepthwise

SIZES = st.integers(1, 7)


class PadsItself(nn.Conv2d):
    """A convolution as those of TensorFlow in timm: more is padded at the end than at the start."""

    def forward(self, x):
        padded = pad(x, (1, 2, 1, 2))
        return conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


@settings(max_examples=40)
@given(
    kernel=st.tuples(SIZES, SIZES),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    size=st.tuples(st.integers(7, 12), st.integers(7, 12)),
    bias=st.booleans(),
)
def test_gradients_are_those_of_pytorch(kernel, stride, padding, size, bias):
    convolution = nn.Conv2d(3, 3, kernel, stride, padding, groups=3, bias=bias)
    assert_same(convolution, torch.rand(2, 3, *size), dtype=torch.float32, tolerance=1e-5)


@pytest.mark.parametrize(
    "convolution",
    [
        PadsItself(4, 4, 5, stride=2, groups=4),
        nn.Conv2d(4, 4, 5, padding="same", groups=4),
        nn.Conv2d(4, 4, 5, padding=2, dilation=2, groups=4),
        nn.Conv2d(4, 4, 5, padding=2, padding_mode="reflect", groups=4),
        nn.Conv2d(4, 8, 5, groups=4),
        nn.Conv2d(4, 4, 5, groups=2),
        nn.Conv2d(4, 4, 5),
        nn.Conv2d(4, 1, 5),
    ],
    ids=str,
)
def test_every_convolution_keeps_its_gradients(convolution):
    assert_same(convolution, torch.rand(2, 4, 14, 14), dtype=torch.float32, tolerance=1e-5)


def test_gradients_of_float64_keep_its_precision():
    convolution = nn.Conv2d(4, 4, 5, stride=2, groups=4).double()
    images = torch.rand(2, 4, 9, 9, dtype=torch.float64)
    assert_same(convolution, images, dtype=torch.float64, tolerance=1e-12)


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_gradients_in_mixed_precision_are_those_of_float32_but_for_rounding(size, stride):
    convolution = nn.Conv2d(8, 8, size, stride, size // 2, groups=8)
    assert_same(convolution, torch.rand(4, 8, 16, 16), dtype=torch.bfloat16, tolerance=0.02)


def assert_same(convolution, images, *, dtype, tolerance):
    """Compare output and gradients with PyTorch's own."""
    plain = outcome(convolution, images)
    with FastDepthwise(), torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
        fast = outcome(convolution, images)
    for before, after in zip(plain, fast, strict=True):
        torch.testing.assert_close(
            after.to(before.dtype), before, rtol=0, atol=tolerance * float(before.abs().max())
        )


def outcome(convolution, images):
    """Return the output, and the gradients of the images and of all parameters."""
    images = images.clone().contiguous(memory_format=torch.channels_last).requires_grad_()
    convolved = convolution(images)
    weights = (torch.arange(convolved.numel()) * 0.618).frac().view_as(convolved)
    parameters = list(convolution.parameters())
    gradients = torch.autograd.grad(
        (convolved * weights.to(convolved.dtype)).sum(), [images, *parameters]
    )
    return convolved.detach(), *gradients
