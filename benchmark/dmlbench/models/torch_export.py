"""`model.pt2`: a torch.export program; its preprocessing is inside (`dmlprism.json`) or beside it.

PyTorch reads such a file with pickle and evaluates text in it, so loading one can run any code.
It is refused unless the user trusts the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dmlbench.models.contract import LoadedModel
from dmlbench.models.fixed_batch import in_batches
from dmlbench.models.metadata import FILE_NAME, describe_model
from dmlbench.models.options import ModelOptions
from dmlbench.user_code import error_line
from dmldata.common.errors import ModelError


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the model in a `.pt2` file.

    Raises:
        ModelError: no such file, not trusted, not a torch.export program, more than one input,
            exported in training mode, or metadata that is not valid.
    """
    path = Path(reference)
    if not path.is_file():
        raise ModelError(f"{reference}: no such file")
    if not options.trust_pickle:
        raise ModelError(
            f"{reference}: loading a torch.export program can run code in it: add --trust-pickle "
            "if you trust its source, or save it as TorchScript"
        )
    extra = {FILE_NAME: ""}
    try:
        program = torch.export.load(path, extra_files=extra)
    except Exception as error:
        raise ModelError(
            f"{reference}: torch.export cannot load it: {error_line(error)}"
        ) from error
    if any(map(_is_training, program.graph.nodes)):
        raise ModelError(f"{reference}: exported in training mode; valid: model.eval() before it")
    batch, size = _input_shape(program, reference)
    model = _ExportedModel(program.module(), batch)
    return describe_model(model, reference, extra[FILE_NAME], options, size)


class _ExportedModel(nn.Module):
    def __init__(self, program: nn.Module, batch: int | None) -> None:
        super().__init__()
        self.program = program
        self.batch = batch

    def forward(self, images: Tensor) -> Tensor:
        # The program's `view` operations were recorded on contiguous tensors.
        return in_batches(self.program, images.contiguous(), self.batch)

    def train(self, mode: bool = True) -> _ExportedModel:
        # A program has no modes, and PyTorch's module of a program raises if its mode is set.
        return self


def _is_training(node: Any) -> bool:
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return False
    arguments = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False))
    arguments |= node.kwargs
    return arguments.get("train") is True or arguments.get("training") is True


def _input_shape(program: Any, reference: str) -> tuple[int | None, tuple[int, int] | None]:
    """Return the batch size and (H, W) in pixels; each is None if the model accepts any."""
    names = program.graph_signature.user_inputs
    shapes = [
        node.meta["val"].shape
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in names
    ]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        inputs = ", ".join(str(list(shape)) for shape in shapes)
        raise ModelError(f"{reference}: takes {inputs or 'no input'}; valid: images [B, 3, H, W]")
    batch, _, height, width = (side if isinstance(side, int) else None for side in shapes[0])
    return batch, (height, width) if height and width else None
