"""BN-Inception, the trunk of the paper's models, under the tensor names of its Caffe release.

Source: Ioffe & Szegedy, "Batch Normalization", ICML 2015 (the widths follow the released network);
the names are those of the Caffe layers with `/` written as `_`, which PyTorch ports kept.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 1024


class _Block(NamedTuple):
    """Numbers of output channels of one inception block's layers.

    Attributes:
        single: channels of the 1x1 branch; 0 if the block halves the grid, in which case it has no
            such branch and passes the pooled input through.
        reduce, triple: channels of the two layers of the 3x3 branch.
        double_reduce, double: channels of the layers of the branch with two 3x3 convolutions.
        pool: 3x3 pooling of the last branch, "mean" or "max".
        projection: channels of the 1x1 convolution after the pooling.
    """

    single: int
    reduce: int
    triple: int
    double_reduce: int
    double: int
    pool: str
    projection: int


_BLOCKS = {
    "3a": _Block(64, 64, 64, 64, 96, "mean", 32),
    "3b": _Block(64, 64, 96, 64, 96, "mean", 64),
    "3c": _Block(0, 128, 160, 64, 96, "max", 0),
    "4a": _Block(224, 64, 96, 96, 128, "mean", 128),
    "4b": _Block(192, 96, 128, 96, 128, "mean", 128),
    "4c": _Block(160, 128, 160, 128, 160, "mean", 128),
    "4d": _Block(96, 128, 192, 160, 192, "mean", 128),
    "4e": _Block(0, 128, 192, 192, 256, "max", 0),
    "5a": _Block(352, 192, 320, 160, 224, "mean", 128),
    "5b": _Block(352, 192, 320, 192, 224, "max", 128),
}


class BNInception(nn.Module):
    """Images [B, 3, H, W] -> pooled features [B, 1024]; no classifier.

    It has 483 tensors: 69 convolutions with bias, each with batch normalization. The released
    weights expect BGR, 0..255, minus (104, 117, 128), at 224 or 227 pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self._add("conv1_7x7_s2", 3, 64, 7, stride=2)
        self._add("conv2_3x3_reduce", 64, 64, 1)
        self._add("conv2_3x3", 64, 192, 3)
        channels = 192
        for name, block in _BLOCKS.items():
            channels = self._add_block(f"inception_{name}", channels, block)
        # A module, so that a hook can read the last feature map [B, 1024, h, w].
        self.features = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Return the pooled features of preprocessed images [B, 3, H, W] -> [B, 1024]."""
        x = _halved(self._run(images, "conv1_7x7_s2"))
        x = _halved(self._run(x, "conv2_3x3_reduce", "conv2_3x3"))
        for name, block in _BLOCKS.items():
            x = self._run_block(x, f"inception_{name}", block)
        return self.features(x).mean((2, 3))

    def _add(self, name: str, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        self.add_module(name, nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(outputs))

    def _add_block(self, name: str, inputs: int, block: _Block) -> int:
        stride = 1 if block.single else 2
        if block.single:
            self._add(f"{name}_1x1", inputs, block.single, 1)
        self._add(f"{name}_3x3_reduce", inputs, block.reduce, 1)
        self._add(f"{name}_3x3", block.reduce, block.triple, 3, stride)
        self._add(f"{name}_double_3x3_reduce", inputs, block.double_reduce, 1)
        self._add(f"{name}_double_3x3_1", block.double_reduce, block.double, 3)
        self._add(f"{name}_double_3x3_2", block.double, block.double, 3, stride)
        if block.projection:
            self._add(f"{name}_pool_proj", inputs, block.projection, 1)
        return block.single + block.triple + block.double + (block.projection or inputs)

    def _run(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = F.relu(getattr(self, f"{name}_bn")(getattr(self, name)(x)), inplace=True)
        return x

    def _run_block(self, x: Tensor, name: str, block: _Block) -> Tensor:
        double = ("_double_3x3_reduce", "_double_3x3_1", "_double_3x3_2")
        branches = [
            self._run(x, f"{name}_3x3_reduce", f"{name}_3x3"),
            self._run(x, *(name + layer for layer in double)),
        ]
        if not block.single:
            return torch.cat([*branches, _halved(x)], 1)
        pooled = F.avg_pool2d(x, 3, 1, 1) if block.pool == "mean" else F.max_pool2d(x, 3, 1, 1)
        projected = self._run(pooled, f"{name}_pool_proj")
        return torch.cat([self._run(x, f"{name}_1x1"), *branches, projected], 1)


def _halved(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, 2, ceil_mode=True)
