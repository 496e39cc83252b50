"""The meshes of a car in Blender, made from the arrays of its file.

Blender's own import of GLB files takes four times as long, and a picture of another car waits for
it.
"""

from __future__ import annotations

import zlib

import bpy
import numpy as np
from bpy.types import Image, Material, Mesh, Object

from dmlgen.derive.glb import CarFile, Node, Part, role_in
from dmlgen.meshes.fill import fill
from dmlgen.scene.materials import CarMaterials


def add_car(car: CarFile, materials: CarMaterials) -> list[Object]:
    """Add body and wheels of a car to the scene, each standing where it is in the file."""
    return [_add(node, car, materials) for node in car.nodes]


def _add(node: Node, car: CarFile, materials: CarMaterials) -> Object:
    parts = [part for part in node.parts if len(part.triangles)]
    mesh = bpy.data.meshes.new(node.name)
    _fill(mesh, parts)
    names = list(dict.fromkeys(part.material for part in parts))
    for name in names:
        mesh.materials.append(_material(name, car, materials))
    slots = [names.index(part.material) for part in parts]
    slot_of_face = np.repeat(slots, [len(part.triangles) for part in parts])
    mesh.polygons.foreach_set("material_index", slot_of_face.astype(np.int32))
    mesh.update()
    mesh.normals_split_custom_set_from_vertices(np.concatenate([part.normals for part in parts]))
    obj = bpy.data.objects.new(node.name, mesh)
    obj.location = node.middle
    bpy.context.scene.collection.objects.link(obj)
    return obj


def _fill(mesh: Mesh, parts: list[Part]) -> None:
    """Set points, triangles and UV map of a new mesh."""
    counts = [len(part.points) for part in parts]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    corners = np.concatenate(
        [part.triangles + start for part, start in zip(parts, starts, strict=True)]
    )
    fill(mesh, np.concatenate([part.points for part in parts]), corners)
    if any(part.uv is not None for part in parts):
        none = (np.zeros((count, 2)) for count in counts)
        uv = np.concatenate(
            [zero if part.uv is None else part.uv for part, zero in zip(parts, none, strict=True)]
        )
        # In a file the origin of an image is at its top.
        uv = np.column_stack([uv[:, 0], 1.0 - uv[:, 1]])[corners.ravel()]
        layer = mesh.uv_layers.new(name="UVMap")
        layer.uv.foreach_set("vector", uv.astype(np.float32).ravel())


def _material(name: str, car: CarFile, materials: CarMaterials) -> Material:
    """Return the material to render for a material of the file."""
    role, image = role_in(name), car.image_of(name)
    return materials[role] if image is None else materials.showing(_image(*image), role)


def _image(name: str, data: bytes) -> Image:
    """Return the Blender image of a picture in a file, loaded once."""
    title = f"{zlib.crc32(data):08x} {name}"[:60]
    image = bpy.data.images.get(title)
    if image is None:
        image = bpy.data.images.new(title, 8, 8)
        image.pack(data=data, data_len=len(data))
        image.source = "FILE"
    return image
