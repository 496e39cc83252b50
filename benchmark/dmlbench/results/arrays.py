"""Write named arrays to a .npz file atomically."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmldata.common.files import write_atomic


def write_arrays(
    path: Path, arrays: Mapping[str, NDArray[np.generic]], *, compressed: bool = False
) -> None:
    """Write arrays by name to a .npz file, atomically.

    Raises:
        OSError: the file cannot be written; the error names it.
    """
    # In memory first: an archive that a full disk cuts short raises again when it is freed.
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    write_atomic(path, buffer.getvalue())
