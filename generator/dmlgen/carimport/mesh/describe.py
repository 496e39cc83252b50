"""Describe the content of a source file as plain numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Image, Material, Node, Object
from numpy.typing import NDArray

from dmldata.common.errors import InputError, UnknownNameError
from dmlgen.carimport.mesh.read import face_pieces, matches, read_source, values_of
from dmlgen.carimport.model import Model, ModelMaterial
from dmlgen.meshes.role_materials import image_of


def describe(file: Path, ignore: tuple[str, ...] = ()) -> Model:
    """Read a file as plain numbers.

    Raises:
        InputError: the file cannot be read, is empty, or holds more than the maximum.
    """
    objects, notes, in_file = read_source(file, ignore)
    for glob in ignore:
        if not any(matches(name, (glob,)) for name in in_file):
            raise UnknownNameError("object", glob, in_file[:50], "--ignore")
    names = {}
    for obj in objects:
        names.update({material.name: material for material in obj.data.materials})
    if not objects:
        raise InputError(f"{file}: holds no faces")
    index = {name: i for i, name in enumerate(names)}
    parts = [_triangles(obj, index) for obj in objects]
    return Model(
        objects=tuple(obj.name for obj in objects),
        paths=tuple(obj["path"] for obj in objects),
        materials=tuple(_look(material) for material in names.values()),
        corners=np.concatenate([corners for corners, _, _ in parts]),
        object=np.repeat(np.arange(len(objects)), [len(corners) for corners, _, _ in parts]),
        material=np.concatenate([material for _, material, _ in parts]),
        piece=np.concatenate([piece for _, _, piece in parts]),
        notes=notes,
    )


def _triangles(
    obj: Object, index: dict[str, int]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    mesh = obj.data
    matrix = np.array(obj.matrix_world)
    points = values_of(mesh.vertices, "co", np.float32, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    corners = points[values_of(mesh.loop_triangles, "vertices", np.int32, 3)].astype(np.float32)
    polygon = values_of(mesh.loop_triangles, "polygon_index", np.int32)
    slots = np.array([index[material.name] for material in mesh.materials])
    slot = np.minimum(values_of(mesh.polygons, "material_index", np.int32), len(slots) - 1)
    return corners, slots[slot[polygon]], face_pieces(mesh)[polygon]


def _look(material: Material) -> ModelMaterial:
    shader = _shader(material)
    if shader is None:
        return ModelMaterial(material.name, tuple(material.diffuse_color)[:3])
    if shader.type == "BSDF_GLASS":
        return ModelMaterial(material.name, transmission=1.0)
    linked = shader.inputs["Base Color"].is_linked
    image = image_of(material) if linked else None
    mean = None if image is None else _mean_color(image)
    return ModelMaterial(
        material.name,
        mean or tuple(shader.inputs["Base Color"].default_value)[:3],
        alpha=float(shader.inputs["Alpha"].default_value),
        metallic=float(shader.inputs["Metallic"].default_value),
        roughness=float(shader.inputs["Roughness"].default_value),
        transmission=float(shader.inputs["Transmission Weight"].default_value),
        image=mean is not None,
        color_known=mean is not None or not linked,
    )


def _shader(material: Material) -> Node | None:
    if not material.use_nodes:
        return None
    shaders = [n for n in material.node_tree.nodes if n.type in ("BSDF_PRINCIPLED", "BSDF_GLASS")]
    return shaders[0] if shaders else None


def _mean_color(image: Image) -> tuple[float, float, float] | None:
    if image.size[0] == 0:
        return None
    small = image.copy()
    small.scale(8, 8)
    pixels = np.array(small.pixels[:]).reshape(-1, small.channels)
    bpy.data.images.remove(small)
    image.buffers_free()
    rgb = pixels[:, :3].mean(axis=0) if pixels.shape[1] >= 3 else pixels[:, :1].mean().repeat(3)
    return tuple(float(channel) ** 2.2 for channel in rgb)
