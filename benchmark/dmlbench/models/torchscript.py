"""`model.pt`: a TorchScript archive, with its preprocessing inside (`dmlprism.json`) or beside it.

A TorchScript archive holds tensors and code in TorchScript's own language; neither loading nor
running it executes Python. It is still a program: it has operators that read and write files, and
it may run forever (see docs/models.md). A pickle with the same suffix can run any code, so it is
refused unless the user trusts the file.
"""

from __future__ import annotations

import collections
import io
import pickletools
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

from dmlbench.models.checkpoint import read_checkpoint
from dmlbench.models.contract import FOR_WEIGHTS, LoadedModel
from dmlbench.models.execution import evaluated
from dmlbench.models.metadata import FILE_NAME, Metadata, describe_model
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.user_code import error_line, working_directory_importable
from dmldata.common.errors import ModelError
from dmldata.common.files import write_atomic
from dmldata.common.foreign import archive_names, reading


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the model in a `.pt` file, in eval mode.

    Raises:
        ModelError: no such file, a pickle that is not trusted, neither TorchScript nor a pickle, or
            metadata that is not valid.
    """
    path = Path(reference)
    if not path.is_file():
        raise ModelError(f"{reference}: no such file")
    if _is_torchscript(path):
        model, embedded = _load_archive(path)
    else:
        model, embedded = _load_pickle(path, options.trust_pickle), b""
    return describe_model(model.eval(), reference, embedded, options)


def save_torchscript(
    model: nn.Module,
    preprocessing: Preprocessing,
    path: str | Path,
    *,
    loss: str | None = None,
    distance: str | None = None,
) -> Path:
    """Write a model and its metadata into one `.pt` file that `load_model` reads.

    Args:
        model: images [B, 3, H, W] -> embeddings [B, D]; scripted if TorchScript can, else traced
            on a batch of two zero images (control flow that depends on values is then fixed).
        path: the file to write; it is written atomically.
        loss, distance: keys of the protocol's section 6.

    ```python
    save_torchscript(network, Preprocessing(input_size=128), "model.pt", loss="contrastive")
    ```
    """
    options = ModelOptions(loss=loss, distance=distance)
    metadata = Metadata(preprocessing, *options.explained_by(None, ""))
    return write_torchscript(model, metadata, Path(path))


def write_torchscript(model: nn.Module, metadata: Metadata, path: Path) -> Path:
    """Write a model with the given metadata as a TorchScript file; see `save_torchscript`."""
    # PyTorch ends the process if it writes to a full disk, so it writes to memory first.
    buffer = io.BytesIO()
    with evaluated(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = _script_or_trace(model, metadata.preprocessing)
        torch.jit.save(script, buffer, _extra_files={FILE_NAME: metadata.to_json()})
    write_atomic(path, buffer.getvalue())
    return path


def _script_or_trace(model: nn.Module, preprocessing: Preprocessing) -> torch.jit.ScriptModule:
    if isinstance(model, torch.jit.ScriptModule):
        return model
    try:
        return torch.jit.script(model)
    except Exception:
        return torch.jit.trace(model, torch.zeros(2, 3, *preprocessing.input_size))


def _is_torchscript(path: Path) -> bool:
    names = archive_names(path, ModelError)
    return any("/code/" in name for name in names) and any(
        name.endswith("/constants.pkl") for name in names
    )


def _load_archive(path: Path) -> tuple[nn.Module, bytes]:
    extra = {FILE_NAME: b""}
    _check_structure(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            model = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    except Exception as error:
        raise ModelError(f"{path}: TorchScript cannot load it: {error_line(error)}") from error
    return model, extra[FILE_NAME]


def _check_structure(path: Path) -> None:
    """Refuse an archive whose lists of tensors are truncated or damaged.

    PyTorch's own reader trusts the lengths in these lists and may allocate gigabytes. Nothing is
    unpickled here: the pickle instructions are only parsed.
    """
    what = "a whole TorchScript archive"
    with reading(str(path), what, ModelError), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".pkl"):
                collections.deque(pickletools.genops(archive.read(name)), maxlen=0)


def _refuse_state_dict(path: Path) -> None:
    try:
        state = read_checkpoint(path).state
    except ModelError:
        return
    names = ", ".join(f"'{name}'" for name in list(state)[:2])
    raise ModelError(
        f"{path}: holds the weights of a network ({len(state)} tensors: {names}, ...), not the "
        f"network itself; valid: timm:NAME?weights={path}, torchvision:NAME?weights={path}, or a "
        "function of yours, python:module:function"
    )


def _load_pickle(path: Path, trusted: bool) -> nn.Module:
    if not trusted:
        _refuse_state_dict(path)
        raise ModelError(
            f"{path}: not a TorchScript archive; if it is a pickled model, loading it runs the "
            "code in it: add --trust-pickle if you trust its source, or save it as TorchScript; "
            f"{FOR_WEIGHTS}"
        )
    try:
        with working_directory_importable():
            model = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise ModelError(f"{path}: cannot be unpickled: {error_line(error)}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{path}: holds {type(model).__name__}, expected a model; {FOR_WEIGHTS}")
    return model
