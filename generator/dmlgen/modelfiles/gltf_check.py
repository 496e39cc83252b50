"""Check the document of a glTF file: it is complete, and within the limits of a model."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from dmldata.common.errors import InputError
from dmlgen.modelfiles.beside import find_beside
from dmlgen.modelfiles.kinds import MAX_BYTES, check_size, check_triangles

JsonObject: TypeAlias = dict[str, Any]
"""An object of a glTF document as the file has it: nothing is known of its fields."""
_MESHOPT = "EXT_meshopt_compression"
_MAX_DEPTH = 200
_COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
_COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


@dataclass
class GltfCheck:
    """A check of one document.

    Attributes:
        binary: the binary part of a GLB file.
        contents: the content of each buffer.
        finite: accessors whose values were checked.
        lists: by key, the lists of the document that were checked.
    """

    file: Path
    document: JsonObject
    binary: memoryview | None
    contents: list[memoryview] = field(default_factory=list)
    finite: set[int] = field(default_factory=set)
    lists: dict[str, list[JsonObject]] = field(default_factory=dict)

    def problem(self, text: str) -> InputError:
        return InputError(f"{self.file}: not valid glTF: {text}")

    def items(self, key: str) -> list[JsonObject]:
        if key not in self.lists:
            items = self.document.get(key, [])
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise self.problem(f"{key} is no list of objects")
            self.lists[key] = items
        return self.lists[key]

    def number(self, item: JsonObject, key: str, where: str, default: int | None = None) -> int:
        value = item.get(key, default)
        if isinstance(value, float) and value.is_integer():
            item[key] = value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.problem(f"{where}: {key} is no number from 0 on (got {str(value)[:30]})")
        return value

    def item(self, key: str, index: object, where: str) -> JsonObject:
        items = self.items(key)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(items):
            raise self.problem(f"{where}: there is no {key}[{str(index)[:30]}] (of {len(items)})")
        return items[index]

    def component_bytes(self, item: JsonObject, where: str) -> int:
        kind = item.get("componentType")
        if not isinstance(kind, int) or kind not in _COMPONENT_BYTES:
            raise self.problem(f"{where}: unknown componentType {str(kind)[:30]}")
        return _COMPONENT_BYTES[kind]

    def components(self, item: JsonObject, where: str) -> int:
        kind = item.get("type")
        if not isinstance(kind, str) or kind not in _COMPONENTS:
            raise self.problem(f"{where}: unknown type {str(kind)[:30]}")
        return _COMPONENTS[kind]

    def check(self) -> None:
        required = self.document.get("extensionsRequired", [])
        if isinstance(required, list) and _MESHOPT in required:
            raise InputError(
                f"{self.file}: compressed by {_MESHOPT}, which Blender cannot read; export without"
            )
        self._check_buffers()
        for index, view in enumerate(self.items("bufferViews")):
            where = f"bufferViews[{index}]"
            self.item("buffers", view.get("buffer"), where)
            end = self.number(view, "byteOffset", where, 0) + self.number(view, "byteLength", where)
            if end > len(self.contents[view["buffer"]]):
                raise self.problem(f"{where}: ends outside its buffer")
        total = sum(self._check_accessor(*pair) for pair in enumerate(self.items("accessors")))
        if total > MAX_BYTES:
            raise InputError(
                f"{self.file}: its accessors hold {total:,} bytes; valid: at most {MAX_BYTES:,}"
            )
        for index, image in enumerate(self.items("images")):
            if "bufferView" in image:
                self.item("bufferViews", image["bufferView"], f"images[{index}]")
            elif not isinstance(image.get("uri"), str):
                raise self.problem(f"images[{index}]: has neither a bufferView nor a uri")
        for key in ("textures", "materials", "skins", "cameras", "scenes"):
            self.items(key)
        self._check_nodes()

    def _check_buffers(self) -> None:
        total = 0
        for index, buffer in enumerate(self.items("buffers")):
            where = f"buffers[{index}]"
            size = self.number(buffer, "byteLength", where)
            held = self._buffer(buffer, where)
            total += len(held)
            if size > len(held):
                raise self.problem(
                    f"{where}: byteLength is {size:,}, but {len(held):,} are there (cut short?)"
                )
            if total > MAX_BYTES:
                raise InputError(
                    f"{self.file}: its buffers hold {total:,} bytes; valid: at most {MAX_BYTES:,}"
                )
            self.contents.append(held)

    def _buffer(self, buffer: JsonObject, where: str) -> memoryview:
        uri = buffer.get("uri")
        if uri is None:
            if where != "buffers[0]" or self.binary is None:
                raise self.problem(f"{where}: has no uri")
            return self.binary
        if not isinstance(uri, str):
            raise self.problem(f"{where}: uri is no text")
        if uri.startswith("data:"):
            try:
                return memoryview(base64.b64decode(uri.partition(",")[2], validate=True))
            except (binascii.Error, ValueError):
                raise self.problem(f"{where}: its data URI is not base64") from None
        buffer_file = find_beside(self.file.parent, unquote(uri)) or find_beside(
            self.file.parent, uri
        )
        if buffer_file is None:
            raise InputError(
                f"{self.file}: {where}: '{uri[:200]}' is not in its folder; put it there"
            )
        check_size(buffer_file)
        buffer["uri"] = quote(str(buffer_file))
        return memoryview(buffer_file.read_bytes())

    def _check_accessor(self, index: int, accessor: JsonObject) -> int:
        """Check an accessor and return the bytes that it expands to."""
        where = f"accessors[{index}]"
        count = self.number(accessor, "count", where)
        width = self.component_bytes(accessor, where) * self.components(accessor, where)
        self._check_view(accessor, where, count, width)
        sparse = accessor.get("sparse")
        if sparse is not None:
            if not isinstance(sparse, dict):
                raise self.problem(f"{where}: sparse is no object")
            changed = self.number(sparse, "count", f"{where}.sparse")
            indices, values = sparse.get("indices"), sparse.get("values")
            if not isinstance(indices, dict) or not isinstance(values, dict) or changed > count:
                raise self.problem(f"{where}: its sparse part is not whole")
            step = self.component_bytes(indices, f"{where}.sparse.indices")
            self._check_view(indices, f"{where}.sparse.indices", changed, step)
            self._check_view(values, f"{where}.sparse.values", changed, width)
        return count * width

    def _check_view(self, item: JsonObject, where: str, count: int, width: int) -> None:
        if item.get("bufferView") is None:
            return
        view = self.item("bufferViews", item["bufferView"], where)
        step = self.number(view, "byteStride", where, 0) or width
        end = self.number(item, "byteOffset", where, 0) + step * (count - 1) + width
        if count and end > view["byteLength"]:
            raise self.problem(f"{where}: {count:,} elements do not fit in its bufferView")

    def _check_nodes(self) -> None:
        nodes = self.items("nodes")
        shown = self._in_scene(nodes)
        triangles = 0
        counts: dict[int, int] = {}
        for index, node in enumerate(nodes):
            if index not in shown:
                node.pop("mesh", None)
            if "mesh" not in node:
                continue
            mesh = self.item("meshes", node["mesh"], f"nodes[{index}]")
            number = node["mesh"]
            if number not in counts:
                counts[number] = self._triangles(number, mesh)
            triangles += counts[number] * self._instances(node, index)
        check_triangles(self.file, triangles)

    def _in_scene(self, nodes: list[JsonObject]) -> set[int]:
        """Return the nodes that the scene shows; all if there are no scenes."""
        parents: set[int] = set()
        children = [self._links(node, "children", f"nodes[{i}]") for i, node in enumerate(nodes)]
        for links in children:
            if parents & set(links) or len(set(links)) < len(links):
                raise self.problem("nodes: one has two parents")
            parents |= set(links)
        scenes = self.items("scenes")
        roots = [i for i in range(len(nodes)) if i not in parents]
        if scenes:
            scene = self.item("scenes", self.document.get("scene", 0), "scene")
            roots_shown = self._links(scene, "nodes", "scene")
        else:
            roots_shown = roots
        self._reached(children, roots, len(nodes))
        return self._reached(children, roots_shown, None)

    def _reached(
        self, children: list[list[int]], roots: list[int], expected: int | None
    ) -> set[int]:
        reached: set[int] = set()
        level, depth = list(roots), 0
        while level:
            reached |= set(level)
            level = [child for node in level for child in children[node] if child not in reached]
            depth += 1
            if depth > _MAX_DEPTH:
                raise self.problem(f"nodes: nested more than {_MAX_DEPTH} levels deep")
        if expected is not None and len(reached) < expected:
            raise self.problem("nodes: one is its own ancestor")
        return reached

    def _links(self, item: JsonObject, key: str, where: str) -> list[int]:
        links = item.get(key, [])
        if not isinstance(links, list):
            raise self.problem(f"{where}: {key} is no list")
        for link in links:
            self.item("nodes", link, f"{where}.{key}")
        return links

    def _instances(self, node: JsonObject, index: int) -> int:
        extensions = node.get("extensions")
        gpu = extensions.get("EXT_mesh_gpu_instancing") if isinstance(extensions, dict) else None
        attributes = gpu.get("attributes") if isinstance(gpu, dict) else None
        if not isinstance(attributes, dict):
            return 1
        where = f"nodes[{index}]"
        counts: list[int] = [
            self.item("accessors", number, where)["count"] for number in attributes.values()
        ]
        return max([1, *counts])

    def _triangles(self, number: int, mesh: JsonObject) -> int:
        primitives = mesh.get("primitives")
        where = f"meshes[{number}]"
        if not isinstance(primitives, list) or not all(isinstance(p, dict) for p in primitives):
            raise self.problem(f"{where}: primitives is no list of objects")
        total = 0
        for primitive in primitives:
            attributes = primitive.get("attributes")
            if not isinstance(attributes, dict):
                raise self.problem(f"{where}: a primitive has no attributes")
            lengths = {
                k: self.item("accessors", a, f"{where}, {k}")["count"]
                for k, a in attributes.items()
            }
            if len(set(lengths.values())) > 1:
                raise self.problem(f"{where}: its attributes have unlike lengths")
            count = lengths.get("POSITION", 0)
            if "POSITION" in attributes:
                self._check_finite(attributes["POSITION"], mesh.get("name", where))
            if "indices" in primitive:
                self._check_indices(primitive["indices"], count, where)
                count = self.items("accessors")[primitive["indices"]]["count"]
            if "material" in primitive:
                self.item("materials", primitive["material"], where)
            mode = primitive.get("mode", 4)
            total += count // 3 if mode == 4 else max(0, count - 2) if mode in (5, 6) else 0
        return total

    def _check_finite(self, index: int, name: object) -> None:
        if index in self.finite:
            return
        self.finite.add(index)
        points = self._values(self.items("accessors")[index])
        if points is None or points.dtype.kind != "f":
            return
        broken = int((~np.isfinite(points)).any(axis=1).sum())
        if broken:
            raise InputError(
                f"{self.file}: {broken:,} of {len(points):,} vertices of '{name}' have no finite "
                f"place (NaN or infinite); repair it in the program it comes from"
            )

    def _check_indices(self, index: object, vertices: int, where: str) -> None:
        accessor = self.item("accessors", index, where)
        values = self._values(accessor)
        if accessor["componentType"] not in (5121, 5123, 5125) or accessor["type"] != "SCALAR":
            raise self.problem(f"{where}: its indices are no whole numbers from 0 on")
        if values is not None and len(values) and int(values.max()) >= vertices:
            raise self.problem(
                f"{where}: an index names vertex {int(values.max()):,} of {vertices:,}"
            )

    def _values(self, accessor: JsonObject) -> NDArray[Any] | None:
        """Return the stored values [N, components], or None without a bufferView of its own."""
        if accessor.get("bufferView") is None or not accessor["count"]:
            return None
        view = self.items("bufferViews")[accessor["bufferView"]]
        kinds = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
        dtype = np.dtype(kinds[accessor["componentType"]])
        width = _COMPONENTS[accessor["type"]]
        return np.ndarray(
            (accessor["count"], width),
            dtype,
            self.contents[view["buffer"]],
            view.get("byteOffset", 0) + accessor.get("byteOffset", 0),
            (view.get("byteStride") or width * dtype.itemsize, dtype.itemsize),
        )
