"""Export a model to another format; the file is checked before it appears under its name."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from dmlbench.models.contract import LoadedModel
from dmlbench.models.execution import frozen
from dmlbench.models.load import load_model
from dmlbench.models.metadata import FILE_NAME, Metadata, find_metadata
from dmlbench.models.onnx_file import OPSET
from dmlbench.models.safetensors_file import embedded_metadata
from dmlbench.models.torchscript import write_torchscript
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError, PrismError, UnknownNameError
from dmldata.common.files import atomic_file, write_atomic

TOLERANCE = 1e-4
"""Maximum difference of embeddings relative to their length; float rounding is below 1e-5."""

BATCHES = (1, 3)


def export_model(reference: str, format_name: str, path: str | Path) -> float:
    """Write a model as TorchScript, as a torch.export program, or as ONNX.

    Preprocessing, loss, distance and training metadata are stored in the file. The file is loaded
    again and appears only if it gives the same embeddings, for batches of one and of several.

    Args:
        reference: reference as in `load_model`, of a model that is a PyTorch network.
        format_name: 'torchscript' (.pt), 'pt2' (.pt2) or 'onnx' (.onnx).

    Returns:
        The largest difference between an embedding and the original's, relative to its length.

    Raises:
        ModelError, UnknownNameError: unknown model or format, wrong suffix for the format, or a
            model that is not a PyTorch network.
        PrismError: the model cannot be exported, or the exported file gives other embeddings.
    """
    path = Path(path)
    if format_name not in _WRITERS:
        raise UnknownNameError("format", format_name, _WRITERS)
    suffix, write = _WRITERS[format_name]
    if path.suffix != suffix:
        raise ModelError(f"--out {path}: valid: a name that ends in {suffix}")
    loaded = load_model(reference)
    if not isinstance(loaded.model, nn.Module):
        raise ModelError(
            f"{reference}: not a network in PyTorch; valid: any model except .onnx and .npy"
        )
    with tempfile.TemporaryDirectory() as folder, frozen(loaded.model):
        temporary = Path(folder) / f"model{suffix}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                write(loaded.model, loaded, _metadata(loaded), temporary)
        except Exception as error:
            raise PrismError(
                f"{reference}: cannot be exported as {format_name}: {error_line(error)}"
            ) from error
        difference = _largest_difference(loaded, load_model(str(temporary), trust_pickle=True))
        if not difference <= TOLERANCE:
            raise PrismError(
                f"{reference}: exported as {format_name} its embeddings differ by {difference:.1e} "
                f"of their length; the limit is {TOLERANCE:.0e}"
            )
        with atomic_file(path) as file:
            file.write(temporary.read_bytes())
    return difference


def _metadata(loaded: LoadedModel) -> Metadata:
    path = Path(loaded.reference)
    metadata = None
    if path.suffix == ".safetensors":
        metadata = find_metadata(path, embedded_metadata(path))
    training = None if metadata is None else metadata.training
    return Metadata(loaded.preprocessing, loaded.loss, loaded.distance, training=training)


def _largest_difference(original: LoadedModel, exported: LoadedModel) -> float:
    largest = 0.0
    if exported.preprocessing != original.preprocessing:
        raise PrismError(f"{original.reference}: the exported file has other preprocessing")
    for size in BATCHES:
        images = _noise(size, original)
        with torch.no_grad():
            expected, embeddings = original.model(images), exported.model(images)
        relative = (embeddings - expected).norm(dim=1) / expected.norm(dim=1)
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
