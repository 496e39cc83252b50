"""Embeddings in a .npy file, read without trust in the file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dmldata.errors import InputError


def load_embeddings(path: str | Path) -> NDArray[Any]:
    """The array in a .npy file; one that holds pickled objects is refused, never executed.

    Raises:
        InputError: the file cannot be read, is not a .npy file, holds objects, or is shorter than
            its header says.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read_header = (
                npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            )
            shape, _, dtype = read_header(file)
            held = path.stat().st_size - file.tell()
        if dtype.hasobject:
            raise InputError(
                f"{path}: holds pickled objects (dtype {dtype}); valid: an array of numbers"
            )
        if math.prod(shape) * dtype.itemsize > held:
            raise InputError(
                f"{path}: its header says {list(shape)} of {dtype}, but {held} bytes follow; "
                "valid: a whole .npy file"
            )
        loaded: NDArray[Any] = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; valid: a .npy file") from None
    except (ValueError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: {reason}; valid: a whole .npy file") from None
    return loaded
