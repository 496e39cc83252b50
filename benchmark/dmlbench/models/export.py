"""A model in another format, checked against the original before it takes its name."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from dmlbench.models.contract import LoadedModel, one_line
from dmlbench.models.execution import frozen
from dmlbench.models.load import load_model
from dmlbench.models.metadata import FILE_NAME, Metadata, find_metadata
from dmlbench.models.onnx_file import OPSET
from dmlbench.models.safetensors_file import embedded_metadata
from dmlbench.models.torchscript import write_torchscript
from dmldata.common.errors import ModelError, PrismError, UnknownNameError
from dmldata.common.files import atomic_file, write_atomic

TOLERANCE = 1e-4
"""Of embeddings, in parts of their length; float rounding of other kernels is below 1e-5."""

BATCHES = (1, 3)


def export_model(reference: str, format_name: str, path: str | Path) -> float:
    """Write a model as TorchScript, as a program of torch.export, or as ONNX.

    Preprocessing, loss, distance and what is known of its training go with it. The file is loaded
    again and appears only if it gives the same embeddings, for batches of one and of several.

    Args:
        reference: as of `load_model`; of a network in PyTorch.
        format_name: 'torchscript' (.pt), 'pt2' (.pt2) or 'onnx' (.onnx).

    Returns:
        The largest difference between an embedding and the original's, in parts of its length.

    Raises:
        ModelError, UnknownNameError: no such model or format, a suffix that is not the format's, or
            a model that is no network in PyTorch.
        PrismError: it cannot be exported, or gives other embeddings.
    """
    path = Path(path)
    if format_name not in _WRITERS:
        raise UnknownNameError("format", format_name, _WRITERS)
    suffix, write = _WRITERS[format_name]
    if path.suffix != suffix:
        raise ModelError(f"--out {path}: valid: a name that ends in {suffix}")
    loaded = load_model(reference)
    if not isinstance(loaded.model, nn.Module):
        raise ModelError(f"{reference}: no network in PyTorch; valid: any model but .onnx and .npy")
    with tempfile.TemporaryDirectory() as folder, frozen(loaded.model):
        made = Path(folder) / f"model{suffix}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write(loaded.model, loaded, _metadata(loaded), made)
        except Exception as error:
            raise PrismError(
                f"{reference}: cannot be exported as {format_name}: {one_line(error)}"
            ) from error
        difference = _largest_difference(loaded, load_model(str(made), trust_pickle=True))
        if not difference <= TOLERANCE:
            raise PrismError(
                f"{reference}: exported as {format_name} its embeddings differ by {difference:.1e} "
                f"of their length; the limit is {TOLERANCE:.0e}"
            )
        with atomic_file(path) as file:
            file.write(made.read_bytes())
    return difference


def _metadata(loaded: LoadedModel) -> Metadata:
    path = Path(loaded.reference)
    found = None
    if path.suffix == ".safetensors":
        found = find_metadata(path, embedded_metadata(path))
    training = None if found is None else found.training
    return Metadata(loaded.preprocessing, loaded.loss, loaded.distance, training=training)


def _largest_difference(original: LoadedModel, exported: LoadedModel) -> float:
    largest = 0.0
    if exported.preprocessing != original.preprocessing:
        raise PrismError(f"{original.reference}: its preprocessing did not go with it")
    for size in BATCHES:
        images = _noise(size, original)
        with torch.no_grad():
            expected, found = original.model(images), exported.model(images)
        relative = (found - expected).norm(dim=1) / expected.norm(dim=1)
        largest = max(largest, float(relative.max()))
    return largest


def _noise(size: int, loaded: LoadedModel) -> Tensor:
    generator = torch.Generator().manual_seed(size)
    return torch.randn(size, 3, *loaded.preprocessing.input_size, generator=generator)


def _write_torchscript(
    model: nn.Module, loaded: LoadedModel, metadata: Metadata, path: Path
) -> None:
    write_torchscript(model, metadata, path)


def _write_pt2(model: nn.Module, loaded: LoadedModel, metadata: Metadata, path: Path) -> None:
    batch = torch.export.Dim("batch")
    shapes = ({0: batch},)
    program = torch.export.export(model, (_noise(2, loaded),), dynamic_shapes=shapes)
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={FILE_NAME: metadata.to_json()})
    write_atomic(path, buffer.getvalue())


def _write_onnx(model: nn.Module, loaded: LoadedModel, metadata: Metadata, path: Path) -> None:
    import onnx

    axes = {name: {0: "batch"} for name in ("images", "embeddings")}
    torch.onnx.export(
        model,
        (_noise(2, loaded),),
        path,
        dynamo=False,
        opset_version=OPSET,
        input_names=["images"],
        output_names=["embeddings"],
        dynamic_axes=axes,
    )
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, {FILE_NAME: metadata.to_json()})
    onnx.save(graph, path)


_WRITERS: dict[str, tuple[str, Callable[[nn.Module, LoadedModel, Metadata, Path], None]]] = {
    "torchscript": (".pt", _write_torchscript),
    "pt2": (".pt2", _write_pt2),
    "onnx": (".onnx", _write_onnx),
}
