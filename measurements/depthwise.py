"""Milliseconds of the gradients of depthwise convolutions on a CPU: PyTorch's, and ours.

    OMP_WAIT_POLICY=passive python measurements/depthwise.py [ROUNDS]

The depthwise convolutions of EfficientNet-Lite2 at 128 pixels, batches of 32, channels last, one
thread. A row's figures are the least of ROUNDS (10) passes, forward and backward; both take turns.
"""

import sys
from contextlib import nullcontext
from time import perf_counter

import torch
from torch import nn

from dmlbench.models.depthwise import FastDepthwise

BATCH = 32
CONVOLUTIONS = (
    # channels, height and width of the image, size of the weights, stride, padding
    (32, 64, 3, 1, 1),
    (96, 65, 3, 2, 0),
    (144, 32, 3, 1, 1),
    (144, 35, 5, 2, 0),
    (288, 16, 5, 1, 2),
    (528, 8, 3, 1, 1),
    (720, 8, 5, 1, 2),
    (720, 11, 5, 2, 0),
    (1248, 4, 5, 1, 2),
)
WAYS = {"PyTorch": nullcontext, "ours": FastDepthwise}


def milliseconds(convolution: nn.Conv2d, images: torch.Tensor, rounds: int) -> list[float]:
    """Return the least of each way, in milliseconds."""
    least = dict.fromkeys(WAYS, float("inf"))
    for _ in range(rounds):
        for name, way in WAYS.items():
            images.grad = None
            began = perf_counter()
            with way():
                convolved = convolution(images)
            convolved.backward(torch.ones_like(convolved))
            least[name] = min(least[name], 1e3 * (perf_counter() - began))
    return list(least.values())


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    torch.set_num_threads(1)
    print("| channels | image | weights | stride | precision | PyTorch | ours | times |")
    print("|---|---|---|---|---|---|---|---|")
    for channels, side, size, stride, padding in CONVOLUTIONS:
        for dtype in (torch.float32, torch.bfloat16):
            convolution = nn.Conv2d(
                channels, channels, size, stride, padding, groups=channels, dtype=dtype
            ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            images = torch.rand(BATCH, channels, side, side, dtype=dtype)
            images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
            plain, ours = milliseconds(convolution, images, rounds)
            precision = "fp32" if dtype == torch.float32 else "bf16"
            print(
                f"| {channels} | {side} x {side} | {size} x {size} | {stride} | {precision} "
                f"| {plain:.1f} | {ours:.1f} | {plain / ours:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
