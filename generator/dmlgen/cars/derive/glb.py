"""Meshes of a GLB file as arrays that can be changed in place.

Source of the format: Khronos, "glTF 2.0 Specification", section 4.4 (GLB) and 3.6 (accessors). Only
what the project's own converter writes is read: float32 positions and normals, tightly packed.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<4sII")
_CHUNK = struct.Struct("<I4s")
_FLOAT = 5126

Vectors = NDArray[np.float32]


class Glb:
    """One file: its JSON and its binary part.

    Axes in the file are x to the front, y up and z to the right; here, as everywhere else in the
    project, x is the front, y the left and z up.
    """

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, _, length = _HEADER.unpack_from(data)
        if magic != b"glTF" or length != len(data):
            raise ValueError(f"{path}: not a whole GLB file")
        size, _ = _CHUNK.unpack_from(data, _HEADER.size)
        start = _HEADER.size + _CHUNK.size
        self.document: dict[str, Any] = json.loads(data[start : start + size])
        self._binary = bytearray(data[start + size + _CHUNK.size :])

    def nodes(self) -> list[dict[str, Any]]:
        """The objects; `name`, `mesh` and, for wheels, `translation`."""
        nodes: list[dict[str, Any]] = self.document["nodes"]
        return nodes

    def attributes(self, node: dict[str, Any], name: str) -> list[Vectors]:
        """`POSITION` or `NORMAL` of a node's primitives, each [V, 3] as in the file, not a copy."""
        primitives = self.document["meshes"][node["mesh"]]["primitives"]
        return [self._array(primitive["attributes"][name]) for primitive in primitives]

    def material_of(self, node: dict[str, Any]) -> list[str]:
        """Names of the materials of a node's primitives."""
        primitives = self.document["meshes"][node["mesh"]]["primitives"]
        return [self.document["materials"][one["material"]]["name"] for one in primitives]

    def to_bytes(self) -> bytes:
        """The file, with the bounds of what was changed."""
        for mesh in self.document["meshes"]:
            for primitive in mesh["primitives"]:
                index = primitive["attributes"]["POSITION"]
                points = self._array(index)
                accessor = self.document["accessors"][index]
                accessor["min"] = points.min(axis=0).tolist()
                accessor["max"] = points.max(axis=0).tolist()
        text = json.dumps(self.document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = _CHUNK.pack(len(text), b"JSON") + text
        chunks += _CHUNK.pack(len(self._binary), b"BIN\0") + bytes(self._binary)
        return _HEADER.pack(b"glTF", 2, _HEADER.size + len(chunks)) + chunks

    def _array(self, index: int) -> Vectors:
        accessor = self.document["accessors"][index]
        view = self.document["bufferViews"][accessor["bufferView"]]
        if accessor["componentType"] != _FLOAT or "byteStride" in view or "sparse" in accessor:
            raise ValueError(f"accessor {index}: not packed float32")
        offset = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        count = accessor["count"] * 3
        flat: Vectors = np.frombuffer(self._binary, np.float32, count, offset)
        return flat.reshape(-1, 3)


def to_car(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """Vectors [V, 3] of a file in the car's axes: front, left, up."""
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=1).astype(np.float64)


def to_file(vectors: NDArray[Any]) -> Vectors:
    """The way back."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1).astype(np.float32)
