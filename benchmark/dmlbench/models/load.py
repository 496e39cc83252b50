"""From a reference string to a model that is known to keep the contract."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable

from dmlbench.models.contract import FOR_WEIGHTS, LoadedModel, count_dimensions
from dmlbench.models.options import Options
from dmlbench.models.stored_embeddings import StoredEmbeddings
from dmldata.errors import ModelError

_SCHEMES = {
    "timm": "timm_source",
    "python": "python_function",
    "reality-check": "reality_check",
    "embeddings": "stored_embeddings",
}
_SUFFIXES = {
    ".pt": "torchscript",
    ".pt2": "torch_export",
    ".safetensors": "safetensors_file",
    ".onnx": "onnx_file",
}
_VALID = (
    "FILE.pt (TorchScript), FILE.pt2, FILE.safetensors, FILE.onnx, timm:NAME, "
    "python:module:function, reality-check:FOLDER, embeddings:FILE.npy"
)


def load_model(
    reference: str,
    *,
    distance: str | None = None,
    loss: str | None = None,
    input_size: int | tuple[int, int] | None = None,
    mean: tuple[float, float, float] | None = None,
    std: tuple[float, float, float] | None = None,
    bgr: bool | None = None,
    scale: int | None = None,
    interpolation: str | None = None,
    trust_pickle: bool = False,
    seed: int = 0,
) -> LoadedModel:
    """Load a model on the CPU, in eval mode, and check that it gives embeddings.

    `embeddings:FILE.npy` gives `StoredEmbeddings`, which a dataset's images are looked up in.

    Args:
        reference: `model.pt`, `.pt2`, `.safetensors` or `.onnx`, `timm:NAME`,
            `timm:NAME?weights=FILE`, `python:module:function`, `reality-check:FOLDER` or
            `embeddings:FILE.npy`.
        distance: name of the distance that its maps explain; by default that of its loss, else
            euclidean.
        loss: key of the loss it was trained with (protocol, section 6).
        input_size: (H, W) in pixels, or one number for a square; the crop fraction stays.
        mean, std: per channel, in the channel order and scale of the model's input.
        bgr: whether the model takes blue first.
        scale: value of a white pixel before mean and std, 1 or 255.
        interpolation: Pillow's name of the resampling filter.
        trust_pickle: load a `.pt` that is a pickle, or a `.pt2`, which runs the code in it.
        seed: of random weights; 0 is a seed like any other.

    Raises:
        ModelError: the reference cannot be loaded, or the model breaks the contract.
        UnknownNameError: an option, loss, distance or filter that does not exist.
    """
    options = Options(
        distance, loss, input_size, mean, std, bgr, scale, interpolation, trust_pickle, seed
    )
    loaded = _loader(reference)(reference, options)
    if isinstance(loaded, StoredEmbeddings):
        return loaded
    dimensions = count_dimensions(loaded.model, loaded.preprocessing, reference)
    return dataclasses.replace(loaded, dimensions=dimensions)


def _loader(reference: str) -> Callable[[str, Options], LoadedModel]:
    scheme, separator, _ = reference.partition(":")
    name = _SCHEMES.get(scheme) if separator else None
    for suffix, module in _SUFFIXES.items():
        if name is None and reference.endswith(suffix):
            name = module
    if name is None:
        raise ModelError(
            f"model reference '{reference}' is not valid; valid: {_VALID}; {FOR_WEIGHTS}"
        )
    loader: Callable[[str, Options], LoadedModel]
    loader = importlib.import_module(f"dmlbench.models.{name}").load
    return loader
