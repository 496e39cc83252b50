"""Describe a training in the file of its model, and read this description."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dmlbench.evaluation.provenance import hardware, versions
from dmlbench.models.execution import pick_device
from dmlbench.models.metadata import find_metadata
from dmlbench.models.safetensors_file import embedded_metadata
from dmldata.common.errors import ModelError

PACKAGES = ("lightning", "pytorch-metric-learning", "torchvision", "safetensors")
MAX_NAMES = 1000
"""Maximum number of class names that are saved; of more classes only the hash is saved."""


def describe_classes(names: Sequence[str]) -> dict[str, Any]:
    """Describe classes for a file: their number, the hash of their names, and the names."""
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    saved_names = list(names) if len(names) <= MAX_NAMES else None
    return {"count": len(names), "sha256": digest, "names": saved_names}


def describe_machine() -> dict[str, Any]:
    """Describe the versions and the hardware that a model was trained with."""
    package_versions = versions() | {package: version(package) for package in PACKAGES}
    return {"versions": package_versions, "hardware": hardware(pick_device())}


def read_training(path: str | Path) -> dict[str, Any]:
    """Read the description of the training from a file of `dmlbench train`.

    Raises:
        ModelError: there is no such file, or it does not describe a training.

    ```python
    read_training("models/arcface-fold0.safetensors")["settings"]["loss"]
    ```
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    metadata = find_metadata(path, embedded_metadata(path))
    if metadata is None or metadata.training is None:
        raise ModelError(
            f"{path}: does not describe a training; valid: a file written by dmlbench train"
        )
    return metadata.training
