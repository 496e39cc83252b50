"""Checkpoints: read the state dict that a training run saved, without running the file's code."""

from __future__ import annotations

import argparse
import contextlib
import pickle
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dmldata.common.errors import ModelError
from dmldata.common.foreign import archive_names, check_expansion

PREFIXES = ("_orig_mod.", "module.", "model.", "net.", "network.", "backbone.", "encoder.")
"""Prefixes that wrappers and training loops put before the names of a network's tensors."""

_KEYS = ("state_dict", "model", "model_state_dict", "net", "network", "weights")
_AVERAGED = ("state_dict_ema", "model_ema", "ema")
_LFS = b"version https://git-lfs"
_GLOBAL = re.compile(r"GLOBAL (\S+)|[Uu]nsupported (?:global|class) (\S+)")


class Checkpoint(NamedTuple):
    """A network's tensors.

    Attributes:
        state: by name, without the prefixes of wrappers; in the file's order, on the CPU.
        note: what was chosen where a file holds several; None where there was no choice.
    """

    state: dict[str, Tensor]
    note: str | None = None


def read_checkpoint(path: Path, key: str | None = None, *, strip: bool = True) -> Checkpoint:
    """Read a state dict from a `.safetensors` file, or one that `torch.save` wrote.

    It may lie under `state_dict`, `model` or another common key (as Lightning and timm write it),
    beside numbers, NumPy scalars and an `argparse.Namespace`, and its names may begin with the
    prefix of a wrapper.

    Args:
        key: entry of the file that holds the state dict; None to look under the common keys.
        strip: whether to remove the prefixes of wrappers from the names.

    Raises:
        ModelError: the file does not hold tensors; the message says what it is instead and how to
            make a valid one.
    """
    content = _read(path)
    name, state = _chosen(content, key, path)
    strangers = [entry for entry, value in state.items() if not isinstance(value, Tensor)]
    if strangers:
        kind = type(state[strangers[0]]).__name__
        raise ModelError(f"weights '{path}': '{strangers[0]}' is not a tensor but {kind}")
    # A tensor may be a view that repeats few bytes.
    expanded = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    check_expansion(f"weights '{path}'", expanded, path.stat().st_size, ModelError)
    averaged = [entry for entry in _AVERAGED if isinstance(content.get(entry), dict)]
    note = None
    if name and averaged and name not in averaged:
        note = f"{path.name}: '{name}' is taken; ?key={averaged[0]} takes the averaged weights"
    return Checkpoint(without_prefixes(state) if strip else state, note)


def without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors without the prefixes of wrappers that all their names share.

    >>> list(without_prefixes({"module.model.a": torch.zeros(1), "module.model.b": torch.zeros(1)}))
    ['a', 'b']
    """
    for prefix in PREFIXES:
        if state and all(name.startswith(prefix) for name in state):
            return without_prefixes({name[len(prefix) :]: value for name, value in state.items()})
    return state


def network_part(
    state: dict[str, Tensor], names: Collection[str]
) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors of a network that lie under a prefix beside others, such as a loss's.

    Args:
        state: by name, without prefixes that all of them share.
        names: those of the network's tensors.

    Returns:
        The tensors under the first prefix with all of these names, and the names of the others;
        `state` and none if there is no such prefix.

    >>> state = {"model.a": torch.zeros(1), "criterion.W": torch.zeros(1)}
    >>> part, others = network_part(state, ["a"])
    >>> list(part), others
    (['a'], ['criterion.W'])
    """
    for prefix in PREFIXES:
        under = {n[len(prefix) :]: x for n, x in state.items() if n.startswith(prefix)}
        part = without_prefixes(under)
        if set(names) <= part.keys():
            return part, [name for name in state if not name.startswith(prefix)]
    return state, []


def what_it_is_instead(path: Path) -> str | None:
    """Return what a file is instead of a model (empty, a Git-LFS pointer, a web page), or None."""
    with path.open("rb") as file:
        start = file.read(200)
    if not start:
        return "is empty"
    if start.startswith(_LFS):
        return "is a Git-LFS pointer, not the file itself; fetch it with: git lfs pull"
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "is a web page, not the file itself; download it again"
    return None


def _read(path: Path) -> dict[str, Any]:
    problem = what_it_is_instead(path)
    if problem is not None:
        raise ModelError(f"weights '{path}': {problem}")
    try:
        if is_safetensors(path):
            from safetensors.torch import load_file

            return dict(load_file(path))
        archive_names(path, ModelError)
        with _harmless_types():
            content = torch.load(path, map_location="cpu", weights_only=True)
    except ModelError:
        raise
    except Exception as error:
        # A damaged or hostile file can make the readers raise anything; none of them runs its code.
        raise ModelError(f"weights '{path}': {_refusal(error, path)}") from error
    if not isinstance(content, dict) or not content:
        raise ModelError(f"weights '{path}': holds {type(content).__name__}, expected a state dict")
    if not all(isinstance(name, str) for name in content):
        raise ModelError(f"weights '{path}': holds names that are not text, expected a state dict")
    return content


def is_safetensors(path: Path) -> bool:
    """Return whether a file begins like a `.safetensors` file."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:9] == b"{"


@contextlib.contextmanager
def _harmless_types() -> Iterator[None]:
    """Let `weights_only` read the harmless types that training loops store beside tensors."""
    allowed: list[Any] = [argparse.Namespace, np.dtype, np.float64(0).__reduce__()[0]]
    allowed += [type(np.dtype(kind)) for kind in "?bhilqBHILQefd"]
    with torch.serialization.safe_globals(allowed):
        yield


def _refusal(error: Exception, path: Path) -> str:
    is_refusal = isinstance(error, pickle.UnpicklingError)
    refused_type = _GLOBAL.search(str(error)) if is_refusal else None
    if refused_type is None:
        return (
            f"not a file of tensors ({type(error).__name__}); valid: a state dict (.pth, .ckpt) or "
            ".safetensors"
        )
    return (
        "not a file of tensors alone: it holds a "
        f"{(refused_type[1] or refused_type[2]).rstrip('.,')}, and "
        "loading that can run code; if you trust it, strip it in Python: "
        f"checkpoint = torch.load({path.name!r}, weights_only=False); "
        "torch.save(checkpoint['state_dict'], 'weights.pth')"
    )


def _chosen(content: dict[str, Any], key: str | None, path: Path) -> tuple[str, dict[str, Any]]:
    if key is not None:
        if not isinstance(content.get(key), dict):
            inside = [name for name, value in content.items() if isinstance(value, dict)]
            valid = ", ".join(inside) or "a file with a state dict under it"
            raise ModelError(f"weights '{path}': no state dict under key={key}; valid: {valid}")
        return key, content[key]
    for name in (*_KEYS, *_AVERAGED):
        if isinstance(content.get(name), dict):
            inner, state = _chosen(content[name], None, path)
            return inner or name, state
    return "", content
