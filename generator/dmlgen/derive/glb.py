"""Read a car's GLB file as meshes that can be changed, and write it again.

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

from dmlgen.catalog.roles import ROLES
from dmlgen.modelfiles.gltf_check import JsonObject

Values = NDArray[np.float64]

_HEADER = struct.Struct("<4sII")
_CHUNK = struct.Struct("<I4s")
_FLOAT, _INT = 5126, 5125
_TYPES = {5121: np.uint8, 5123: np.uint16, _INT: np.uint32, _FLOAT: np.float32}
_VERTICES, _INDICES = 34962, 34963
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

    def to_bytes(self) -> bytes:
        """Return the file, with the materials and images that its parts show.

        Roles that the source lacks get their plain look.
        """
        writer = _Writer(self._document, self._binary)
        meshes: list[dict[str, object]] = []
        nodes: list[dict[str, object]] = []
        for index, node in enumerate(self.nodes):
            nodes.append({"name": node.name, "mesh": index})
            if node.middle.any():
                nodes[-1]["translation"] = _to_file(node.middle[None])[0].tolist()
            primitives = [writer.primitive(part) for part in node.parts if len(part.triangles)]
            meshes.append({"name": node.name, "primitives": primitives})
        return writer.finish(nodes, meshes)

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


class _Writer:
    """The binary part of a file under construction, and the JSON that describes its layout."""

    def __init__(self, source: JsonObject, binary: bytes) -> None:
        self._document = {
            key: value
            for key, value in source.items()
            if key in ("asset", "scene", "scenes", "samplers")
        }
        self._source, self._images_binary = source, binary
        self._materials: list[JsonObject] = []
        self._textures: list[JsonObject] = []
        self._images: list[JsonObject] = []
        self._binary = bytearray()
        self._views: list[dict[str, int]] = []
        self._accessors: list[dict[str, object]] = []

    def primitive(self, part: Part) -> dict[str, object]:
        points = _to_file(part.points)
        bounds = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        attributes = {
            "POSITION": self._accessor(points, "VEC3", _VERTICES, **bounds),
            "NORMAL": self._accessor(_to_file(part.normals), "VEC3", _VERTICES),
        }
        if part.uv is not None:
            uv = part.uv.astype(np.float32)
            attributes["TEXCOORD_0"] = self._accessor(uv, "VEC2", _VERTICES)
        return {
            "attributes": attributes,
            "indices": self._accessor(part.triangles.astype(np.uint32), "SCALAR", _INDICES),
            "material": self._material(part.material),
        }

    def finish(self, nodes: list[dict[str, object]], meshes: list[dict[str, object]]) -> bytes:
        document = {
            **self._document,
            "nodes": nodes,
            "meshes": meshes,
            "materials": self._materials,
            **({"textures": self._textures, "images": self._images} if self._images else {}),
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": len(self._binary)}],
        }
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = _CHUNK.pack(len(text), b"JSON") + text
        chunks += _CHUNK.pack(len(self._binary), b"BIN\0") + bytes(self._binary)
        return _HEADER.pack(b"glTF", 2, _HEADER.size + len(chunks)) + chunks

    def _material(self, name: str) -> int:
        full = _MATERIAL + name
        names = [material["name"] for material in self._materials]
        if full in names:
            return names.index(full)
        self._materials.append(self._source_material(full) or _plain_material(name))
        return len(names)

    def _source_material(self, name: str) -> JsonObject | None:
        """Return a material of the source, whose image is written with it, or None."""
        for material in self._source["materials"]:
            if material["name"] == name:
                look = dict(material.get("pbrMetallicRoughness", {}))
                if "baseColorTexture" in look:
                    index = look["baseColorTexture"]["index"]
                    look["baseColorTexture"] = {
                        **look["baseColorTexture"],
                        "index": self._texture(index),
                    }
                return {**material, "pbrMetallicRoughness": look}
        return None

    def _texture(self, index: int) -> int:
        texture = dict(self._source["textures"][index])
        image = dict(self._source["images"][texture["source"]])
        names = [image["name"] for image in self._images]
        if image["name"] not in names:
            view = self._source["bufferViews"][image["bufferView"]]
            start = view.get("byteOffset", 0)
            data = self._images_binary[start : start + view["byteLength"]]
            self._images.append({**image, "bufferView": self._view(data)})
            names.append(image["name"])
        self._textures.append({**texture, "source": names.index(image["name"])})
        return len(self._textures) - 1

    def _accessor(
        self, values: NDArray[np.generic], kind: str, target: int, **bounds: list[float]
    ) -> int:
        count = values.size if kind == "SCALAR" else len(values)
        view = self._view(np.ascontiguousarray(values).tobytes(), target)
        component = _INT if kind == "SCALAR" else _FLOAT
        self._accessors.append(
            {"bufferView": view, "componentType": component, "count": count, "type": kind, **bounds}
        )
        return len(self._accessors) - 1

    def _view(self, data: bytes, target: int | None = None) -> int:
        view = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data)}
        self._views.append(view if target is None else {**view, "target": target})
        self._binary += data + b"\0" * (-len(data) % 4)
        return len(self._views) - 1


def _plain_material(role: str) -> JsonObject:
    look = ROLES[role]
    plain = {
        "baseColorFactor": [*look.color, look.alpha],
        "metallicFactor": look.metallic,
        "roughnessFactor": look.roughness,
    }
    return {"name": _MATERIAL + role, "doubleSided": True, "pbrMetallicRoughness": plain}


def _to_car(vectors: NDArray[np.generic]) -> Values:
    """Convert vectors [V, 3] of a file, where y points up, to the car's axes: front, left, up."""
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], axis=1).astype(np.float64)


def _to_file(vectors: Values) -> NDArray[np.float32]:
    """Convert vectors [V, 3] from the car's axes to those of a file."""
    return np.stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]], axis=1).astype(np.float32)
