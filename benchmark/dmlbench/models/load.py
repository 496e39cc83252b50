"""Load a model from a reference string and check that it keeps the contract."""

from __future__ import annotations

import dataclasses
import importlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from dmlbench.models.adapt import adapt
from dmlbench.models.checkpoint import is_safetensors, what_it_is_instead
from dmlbench.models.contract import (
    FOR_WEIGHTS,
    EmbeddingModel,
    LoadedModel,
    count_dimensions,
    with_behavior,
)
from dmlbench.models.in_memory import in_memory
from dmlbench.models.options import ModelOptions
from dmlbench.models.probe import probe
from dmlbench.models.stored_embeddings import StoredEmbeddings
from dmlbench.results.files import UNSTABLE
from dmldata.common.errors import ModelError
from dmldata.common.foreign import archive_names, reading
from dmldata.common.option_groups import expand_options

_SCHEMES = {
    "timm": "timm_source",
    "torchvision": "torchvision_source",
    "hf": "hugging_face",
    "open_clip": "open_clip_source",
    "python": "python_function",
    "reality-check": "reality_check",
    "embeddings": "stored_embeddings",
}
_SUFFIXES = {
    ".pt": "torchscript",
    ".pth": "torchscript",
    ".pt2": "torch_export",
    ".safetensors": "safetensors_file",
    ".onnx": "onnx_file",
}
"""Loader by suffix, for a file that is missing or whose content is not recognized."""
_VALID = (
    "FILE.pt (TorchScript), FILE.pt2, FILE.safetensors, FILE.onnx, timm:NAME, torchvision:NAME, "
    "hf:FOLDER or hf:owner/name, open_clip:NAME, python:module:function, reality-check:FOLDER, "
    "embeddings:FILE.npy"
)


@expand_options
def load_model(
    reference: str | os.PathLike[str] | EmbeddingModel | LoadedModel,
    *,
    preprocessing: object | None = None,
    options: ModelOptions,
) -> LoadedModel:
    """Load a model on the CPU, in eval mode, and check that it returns embeddings of images.

    The model is fitted to the contract where possible (see `adapt`). It then embeds a few fixed
    images alone and in a batch, one of them twice: an embedding has to depend on its image alone.

    `embeddings:FILE.npy` returns `StoredEmbeddings`, which looks up the images of a dataset.

    Args:
        reference: `model.pt`, `.pt2`, `.safetensors` or `.onnx`, `timm:NAME`,
            `timm:NAME?weights=FILE`, `python:module:function`, `reality-check:FOLDER` or
            `embeddings:FILE.npy`; or a network in memory: a module, of which a copy is measured,
            or a function that maps images [B, 3, H, W] to embeddings [B, D]. A loaded model is
            returned as it is, and takes no options.
        preprocessing: of a network in memory: a `Preprocessing`, torchvision transforms, a data
            config of timm or a processor of transformers; by default its own where it is of timm,
            else ImageNet's.
        options: each field of `ModelOptions` as a keyword, as in `load_model("model.pt",
            loss="arcface", input_size=128)`.

    Raises:
        ModelError: the reference cannot be loaded, or the model breaks the contract.
        UnknownNameError: the option, loss, distance or filter does not exist.

    >>> from torch import nn
    >>> from dmlbench.models import Preprocessing
    >>> network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    >>> model = load_model(network, preprocessing=Preprocessing(input_size=32))
    >>> model.dimensions, model.preprocessing.input_size
    (12, (32, 32))
    """
    if isinstance(reference, LoadedModel):
        _refuse_options(preprocessing, options)
        return reference
    if isinstance(reference, os.PathLike):
        reference = os.fspath(reference)
    if not isinstance(reference, str):
        return _fitted(in_memory(reference, preprocessing, options), None, options)
    if preprocessing is not None:
        raise ModelError(
            f"{reference}: brings its own preprocessing; valid: options such as input_size, or "
            "preprocessing with a network in memory"
        )
    bare, output = split_output(_with_home(reference))
    # Libraries raise many kinds of errors for a damaged file, some only on the first forward pass.
    with reading(reference, "a model that can be loaded", ModelError):
        loaded = dataclasses.replace(_loader(bare)(bare, options), reference=reference)
        if isinstance(loaded, StoredEmbeddings):
            return loaded
        return _fitted(loaded, output, options)


