"""The file of a trained model, and what it says of its training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dmlbench.evaluate.provenance import hardware, versions
from dmlbench.models.metadata import find_metadata
from dmlbench.models.safetensors_file import embedded_metadata
from dmldata.common.errors import ModelError

PACKAGES = ("lightning", "pytorch-metric-learning", "torchvision", "safetensors")
MAX_NAMES = 1000
"""So many names of classes are kept; of more, their hash."""


def describe_classes(names: Sequence[str]) -> dict[str, Any]:
    """Classes as a file keeps them: how many, the hash of their names, and the names."""
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    saved_names = list(names) if len(names) <= MAX_NAMES else None
    return {"count": len(names), "sha256": digest, "names": saved_names}


def describe_machine() -> dict[str, Any]:
    """With what a model was trained."""
    package_versions = versions() | {package: version(package) for package in PACKAGES}
    return {"versions": package_versions, "hardware": hardware("auto")}


def read_training(path: str | Path) -> dict[str, Any]:
    """What a file that `dmlbench train` wrote says of its training.

    Raises:
        ModelError: no such file, or one without a training.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    metadata = find_metadata(path, embedded_metadata(path))
    if metadata is None or metadata.training is None:
        raise ModelError(f"{path}: says nothing of a training; valid: a file of dmlbench train")
    return metadata.training
