"""Check FBX files; sizes are checked before anything is expanded."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from dmldata.common.errors import InputError
from dmlgen.modelfiles.kinds import MAX_BYTES

_HEADER = 27
_WIDTH = {"f": 4, "d": 8, "i": 4, "l": 8, "b": 1, "c": 1}
_SCALAR = {"Y": 2, "C": 1, "B": 1, "Z": 1, "I": 4, "F": 4, "D": 8, "L": 8}
_MAX_DEPTH = 100


def check_fbx(file: Path) -> None:
    """Check that a binary FBX file is complete, expands to at most MAX_BYTES, and is finite.

    Raises:
        InputError: the file is truncated, damaged or too large, or a vertex is not finite.
    """
    _Fbx(file).check()


class _Fbx:
    """Walks through all nodes once; `expanded` counts the bytes of arrays."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.data = file.read_bytes()
        self.expanded = 0

    def check(self) -> None:
        try:
            version = struct.unpack_from("<I", self.data, 23)[0]
            self.format, self.width = ("<QQQB", 25) if version >= 7500 else ("<IIIB", 13)
            at: int | None = _HEADER
            while at is not None and at < len(self.data):
                at = self._node(at, len(self.data), 0)
        except (struct.error, IndexError, KeyError, zlib.error):
            raise InputError(
                f"{self.file}: cut short or damaged; copy or export it again"
            ) from None

    def _node(self, at: int, limit: int, depth: int) -> int | None:
        """Return the end of a node, or None for the empty node that closes a list."""
        end, count, _, named = struct.unpack_from(self.format, self.data, at)
        if end == 0:
            return None
        if not at < end <= limit or depth > _MAX_DEPTH:
            raise IndexError
        at += self.width
        name = self.data[at : at + named]
        at += named
        for _ in range(count):
            at = self._property(at, name)
        child: int | None = at
        while child is not None and child < end:
            child = self._node(child, end, depth + 1)
        return int(end)

    def _property(self, at: int, name: bytes) -> int:
        kind = chr(self.data[at])
        at += 1
        if kind in _SCALAR:
            return at + _SCALAR[kind]
        if kind in "SR":
            at += 4 + struct.unpack_from("<I", self.data, at)[0]
            if at > len(self.data):
                raise IndexError
            return at
        length, packed, stored = struct.unpack_from("<III", self.data, at)
        size = length * _WIDTH[kind]
        self.expanded += size
        if self.expanded > MAX_BYTES:
            raise InputError(
                f"{self.file}: its arrays expand to more than {MAX_BYTES:,} bytes, the limit"
            )
        raw = (
            self.data[at + 12 : at + 12 + stored] if packed else self.data[at + 12 : at + 12 + size]
        )
        if packed:
            expander = zlib.decompressobj()
            raw = expander.decompress(raw, size + 1)
        if len(raw) != size:
            raise IndexError
        if name == b"Vertices" and kind == "d":
            points = np.frombuffer(raw, "<f8")[: length // 3 * 3].reshape(-1, 3)
            broken = int((~np.isfinite(points)).any(axis=1).sum())
            if broken:
                raise InputError(
                    f"{self.file}: {broken:,} of {len(points):,} vertices of a mesh have no finite "
                    f"place (NaN or infinite); repair it in the program it comes from"
                )
        return at + 12 + int(stored if packed else size)
