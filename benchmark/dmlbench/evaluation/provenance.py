"""Provenance of a result: versions, hardware, weights and time."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import nn

from dmlbench.models.contract import LoadedModel
from dmlbench.models.weights import hash_tensors

_PACKAGES = ("dml-prism", "torch", "timm", "numpy", "scipy", "scikit-learn", "pillow")


def versions() -> dict[str, str]:
    """Return versions of Python and of the installed packages that numbers depend on."""
    version_of = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            version_of[package] = version(package)
        except PackageNotFoundError:
            continue
    return version_of


def hardware(place: torch.device) -> dict[str, str | int | None]:
    """Describe the machine, without its host name; `accelerator` is None on a CPU."""
    on_gpu = place.type == "cuda"
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": str(place),
        "accelerator": torch.cuda.get_device_name(place) if on_gpu else None,
    }


def weights_sha256(loaded: LoadedModel) -> str | None:
    """Return the SHA-256 of the model's tensors; None if it is not a module or has none."""
    state = loaded.model.state_dict() if isinstance(loaded.model, nn.Module) else {}
    return hash_tensors(state) if state else None


def now() -> str:
    """Return the current UTC time, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
