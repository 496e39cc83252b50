"""Read a car's GLB file as meshes that can be changed.

Source of the format: Khronos, "glTF 2.0 Specification", section 4.4 (GLB) and 3.6 (accessors). Only
what the project's own converter writes is read: float32 vectors and integer indices, tightly
packed. trimesh cannot take its place: it makes a node of every material, so that wheels are no
longer objects, and encodes the images again.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmlgen.modelfiles.gltf_check import JsonObject

Values = NDArray[np.float64]

_HEADER = struct.Struct("<4sII")
_CHUNK = struct.Struct("<I4s")
_TYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_MATERIAL = "role:"


def role_in(material: str) -> str:
    """Return the role, a key of `dmlgen.catalog.roles.ROLES`, that a part's material names."""
    return material.split(".")[0]


@dataclass
class Part:
    """Triangles of one material.

    Attributes:
        material: a role; role and image as in `plastic.suv-map`; or role and what takes the place
            of the part, as in `lamp_clear.head_lamp`.
        points, normals: [V, 3] meters, x to the front, y to the left, z up.
        triangles: [T, 3] indices into `points`, counter-clockwise seen from outside.
        uv: [V, 2] in images; None where the material has none.
    """

    material: str
    points: Values
    normals: Values
    triangles: NDArray[np.int64]
    uv: Values | None = None

    @property
    def role(self) -> str:
        """Return the role of the material."""
        return role_in(self.material)


@dataclass
class Node:
    """An object of a car: its body, or a wheel about its own middle, which stands at `middle` [3]
    of the car, meters."""

    name: str
    middle: Values
    parts: list[Part] = field(default_factory=list)

    @property
    def is_wheel(self) -> bool:
        return self.name.startswith("wheel")

    @property
    def points(self) -> Values:
        """Return the points [V, 3] of all parts."""
        return np.concatenate([part.points for part in self.parts])

    def of_role(self, *roles: str) -> list[Part]:
        """Return the parts with one of these roles."""
        return [part for part in self.parts if part.role in roles]


class CarFile:
    """The content of a GLB file that the converter wrote.

    Attributes:
        name: name of the file without its extension: the name of the car.
        folder: folder of the file.
        nodes: body and wheels.
    """

    def __init__(self, path: Path) -> None:
        self.name, self.folder = path.stem, path.parent
        data = path.read_bytes()
        magic, _, length = _HEADER.unpack_from(data)
        if magic != b"glTF" or length != len(data):
            raise ValueError(f"{path}: not a whole GLB file")
        size, _ = _CHUNK.unpack_from(data, _HEADER.size)
        start = _HEADER.size + _CHUNK.size
        self._document: JsonObject = json.loads(data[start : start + size])
        self._binary = data[start + size + _CHUNK.size :]
        self._names = [material["name"] for material in self._document["materials"]]
        self.nodes = [self._node(node) for node in self._document["nodes"]]

    @property
    def body(self) -> Node:
        return next(node for node in self.nodes if node.name.startswith("body"))

    @property
    def wheels(self) -> list[Node]:
        return [node for node in self.nodes if node.is_wheel]

    def image_of(self, material: str) -> tuple[str, bytes] | None:
        """Return name and content of the image file that a part's material shows, or None."""
        for described in self._document["materials"]:
            texture = described.get("pbrMetallicRoughness", {}).get("baseColorTexture")
            if described["name"] == _MATERIAL + material and texture is not None:
                source = self._document["textures"][texture["index"]]["source"]
                image = self._document["images"][source]
                view = self._document["bufferViews"][image["bufferView"]]
                start = view.get("byteOffset", 0)
                return image["name"], bytes(self._binary[start : start + view["byteLength"]])
        return None

    def _node(self, node: JsonObject) -> Node:
        middle = _to_car(np.array([node.get("translation", (0.0, 0.0, 0.0))]))[0]
        primitives = self._document["meshes"][node["mesh"]]["primitives"]
        return Node(node["name"], middle, [self._part(primitive) for primitive in primitives])

    def _part(self, primitive: JsonObject) -> Part:
        attributes = primitive["attributes"]
        uv = attributes.get("TEXCOORD_0")
        return Part(
            self._names[primitive["material"]].removeprefix(_MATERIAL),
            _to_car(self._array(attributes["POSITION"], 3)),
            _to_car(self._array(attributes["NORMAL"], 3)),
            self._array(primitive["indices"], 3).astype(np.int64),
            None if uv is None else self._array(uv, 2).astype(np.float64),
        )

    def _array(self, index: int, width: int) -> NDArray[np.generic]:
        accessor = self._document["accessors"][index]
        view = self._document["bufferViews"][accessor["bufferView"]]
        if "byteStride" in view or "sparse" in accessor:
            raise ValueError(f"accessor {index}: not packed")
        count = accessor["count"] * {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
        offset = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        kind = _TYPES[accessor["componentType"]]
        return np.frombuffer(self._binary, kind, count, offset).reshape(-1, width)


def _to_car(vectors: NDArray[np.generic]) -> Values:
    """Convert vectors [V, 3] of a file, where y points up, to the car's axes: front, left, up."""
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=1).astype(np.float64)
