"""Check an ONNX graph before it is run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dmldata.common.errors import ModelError
from dmldata.common.extras import MissingPackageError, import_extra
from dmldata.common.foreign import reading

LOOPS = ("Loop", "Scan")
MAX_ELEMENTS = 1 << 28
"""Maximum number of elements of one tensor for one image: 1 GB of float32."""
_MAX_BYTES = (1 << 31) - 1
"""Maximum size of a file that the `onnx` package can parse as a whole."""


def check_graph(path: Path) -> None:
    """Refuse a graph that may run forever, or whose tensors would fill the memory.

    Only sizes that follow from the file are checked; sizes that depend on the image are unknown.

    Raises:
        ModelError: not a complete ONNX file, a loop in the graph, or a tensor of more than
            MAX_ELEMENTS; the message names the node.
    """
    try:
        onnx = import_extra("onnx")
    except MissingPackageError as error:
        raise ModelError(f"{path}: {error}") from None
    with reading(str(path), "a whole ONNX file", ModelError):
        if path.stat().st_size > _MAX_BYTES:
            return
        model = onnx.load(path, load_external_data=False)
        for node in _nodes(model.graph):
            if node.op_type in LOOPS:
                raise ModelError(
                    f"{path}: node '{node.name or node.output[0]}' is a {node.op_type}, which may "
                    "run forever; valid: a graph without loops, or the model as TorchScript"
                )
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        for value in inferred.graph.value_info:
            shape = [max(dim.dim_value, 1) for dim in value.type.tensor_type.shape.dim]
            if math.prod(shape) > MAX_ELEMENTS:
                raise ModelError(
                    f"{path}: tensor '{value.name}' is {shape}; valid: up to {MAX_ELEMENTS:,} "
                    "numbers"
                )


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph and of the graphs inside its nodes."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)
