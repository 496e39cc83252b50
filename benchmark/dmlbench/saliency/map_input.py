"""The input of every saliency method: images, and the distance that their maps explain."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from dmlbench.losses import Distance
from dmlbench.models.contract import EmbeddingModel, run_model
from dmlbench.saliency.bf16_gradients import bf16_gradients
from dmldata.common.errors import ModelError, UnknownNameError

FULL, LOWER = PRECISIONS = ("fp32", "bf16")
AUTO = "auto"

# Inputs of 224 x 224 pixels in one pass. On a CPU, enough to amortize the fixed cost of a pass, and
# few enough that the C allocator keeps the memory of most activations (up to 32 MiB each) instead
# of returning it after each layer. On a GPU, enough to use it fully.
_INPUTS = {"cpu": 10, "cuda": 128}
_PIXELS = 224 * 224

NO_GRADIENT = (
    "the model passes no gradient from its embeddings to the pixels; valid: --method occlusion, "
    "which needs none"
)


@dataclass(frozen=True)
class MapInput:
    """Images, and the distance D(f(x), r) that their maps explain.

    Attributes:
        model: images [B, 3, H, W] -> embeddings [B, D].
        images: [B, 3, H, W], preprocessed, on the model's device, float32 or float64.
        reference: r [1, D], the embedding that the distance is to.
        distance: D(a [B, D], b [1, D]) -> [B].
        chunk: number of inputs in one forward pass; by default what suits their size and device.
        precision: "fp32", or "bf16": input gradients of convolutions in bf16, all else in fp32.

    Raises:
        ValueError: shapes or numbers do not fit each other.
        UnknownNameError: no such precision.
    """

    model: EmbeddingModel
    images: Tensor
    reference: Tensor
    distance: Distance
    chunk: int | None = None
    precision: str = FULL

    def __post_init__(self) -> None:
        shape = list(self.images.shape)
        if len(shape) != 4 or shape[0] == 0:
            raise ValueError(f"images of shape {shape}, expected [B, 3, H, W]")
        if self.reference.ndim != 2 or len(self.reference) != 1:
            raise ValueError(f"reference of shape {list(self.reference.shape)}, expected [1, D]")
        if self.chunk is not None and self.chunk < 1:
            raise ValueError(f"chunk {self.chunk}, expected at least 1")
        check_precision(self.precision)

    def names_of(self, keys: Sequence[str] | None) -> list[str]:
        """Return the keys of the images for messages: their numbers if they have none.

        Raises:
            ValueError: there is not one key per image.
        """
        if keys is None:
            return [str(number) for number in range(len(self.images))]
        if isinstance(keys, str) or len(keys) != len(self.images):
            raise ValueError(f"{len(keys)} keys for {len(self.images)} images")
        return list(keys)

    @property
    def step(self) -> int:
        """Number of inputs in one pass: `chunk`, or what suits this image size on this device."""
        inputs = _INPUTS.get(self.images.device.type, _INPUTS["cpu"])
        pixels = self.images.shape[2] * self.images.shape[3]
        return self.chunk or max(1, inputs * _PIXELS // pixels)

    def chunks(self) -> tuple[Tensor, ...]:
        """Split the images into chunks of at most `step`."""
        return self.images.split(self.step)

    def distances(self, inputs: Tensor) -> Tensor:
        """Return D(f(x), r) of any inputs: [P, 3, H, W] -> [P].

        Raises:
            ModelError: the inputs require a gradient, but the model passes none to them.
        """
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        with bf16_gradients() if self.precision == LOWER else nullcontext():
            embeddings = run_model(self.model, inputs)
        distances = self.distance(embeddings.to(inputs.dtype), self.reference)
        if torch.is_grad_enabled() and inputs.requires_grad and not distances.requires_grad:
            raise ModelError(NO_GRADIENT)
        return distances

    def outside_inference_mode(self) -> MapInput:
        """Return a copy with tensors that autograd accepts, also those made in inference mode."""
        with torch.inference_mode(False):
            return dataclasses.replace(
                self, images=self.images.clone(), reference=self.reference.clone()
            )


def check_precision(name: str, valid: Sequence[str] = PRECISIONS) -> None:
    """Check that a precision exists.

    Raises:
        UnknownNameError: no such precision; lists the valid names.
    """
    if name not in valid:
        raise UnknownNameError("precision", name, valid)


def resolve_precision(name: str, device: torch.device) -> str:
    """Return the precision of this name; "auto" is bf16 where a device has it natively, else fp32.

    A CPU has it with AVX512-BF16 or AMX, an NVIDIA GPU from compute capability 8.0 on.

    Raises:
        UnknownNameError: no such precision; lists the valid names.

    >>> resolve_precision("fp32", torch.device("cpu"))
    'fp32'
    """
    check_precision(name, (AUTO, *PRECISIONS))
    if name != AUTO:
        return name
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        native = device.type == "cpu" and (
            torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        )
    return LOWER if native else FULL
