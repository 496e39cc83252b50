"""Weights files: found, read without running anything, and matched to a model's tensors."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from dmldata.errors import ModelError
from dmldata.extras import MissingPackageError

State = Mapping[str, Tensor]

_SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")
_WRAPPERS = ("state_dict", "model")


def find_weights(location: str) -> Path:
    """The file behind `weights=`: a path, or `package:NAME` for the one inside a Python package.

    Raises:
        ModelError: no such file or package, or not exactly one weights file in the package.
    """
    kind, _, package = location.partition(":")
    if kind != "package":
        path = Path(location)
        if not path.is_file():
            raise ModelError(f"weights '{location}': no such file")
        return path
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or spec.origin is None:
        raise ModelError(f"weights '{location}': {MissingPackageError(package)}")
    folder = Path(spec.origin).parent
    found = sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise ModelError(
            f"weights '{location}': expected one weights file in the package, found {names}"
        )
    return found[0]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, in the file's order, on the CPU; pickled objects of other kinds are refused.

    Raises:
        ModelError: the file cannot be read so.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Whatever a damaged or hostile file makes the readers raise: none of them runs its code.
        raise ModelError(
            f"weights '{path}': not a file of tensors ({type(error).__name__}); "
            "valid: a state dict (.pth) or .safetensors"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content:
        raise ModelError(f"weights '{path}': holds {type(content).__name__}, expected a state dict")
    strangers = [name for name, value in content.items() if not isinstance(value, Tensor)]
    if strangers:
        raise ModelError(f"weights '{path}': '{strangers[0]}' is not a tensor")
    return content


def match_weights(expected: State, found: State) -> dict[str, Tensor] | None:
    """`found` under the names of `expected`, or None where they do not fit.

    Strictly by name where the names are the same set, else by order where number and shapes of the
    tensors agree one by one: the same architecture under another implementation's names.
    """
    if expected.keys() == found.keys():
        matched = {name: found[name] for name in expected}
    elif len(expected) == len(found):
        matched = dict(zip(expected, found.values(), strict=True))
    else:
        return None
    return matched if fits(expected, matched) else None


def fits(expected: State, found: State) -> bool:
    """Whether names and shapes are the same."""
    return expected.keys() == found.keys() and all(
        found[name].shape == tensor.shape for name, tensor in expected.items()
    )


def difference(expected: State, found: State) -> str:
    """One line on why two sets of tensors do not fit."""
    missing = [name for name in expected if name not in found]
    surplus = [name for name in found if name not in expected]
    if missing or surplus:
        parts = [
            f"{len(names)} {word} ('{names[0]}', ...)"
            for names, word in ((missing, "missing"), (surplus, "not in the model"))
            if names
        ]
        return f"{len(found)} tensors for {len(expected)}: {', '.join(parts)}"
    name = next(name for name in expected if expected[name].shape != found[name].shape)
    return f"'{name}' is {list(found[name].shape)}, expected {list(expected[name].shape)}"


def hash_tensors(state: State) -> str:
    """SHA-256 over names, types, shapes and bytes."""
    digest = hashlib.sha256()
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().tobytes())
    return digest.hexdigest()
