"""Arrays by name, as a .npz file that appears when it is whole."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmldata.common.files import write_atomic


def write_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], *, compressed: bool = False
) -> None:
    """Write a .npz file.

    Raises:
        OSError: with the file's name.
    """
    # In memory first: an archive that a full disk cuts short complains once more when it is freed.
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    write_atomic(path, buffer.getvalue())