def _refuse_options(preprocessing: object | None, options: ModelOptions) -> None:
    """Refuse what would change a model that is loaded already.

    Raises:
        ModelError: names the first such option.
    """
    chosen = {"preprocessing": preprocessing} | {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(options)
        if field.name not in ("trust_pickle", "seed", "allow_unstable")
    }
    for name, value in chosen.items():
        if value is not None:
            raise ModelError(
                f"{name}: not with a model that is loaded already; valid: in the call of "
                "load_model that loads it"
            )


def _fitted(loaded: LoadedModel, output: str | None, options: ModelOptions) -> LoadedModel:
    """Return the model fitted to the contract, with its dimensions, checked by embeddings."""
    loaded = adapt(loaded, output)
    dimensions = count_dimensions(loaded.model, loaded.preprocessing, loaded.reference)
    return _probed(dataclasses.replace(loaded, dimensions=dimensions), options)


def split_output(reference: str) -> tuple[str, str | None]:
    """Split a reference into the reference without its option `output`, and that option's value.

    >>> split_output("timm:resnet18?seed=1&output=features"), split_output("model.pt")
    (('timm:resnet18?seed=1', 'features'), ('model.pt', None))
    """
    bare, _, query = reference.partition("?")
    options = query.split("&") if query else []
    output_options = [option for option in options if option.startswith("output=")]
    remaining = "&".join(option for option in options if option not in output_options)
    output = unquote(output_options[-1].partition("=")[2]) if output_options else None
    return (f"{bare}?{remaining}" if remaining else bare), output


def _with_home(reference: str) -> str:
    """Expand `~/` at the beginning of a path, also after a scheme, to the user's home folder."""
    head, colon, path = reference.rpartition(":") if "://" not in reference else ("", "", reference)
    return f"{head}{colon}{Path(path).expanduser()}" if path.startswith("~/") else reference


def _probed(loaded: LoadedModel, options: ModelOptions) -> LoadedModel:
    result = probe(loaded)
    if result.instability is None:
        return dataclasses.replace(loaded, id=with_behavior(loaded.id, result.digest))
    if not options.allow_unstable:
        raise ModelError(
            f"{loaded.reference}: its embedding depends on more than the image: "
            f"{result.instability}; "
            "valid: a model in eval mode, without dropout, random numbers or batch statistics; "
            "--allow-unstable measures it as it is"
        )
    note = f"{UNSTABLE}: the embedding is no function of the image: {result.instability}"
    return dataclasses.replace(
        loaded,
        id=with_behavior(loaded.id, f"unstable {result.digest}"),
        notes=(*loaded.notes, note),
    )


def _loader(reference: str) -> Callable[[str, ModelOptions], LoadedModel]:
    scheme, separator, _ = reference.partition(":")
    name = _SCHEMES.get(scheme) if separator else None
    path = Path(reference).expanduser()
    if name is None and path.is_file():
        problem = what_it_is_instead(path)
        if problem is not None:
            raise ModelError(f"{reference}: {problem}")
        name = _loader_of_content(path)
    for suffix, module in _SUFFIXES.items():
        if name is None and reference.endswith(suffix):
            name = module
    if name is None and path.is_file() and zipfile.is_zipfile(path):
        # A file of torch.save with another suffix (.ckpt, .bin): the loader explains what it is.
        name = "torchscript"
    if name is None:
        raise ModelError(
            f"model reference '{reference}' is not valid; valid: {_VALID}; {FOR_WEIGHTS}"
        )
    loader: Callable[[str, ModelOptions], LoadedModel]
    loader = importlib.import_module(f"dmlbench.models.{name}").load
    return loader


def _loader_of_content(path: Path) -> str | None:
    """Return the loader that a file's content asks for, whatever its name; None if unrecognized."""
    names = archive_names(path, ModelError)
    if any(name.endswith("/constants.pkl") for name in names):
        return "torchscript"
    if any(
        name.endswith(("models/model.json", "serialized_exported_program.json")) for name in names
    ):
        return "torch_export"
    return "safetensors_file" if is_safetensors(path) else None
