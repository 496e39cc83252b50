"""The input of every saliency method: images, and the distance that their maps explain."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dmlbench.losses import Distance
from dmlbench.models.contract import EmbeddingModel, run_model
from dmldata.common.errors import ModelError, UnknownNameError

SAMPLES = 50
SIGMA = 0.15
FULL, LOWER = PRECISIONS = ("fp32", "bf16")

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
    """Images, and the distance D(f(x), f(black)) that their maps explain.

    Attributes:
        model: images [B, 3, H, W] -> embeddings [B, D].
        images: [B, 3, H, W], preprocessed, on the model's device, float32 or float64.
        keys: [B] keys of the images.
        black: [1, 3, H, W], the black image after the model's preprocessing.
        reference: [1, D], the embedding of the black image.
        distance: D(a [B, D], b [1, D]) -> [B].
        samples: S, number of noisy copies per image.
        sigma: standard deviation of the noise over the range (max - min) of the image's tensor.
        seed: seed of the noise, together with the image's key.
        chunk: number of inputs in one forward pass; by default what suits their size and device.
        precision: "fp32", or "bf16": the model under autocast, distance and map in full precision.

    Raises:
        ValueError: shapes or numbers do not fit each other.
        UnknownNameError: no such precision.
    """

    model: EmbeddingModel
    images: Tensor
    keys: Sequence[str]
    black: Tensor
    reference: Tensor
    distance: Distance
    samples: int = SAMPLES
    sigma: float = SIGMA
    seed: int = 0
    chunk: int | None = None
    precision: str = FULL

    def __post_init__(self) -> None:
        shape = list(self.images.shape)
        if len(shape) != 4 or shape[0] == 0:
            raise ValueError(f"images of shape {shape}, expected [B, 3, H, W]")
        if list(self.black.shape) != [1, *shape[1:]]:
            raise ValueError(f"black of shape {list(self.black.shape)}, expected {[1, *shape[1:]]}")
        if self.reference.ndim != 2 or len(self.reference) != 1:
            raise ValueError(f"reference of shape {list(self.reference.shape)}, expected [1, D]")
        if isinstance(self.keys, str) or len(self.keys) != shape[0]:
            raise ValueError(f"{len(self.keys)} keys for {shape[0]} images")
        for name in ("samples", "chunk"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} {value}, expected at least 1")
        check_precision(self.precision)

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
        """Return D(f(x), f(black)) of any inputs: [P, 3, H, W] -> [P].

        Raises:
            ModelError: the inputs require a gradient, but the model passes none to them.
        """
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        lower = self.precision == LOWER
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=lower):
            embeddings = run_model(self.model, inputs)
        distances = self.distance(embeddings.to(inputs.dtype), self.reference)
        if torch.is_grad_enabled() and inputs.requires_grad and not distances.requires_grad:
            raise ModelError(NO_GRADIENT)
        return distances

    def outside_inference_mode(self) -> MapInput:
        """Return a copy with tensors that autograd accepts, also those made in inference mode."""
        names = ("images", "black", "reference")
        with torch.inference_mode(False):
            return dataclasses.replace(
                self, **{name: getattr(self, name).clone() for name in names}
            )


def check_precision(name: str) -> None:
    """Check that a precision exists.

    Raises:
        UnknownNameError: no such precision; lists the valid names.
    """
    if name not in PRECISIONS:
        raise UnknownNameError("precision", name, PRECISIONS)
