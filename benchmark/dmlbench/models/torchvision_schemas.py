"""Make a torchvision built for CUDA importable with a torch built for the CPU.

torchvision registers Python kernels for two of its C++ operators when it is imported. Its C++
library cannot be loaded if the CUDA runtime is missing. The operators are then unknown to torch,
and the import fails with `operator torchvision::nms does not exist` (and so does the import of
timm, which imports torchvision). Declaring the two operators is enough, as they are never called.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path

import torch

_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")


@cache
def ensure_torchvision_imports() -> bool:
    """Declare torchvision's operators if its library cannot be loaded; call before importing it.

    This does nothing if torchvision is missing, already imported, or loads by itself.

    Returns:
        Whether the operators had to be declared.
    """
    if "torchvision" in sys.modules:
        return False
    library = _compiled_library()
    if library is None or _loads(library):
        return False
    _declare_operators()
    return True


def _compiled_library() -> Path | None:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob("_C*.*"))), None)


def _loads(library: Path) -> bool:
    try:
        torch.ops.load_library(library)
    except (OSError, ImportError):
        return False
    return True


@cache
def _declare_operators() -> torch.library.Library:
    # Operators live as long as the library object, hence the cache.
    fragment = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            fragment.define(name + _ARGUMENTS)
    return fragment
