"""Fit a model to the contract: choose its embedding output and the input layout that it accepts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dmlbench.models.contract import EmbeddingModel, LoadedModel
from dmlbench.models.execution import evaluated
from dmlbench.models.fixed_batch import in_batches
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError

EMBEDDING_NAMES = ("embedding", "embeddings", "image_embeds", "image_embedding", "emb")
"""Output names that mark the embedding when a model returns several outputs."""

_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_TOLERANCE = 1e-3


class FittedModel(nn.Module):
    """A model with the steps that are needed before and after it.

    Args:
        model: images [B, 3, H, W] -> an output that `pick_output` takes.
        output: name or number of the entry that is the embedding; None for a single output.
        batch: the only batch size that the model accepts, in images; None for any.
        contiguous: whether images in channels-last memory layout have to be made contiguous.
    """

    def __init__(
        self,
        model: EmbeddingModel,
        output: str | None = None,
        batch: int | None = None,
        contiguous: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.output, self.batch, self.contiguous = output, batch, contiguous

    def forward(self, images: Tensor) -> Tensor:
        """Embed preprocessed images [B, 3, H, W] -> [B, D]."""
        if self.contiguous:
            images = images.contiguous()
        return in_batches(self._embed, images, self.batch)

    def _embed(self, images: Tensor) -> Tensor:
        return pick_output(self.model(images), self.output)


def adapt(loaded: LoadedModel, output: str | None) -> LoadedModel:
    """Find out what a model accepts and returns, and wrap it where that differs from the contract.

    Half and double precision become float32. Of several outputs, the embedding is selected. A model
    that was exported for one batch size gets batches of that size. A model that cannot read
    channels-last images (a `view` after a convolution) gets contiguous ones.

    Args:
        output: name or number of the output that is the embedding; None to detect it.

    Raises:
        ModelError: no forward pass succeeds, or it is not clear which output is the embedding.
    """
    model, reference = loaded.model, loaded.reference
    notes = list(loaded.notes)
    if isinstance(model, nn.Module) and (kinds := _other_precisions(model)):
        model.float()
        notes.append(f"weights in {', '.join(sorted(kinds))}: run in float32")
    with evaluated(model), torch.no_grad():
        batch, returned = _first_pass(model, loaded.preprocessing.input_size, reference)
        chosen = choose_output(returned, output, reference)
        if chosen is not None and output is None:
            notes.append(f"of what the model returns, '{chosen}' is taken as the embedding")
        fitted = FittedModel(model, chosen, batch if batch > 1 else None)
        images = _noise(3, loaded.preprocessing.input_size)
        if fitted.batch is None and (_is_quantized(model) or not _takes(fitted, images)):
            fitted.batch = 1
        fitted.contiguous = not reads_channels_last(fitted, images)
    if fitted.batch is not None:
        notes.append(f"images are given to the model in batches of {fitted.batch}, as it needs it")
    plain = isinstance(returned, Tensor) and returned.ndim == 2
    needed = not plain or fitted.batch is not None or fitted.contiguous
    return dataclasses.replace(loaded, model=fitted.eval() if needed else model, notes=tuple(notes))


def choose_output(returned: Any, output: str | None, reference: str) -> str | None:
    """Return the name of the output that is the embedding; None if the model returned one tensor.

    Args:
        returned: what the model returned for a batch of images.
        output: the output that the user named; None to detect it.

    Raises:
        ModelError: there is no such output, or several could be the embedding; the message lists
            them with their shapes.
    """
    entries = _entries(returned)
    if entries is None:
        if output is not None:
            raise ModelError(f"{reference}: output={output}: the model returns one tensor")
        if not isinstance(returned, Tensor):
            raise ModelError(
                f"{reference}: returns {type(returned).__name__}, expected a tensor [B, D]"
            )
        if returned.ndim == 0:
            raise ModelError(f"{reference}: returns one number, expected embeddings [B, D]")
        return None
    listed = ", ".join(f"{name} {_shape(value)}" for name, value in entries.items())
    if output is not None:
        if output not in entries:
            raise ModelError(f"{reference}: output={output}: no such output; valid: {listed}")
        return output
    flat = [name for name, value in entries.items() if _is_embedding(value)]
    named = [name for name in EMBEDDING_NAMES if name in flat]
    if named or len(flat) == 1:
        return (named or flat)[0]
    raise ModelError(
        f"{reference}: returns several outputs; choose the embedding with ?output=NAME: {listed}"
    )


def pick_output(returned: Any, output: str | None) -> Tensor:
    """Return the output named `output` of what a model returned; [B, D, 1, 1] becomes [B, D]."""
    if output is not None:
        entries = _entries(returned)
        returned = returned if entries is None else entries[output]
    if (
        isinstance(returned, Tensor)
        and returned.ndim > 2
        and returned[0].numel() == len(returned[0])
    ):
        returned = returned.flatten(1)
    return returned


def _entries(returned: Any) -> dict[str, Any] | None:
    """Return what a model returned by name or number; None for a single tensor.

    >>> list(_entries((torch.zeros(1), torch.zeros(2))))
    ['0', '1']
    """
    if isinstance(returned, Mapping):
        return {str(name): value for name, value in returned.items()}
    if isinstance(returned, tuple) and hasattr(returned, "_asdict"):
        return dict(returned._asdict())
    if isinstance(returned, list | tuple):
        return {str(number): value for number, value in enumerate(returned)}
    return None


def _is_embedding(value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and value.is_floating_point()
        and (value.ndim == 2 or (value.ndim == 4 and value.shape[2:] == (1, 1)))
    )


def _shape(value: Any) -> str:
    return str(list(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def _first_pass(model: EmbeddingModel, size: tuple[int, int], reference: str) -> tuple[int, Any]:
    """Return the smallest batch size that the model accepts, and what it returned for it."""
    first: Exception | None = None
    accepted: list[tuple[int, Any]] = []
    for batch in _BATCHES:
        try:
            output = model(torch.zeros(batch, 3, *size, dtype=torch.float32))
        except Exception as error:
            first = first or error
            continue
        if _has_rows(output, batch):
            return batch, output
        # A traced network may take any batch, and return one of the size of the trace.
        accepted.append((batch, output))
    if accepted:
        return accepted[0]
    raise ModelError(
        f"{reference}: a forward pass on zeros {[1, 3, *size]} fails: {error_line(first)}"
    ) from first


def _has_rows(output: Any, batch: int) -> bool:
    values = [output] if isinstance(output, Tensor) else list((_entries(output) or {}).values())
    return any(isinstance(value, Tensor) and value.shape[:1] == (batch,) for value in values)


def _takes(model: FittedModel, images: Tensor) -> bool:
    try:
        output = model(images)
    except Exception:
        return False
    return isinstance(output, Tensor) and len(output) == len(images)


def reads_channels_last(model: FittedModel, images: Tensor) -> bool:
    """Return whether a model embeds images [B, 3, H, W] alike in channels-last memory layout."""
    expected = model(images.clone())
    try:
        embeddings = model(images.contiguous(memory_format=torch.channels_last))
    except Exception:
        return False
    if not isinstance(expected, Tensor) or not expected.isfinite().all():
        return True
    return bool((embeddings - expected).norm() <= _TOLERANCE * expected.norm())


def _other_precisions(model: nn.Module) -> set[str]:
    """Return the floating point types of a model's weights beside float32."""
    others = (torch.float16, torch.bfloat16, torch.float64)
    return {str(p.dtype).removeprefix("torch.") for p in model.parameters() if p.dtype in others}


def _is_quantized(model: EmbeddingModel) -> bool:
    """Return whether activations are quantized by their range in the batch (dynamically)."""
    if isinstance(model, torch.jit.ScriptModule):
        return "quantized::" in str(model.inlined_graph)
    modules = model.modules() if isinstance(model, nn.Module) else ()
    return any("quantized.dynamic" in type(module).__module__ for module in modules)


def _noise(count: int, size: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, *size, generator=generator, dtype=torch.float32)
