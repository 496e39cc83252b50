"""Read untrusted MATLAB files of lists and structs.

Source of the format: MathWorks, "MAT-File Format", level 5 (also written by MATLAB 7): a header of
128 bytes, then elements that consist of a type and a length (32 bits each) and the bytes. SciPy
reads many more kinds of content, but its reader trusts types and lengths: one wrong byte can end
the process. Here they are checked, and no memory is allocated for bytes that are not in the file.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from dmldata.common.errors import DatasetError

MAX_BYTES = 64 * 1024**2
"""Maximum size of a file, and of each of its variables after decompression."""

MatValue: TypeAlias = "str | int | float | list[MatValue] | dict[str, MatValue]"

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_NUMBERS |= {13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_CELL, _STRUCT, _CHAR, _NUMERIC = 1, 2, 4, range(6, 16)
_COMPLEX = 0x0800


class _Damaged(Exception):
    """The bytes do not follow the format."""


class _Element(NamedTuple):
    kind: int
    data: memoryview


def read_mat(path: Path, names: Sequence[str]) -> dict[str, MatValue]:
    """Read variables of a MATLAB 5 or 7 file.

    Cells and struct arrays become flat lists, structs dictionaries, text str, and numbers a number
    or a flat list of numbers.

    Raises:
        DatasetError: the file cannot be read, is damaged, holds more than MAX_BYTES, or lacks a
            variable.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise DatasetError(f"{path}: holds more than {MAX_BYTES} bytes")
    variables: dict[str, MatValue] = {}
    try:
        order = {b"IM": "<", b"MI": ">"}.get(data[_HEADER - 2 : _HEADER])
        if order is None:
            raise _Damaged("it has no MATLAB header")
        for element in _elements(memoryview(data)[_HEADER:], order):
            _read_variable(_unpacked(element, order), order, names, variables)
    except (_Damaged, RecursionError) as error:
        raise DatasetError(f"{path}: not a MATLAB 5 or 7 file, or damaged: {error}") from None
    for name in names:
        if name not in variables:
            raise DatasetError(f"{path}: holds no variable '{name}'")
    return variables


def _elements(data: memoryview, order: str) -> Iterator[_Element]:
    start = 0
    while start < len(data):
        if start + 8 > len(data):
            raise _Damaged("it ends inside an element")
        kind, length = struct.unpack_from(f"{order}II", data, start)
        first, padding = start + 8, 0 if kind == _COMPRESSED else -length % 8
        if kind >> 16:  # a small element: up to four bytes are stored in place of the length
            kind, length, first, padding = kind & 0xFFFF, kind >> 16, start + 4, 0
            start += 8
            if length > 4:
                raise _Damaged(f"{length} bytes in a small element, which holds at most 4")
        else:
            start = first + length + padding
        if first + length > len(data):
            raise _Damaged(f"an element of {length} bytes, more than the file has")
        yield _Element(kind, data[first : first + length])


def _unpacked(element: _Element, order: str) -> _Element:
    if element.kind != _COMPRESSED:
        return element
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(element.data, MAX_BYTES)
    except zlib.error as error:
        raise _Damaged(str(error)) from None
    if unpacker.unconsumed_tail:
        raise _Damaged(f"a variable expands to more than {MAX_BYTES} bytes")
    return next(_elements(memoryview(data), order), _Element(0, memoryview(b"")))


def _read_variable(
    element: _Element, order: str, names: Sequence[str], variables: dict[str, MatValue]
) -> None:
    if element.kind != _MATRIX:
        raise _Damaged(f"an element of type {element.kind} in place of a variable")
    parts = _elements(element.data, order)
    flags, count, name = _head(parts, order)
    if name in names:
        variables[name] = _content(flags, count, parts, order)


def _head(parts: Iterator[_Element], order: str) -> tuple[int, int, str]:
    """Return an array's flags (its class is the last byte), number of elements and name."""
    flags, sides, name = _numbers(parts, order), _numbers(parts, order), _text(parts, order)
    if not flags or not isinstance(flags[0], int) or min(sides, default=-1) < 0:
        raise _Damaged("an array without flags or size")
    return flags[0], math.prod(map(int, sides)), name


def _content(flags: int, count: int, parts: Iterator[_Element], order: str) -> MatValue:
    kind = flags & 0xFF
    if flags & _COMPLEX:
        raise _Damaged("complex numbers")
    if kind == _CHAR:
        return _text(parts, order)
    if kind in _NUMERIC:
        numbers = _numbers(parts, order)
        if len(numbers) != count:
            raise _Damaged(f"{len(numbers)} numbers in an array of {count}")
        return numbers[0] if count == 1 else [*numbers]
    if kind == _CELL:
        return _arrays(parts, count, order)
    if kind == _STRUCT:
        (width,) = _numbers(parts, order) or (0,)
        fields = _field_names(_next(parts).data, int(width))
        values = _arrays(parts, count * len(fields), order)
        rows = range(0, len(values), len(fields) or 1)
        return [dict(zip(fields, values[row : row + len(fields)], strict=True)) for row in rows]
    raise _Damaged(f"an array of class {kind}; valid: cells, structs, text and numbers")


def _arrays(parts: Iterator[_Element], count: int, order: str) -> list[MatValue]:
    arrays: list[MatValue] = []
    for element in parts:
        if element.kind != _MATRIX:
            raise _Damaged(f"an element of type {element.kind} in place of an array")
        inner = _elements(element.data, order)
        flags, size, _ = _head(inner, order) if len(element.data) else (_CELL, 0, "")
        arrays.append(_content(flags, size, inner, order))
    if len(arrays) != count:
        raise _Damaged(f"{len(arrays)} elements in an array of {count}")
    return arrays


def _field_names(data: memoryview, width: int) -> list[str]:
    if width < 1 or len(data) % width:
        raise _Damaged("a struct without field names")
    names = [bytes(data[start : start + width]) for start in range(0, len(data), width)]
    return [name.partition(b"\0")[0].decode("latin-1") for name in names]


def _numbers(parts: Iterator[_Element], order: str) -> list[int | float]:
    kind, data = _next(parts)
    if kind not in _NUMBERS:
        raise _Damaged(f"an element of type {kind} in place of numbers")
    dtype = np.dtype(order + _NUMBERS[kind])
    if len(data) % dtype.itemsize:
        raise _Damaged("an incomplete number")
    numbers: list[int | float] = np.frombuffer(data, dtype).tolist()
    return numbers


def _text(parts: Iterator[_Element], order: str) -> str:
    kind, data = _next(parts)
    if kind not in _TEXTS:
        raise _Damaged(f"an element of type {kind} in place of text")
    encoding = _TEXTS[kind]
    if encoding == "utf-16":
        encoding += "-le" if order == "<" else "-be"
    return bytes(data).decode(encoding, "replace")


def _next(parts: Iterator[_Element]) -> _Element:
    element = next(parts, None)
    if element is None:
        raise _Damaged("it ends inside an array")
    return element
