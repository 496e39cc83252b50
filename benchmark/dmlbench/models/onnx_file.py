"""`model.onnx`: embeddings by onnxruntime; maps if onnx2torch can rebuild the graph in PyTorch.

Neither library runs code from the file: an ONNX graph consists of operators of the runtime.
"""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dmlbench.models.contract import LoadedModel
from dmlbench.models.fixed_batch import in_batches
from dmlbench.models.metadata import FILE_NAME, describe_model
from dmlbench.models.onnx_graph import check_graph
from dmlbench.models.options import ModelOptions
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError
from dmldata.common.extras import MissingPackageError, import_extra

_AGREEMENT = 1e-3
OPSET = 17
"""Latest opset that onnx2torch supports well; newer graphs are converted to it where possible."""
_QUIET = 3


class OnnxModel:
    """Images [B, 3, H, W] -> embeddings [B, D], on the CPU by onnxruntime.

    Images that require gradients go through `graph`, the same network in PyTorch.
    """

    def __init__(self, session: Any, batch: int | None) -> None:
        self.session = session
        self.batch = batch
        self.graph: nn.Module | None = None
        self._input = session.get_inputs()[0].name

    def __call__(self, images: Tensor) -> Tensor:
        if images.requires_grad and self.graph is not None:
            return in_batches(self.graph.to(images.device), images.contiguous(), self.batch)
        return in_batches(self._run, images, self.batch)

    def _run(self, images: Tensor) -> Tensor:
        fed = {self._input: np.ascontiguousarray(images.detach().cpu().numpy())}
        return torch.from_numpy(self.session.run(None, fed)[0]).to(images.device)


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the model in a `.onnx` file; its preprocessing is in its metadata or beside the file.

    Raises:
        ModelError: no such file, no onnxruntime, not a complete ONNX file, more than one input or
            output, or metadata that is not valid.
    """
    path = Path(reference)
    if not path.is_file():
        raise ModelError(f"{reference}: no such file")
    check_graph(path)
    session = _session(path)
    batch, size = _input_shape(session, reference)
    embedded = session.get_modelmeta().custom_metadata_map.get(FILE_NAME, "")
    model = OnnxModel(session, batch)
    loaded = describe_model(model, reference, embedded, options, size)
    no_maps = _add_graph(model, path, loaded.preprocessing.input_size)
    return dataclasses.replace(loaded, no_maps=no_maps)


def _session(path: Path) -> Any:
    try:
        onnxruntime = import_extra("onnxruntime")
    except MissingPackageError as error:
        raise ModelError(f"{path}: {error}") from None
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = _QUIET
    settings.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path}: onnxruntime cannot load it: {error_line(error)}") from error


def _input_shape(session: Any, reference: str) -> tuple[int | None, tuple[int, int] | None]:
    """Return the batch size and (H, W) in pixels; each is None if the model accepts any."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = inputs[0].shape if len(inputs) == 1 and len(outputs) == 1 else []
    if (
        len(shape) != 4
        or (isinstance(shape[1], int) and shape[1] != 3)
        or inputs[0].type != "tensor(float)"
    ):
        takes = ", ".join(f"{tensor.type} {tensor.shape}" for tensor in inputs)
        raise ModelError(
            f"{reference}: from {takes or 'no input'} to {len(outputs)} outputs; valid: from one "
            "tensor(float) [B, 3, H, W] to one [B, D]"
        )
    batch, _, height, width = (side if isinstance(side, int) else None for side in shape)
    return batch, (height, width) if height and width else None


def _add_graph(model: OnnxModel, path: Path, size: tuple[int, int]) -> str | None:
    """Give the model its graph in PyTorch; return the reason if that is not possible, else None."""
    noise = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    try:
        graph = _in_pytorch(path)
        expected = model(noise)
        model.graph = graph
        rebuilt = model(noise.requires_grad_())
        torch.autograd.grad(rebuilt.sum(), noise)
        difference = float((rebuilt.detach() - expected).norm() / expected.norm())
    except ImportError:
        return str(MissingPackageError("onnx2torch"))
    except Exception as error:
        model.graph = None
        return (
            f"onnx2torch cannot rebuild {path.name} in PyTorch ({error_line(error)}); exported at "
            f"opset {OPSET} more networks can be, and as TorchScript all"
        )
    if not difference <= _AGREEMENT:
        model.graph = None
        return f"{path.name} rebuilt in PyTorch gives other embeddings (by {difference:.1%})"
    return None


def _in_pytorch(path: Path) -> nn.Module:
    ensure_torchvision_imports()
    import onnx
    from onnx.version_converter import convert_version
    from onnx2torch import convert

    model = onnx.load(path)
    _simplify(model.graph)
    if any(not opset.domain and opset.version > OPSET for opset in model.opset_import):
        model = convert_version(model, OPSET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph: nn.Module = convert(model).eval()
    return graph.requires_grad_(False)


def _simplify(graph: Any) -> None:
    """Rewrite some nodes in the form that onnx2torch expects.

    onnx2torch looks for weights and for the bounds of Clip (used to normalize an embedding) only
    among the tensors of the file, but exporters write Constant nodes, and PyTorch's older exporter
    shares tensors through Identity nodes. It also refuses a Reshape with `allowzero`, which
    PyTorch's newer exporter writes and which makes a difference only for sizes of 0.
    """
    for node in list(graph.node):
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        if node.op_type == "Constant" and value is not None:
            tensor = graph.initializer.add()
            tensor.CopyFrom(value)
            tensor.name = node.output[0]
            graph.node.remove(node)
    tensors = {tensor.name: tensor.name for tensor in graph.initializer}
    outputs = {output.name for output in graph.output}
    for node in list(graph.node):
        node.input[:] = [tensors.get(name, name) for name in node.input]
        if (
            node.op_type == "Identity"
            and node.input[0] in tensors
            and node.output[0] not in outputs
        ):
            tensors[node.output[0]] = node.input[0]
            graph.node.remove(node)
        while node.op_type == "Clip" and node.input and not node.input[-1]:
            # An absent bound may be written as an empty name at the end, which onnx2torch rejects.
            node.input.pop()
        for attribute in list(node.attribute):
            if node.op_type == "Reshape" and attribute.name == "allowzero":
                node.attribute.remove(attribute)
