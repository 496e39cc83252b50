"""Find weights files, read them without running code, and match them to a model's tensors."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from dmlbench.models.checkpoint import read_checkpoint
from dmldata.common.errors import ModelError
from dmldata.common.extras import MissingPackageError

State = Mapping[str, Tensor]

_SUFFIXES = (".pth", ".pt", ".bin", ".safetensors")


def find_weights(location: str) -> Path:
    """Return the file that `weights=` names: a path, or `package:NAME` for a file in a package.

    Raises:
        ModelError: no such file or package, or not exactly one weights file in the package.
    """
    kind, _, package = location.partition(":")
    if kind != "package":
        path = Path(location).expanduser()
        if not path.is_file():
            raise ModelError(f"weights '{location}': no such file")
        return path
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or spec.origin is None:
        raise ModelError(f"weights '{location}': {MissingPackageError(package)}")
    folder = Path(spec.origin).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES)
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "none"
        raise ModelError(
            f"weights '{location}': expected one weights file in the package, found {names}"
        )
    return files[0]


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors under their names in the file; see `checkpoint.read_checkpoint`.

    Raises:
        ModelError: the file cannot be read, or does not hold tensors.
    """
    return read_checkpoint(path, strip=False).state


def match_weights(expected: State, state: State) -> dict[str, Tensor] | None:
    """Return the tensors of `state` under the names of `expected`, or None if they do not fit.

    Tensors are matched by name if both sets of names are equal, else by order if their number and
    shapes agree one by one, and none of them is a weight for one and a bias for the other: the same
    architecture under another implementation's names.
    """
    if expected.keys() == state.keys():
        matched = {name: state[name] for name in expected}
    elif len(expected) == len(state) and all(map(_same_kind, expected, state)):
        matched = dict(zip(expected, state.values(), strict=True))
    else:
        return None
    return matched if fits(expected, matched) else None


_KINDS = {
    **dict.fromkeys(("weight", "kernel", "gamma", "scale"), "weight"),
    **dict.fromkeys(("bias", "beta", "offset"), "bias"),
    **dict.fromkeys(("running_mean", "moving_mean"), "mean"),
    **dict.fromkeys(("running_var", "moving_variance", "moving_var"), "variance"),
}


def _same_kind(name: str, other: str) -> bool:
    """Return whether two names of tensors may stand for the same, by their last part."""
    first, second = (_KINDS.get(text.rpartition(".")[2]) for text in (name, other))
    return first is None or second is None or first == second


def fits(expected: State, state: State) -> bool:
    """Return whether names and shapes are the same."""
    return expected.keys() == state.keys() and all(
        state[name].shape == tensor.shape for name, tensor in expected.items()
    )


def difference(expected: State, state: State) -> str:
    """Describe in one line why two sets of tensors do not fit."""
    missing = [name for name in expected if name not in state]
    surplus = [name for name in state if name not in expected]
    if missing or surplus:
        parts = [
            f"{len(names)} {word} ({listed(names)})"
            for names, word in ((missing, "missing"), (surplus, "not in the model"))
            if names
        ]
        return f"{len(state)} tensors for {len(expected)}: {', '.join(parts)}"
    name = next(name for name in expected if expected[name].shape != state[name].shape)
    return f"'{name}' is {list(state[name].shape)}, expected {list(expected[name].shape)}"


def listed(names: list[str]) -> str:
    """Return the first three names as text.

    >>> listed(["a", "b", "c", "d"])
    "'a', 'b', 'c', ..."
    """
    return ", ".join([*(f"'{name}'" for name in names[:3]), *(["..."] if names[3:] else [])])


def hash_tensors(state: State) -> str:
    """Return the SHA-256 hash over the names, types, shapes and bytes of the tensors."""
    digest = hashlib.sha256()
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().tobytes())
    return digest.hexdigest()
