"""MATLAB files, without trust in them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dmldata.errors import DatasetError

MOST_BYTES = 256 * 1024**2
"""Of a file, and of what it unpacks to."""

_HEADER, _COMPRESSED = 128, 15


def read_mat(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Variables of a MATLAB 5 file: arrays, and structs as dictionaries. No code in it is run.

    Raises:
        DatasetError: it cannot be read, is damaged, unpacks to more than MOST_BYTES, or lacks a
            variable.
    """
    import scipy.io

    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from None
    if data is None or _unpacked(data) > MOST_BYTES:
        raise DatasetError(f"{path}: holds more than {MOST_BYTES} bytes")
    try:
        found: dict[str, Any] = scipy.io.loadmat(
            path, variable_names=list(names), simplify_cells=True
        )
    except Exception as error:  # SciPy raises many kinds for damaged files
        raise DatasetError(f"{path}: not a MATLAB 5 file, or damaged: {error}") from None
    for name in names:
        if name not in found:
            raise DatasetError(f"{path}: holds no variable '{name}'")
    return found


def _unpacked(data: bytes) -> int:
    """Length of all elements once unpacked, or more than MOST_BYTES where it is that.

    Source: MAT-File Format, level 5: a header of 128 bytes, then elements with a tag of two 32-bit
    integers, type and length, in the byte order that the header's last two bytes show.
    """
    order = ">" if data[_HEADER - 2 : _HEADER] == b"MI" else "<"
    start, total = _HEADER, 0
    while start + 8 <= len(data) and total <= MOST_BYTES:
        kind, length = struct.unpack_from(f"{order}II", data, start)
        total += length
        if kind == _COMPRESSED:
            total += _inflated(data[start + 8 : start + 8 + length])
        start += 8 + length
    return total


def _inflated(data: bytes) -> int:
    unpacker, total = zlib.decompressobj(), 0
    try:
        while data and total <= MOST_BYTES:
            total += len(unpacker.decompress(data, 1 << 20))
            data = unpacker.unconsumed_tail
    except zlib.error:  # for SciPy to say
        pass
    return total
