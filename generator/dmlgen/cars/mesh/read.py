"""Reading a source file, whatever its format, into plain mesh objects."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from dmldata.errors import InputError
from dmlgen.cars.mesh.looks import image_of
from dmlgen.cars.model import Model, ModelMaterial, pieces_of

MOST_TRIANGLES = 3_000_000
NO_MATERIAL = "no material"
"""Name of the material of faces that have none."""

_SOLID = ("MESH", "CURVE", "SURFACE", "FONT", "META")


def read_source(file: Path, ignore: tuple[str, ...] = ()) -> list[Any]:
    """The mesh objects in a file, Z up, modifiers and instances made real; the scene holds no more.

    Scripts in a .blend file are not run.

    Args:
        file: .glb, .gltf, .obj, .fbx or .blend.
        ignore: globs of objects that are left out.

    Raises:
        InputError: Blender cannot read it.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    try:
        _READERS[file.suffix.lower()](str(file))
    except RuntimeError as error:
        reason = " ".join(str(error).replace("Error:", "").split()).rstrip(".")
        raise InputError(
            f"{file}: cannot be read ({reason or 'Blender does not say why'})"
        ) from None
    return _plain_objects(ignore)


def describe(file: Path, ignore: tuple[str, ...] = ()) -> Model:
    """What is in a file, as plain numbers.

    Raises:
        InputError: it cannot be read, holds nothing, or too much.
    """
    objects = read_source(file, ignore)
    names = {}
    for obj in objects:
        obj.data.calc_loop_triangles()
        names.update({material.name: material for material in obj.data.materials})
    triangles = sum(len(obj.data.loop_triangles) for obj in objects)
    if triangles == 0:
        raise InputError(f"{file}: holds no faces")
    if triangles > MOST_TRIANGLES:
        raise InputError(
            f"{file}: {triangles:,} triangles; at most {MOST_TRIANGLES:,} can be used: "
            f"simplify it first (Blender: modifier Decimate)"
        )
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
    )


def face_pieces(mesh: Any) -> np.ndarray:
    """[F] int, the connected piece that each face of a mesh belongs to."""
    first = _values(mesh.polygons, "loop_start", np.int32)
    corner_points = _values(mesh.loops, "vertex_index", np.int32)
    edges = _values(mesh.edges, "vertices", np.int32, 2)
    return pieces_of(_values(mesh.vertices, "co", np.float32, 3), edges, corner_points[first])


def _open_blend(path: str) -> None:
    bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)


def _import_gltf(path: str) -> None:
    # Vertices that the format splits at edges belong together; shapes of bones are no car.
    bpy.ops.import_scene.gltf(filepath=path, merge_vertices=True, disable_bone_shape=True)


def _import_fbx(path: str) -> None:
    bpy.ops.import_scene.fbx(filepath=path, use_anim=False)


def _import_obj(path: str) -> None:
    bpy.ops.wm.obj_import(filepath=path)


_READERS: dict[str, Callable[[str], None]] = {
    ".glb": _import_gltf,
    ".gltf": _import_gltf,
    ".obj": _import_obj,
    ".fbx": _import_fbx,
    ".blend": _open_blend,
}


def _plain_objects(ignore: tuple[str, ...]) -> list[Any]:
    graph = bpy.context.evaluated_depsgraph_get()
    order = {obj.name: i for i, obj in enumerate(bpy.context.scene.objects)}
    found = [
        (instance.object.original, instance.matrix_world.copy())
        for instance in graph.object_instances
        if instance.show_self and instance.object.type in _SOLID
    ]
    found.sort(key=lambda pair: order.get(pair[0].name, len(order)))
    made = [
        (obj.name, _path(obj), _mesh_of(obj, graph), matrix)
        for obj, matrix in found
        if not obj.hide_render and not any(fnmatch.fnmatchcase(obj.name, glob) for glob in ignore)
    ]
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    return [_linked(*parts) for parts in made if len(parts[2].polygons) > 0]


def _path(obj: Any) -> str:
    return f"{_path(obj.parent)}/{obj.name}" if obj.parent else str(obj.name)


def _mesh_of(obj: Any, graph: Any) -> Any:
    mesh = bpy.data.meshes.new_from_object(
        obj.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
    )
    for index, slot in enumerate(obj.material_slots[: len(mesh.materials)]):
        if slot.material is not mesh.materials[index]:
            mesh.materials[index] = slot.material
    for index, material in enumerate(mesh.materials):
        if material is None:
            mesh.materials[index] = _no_material()
    if not mesh.materials:
        mesh.materials.append(_no_material())
    return mesh


def _no_material() -> Any:
    return bpy.data.materials.get(NO_MATERIAL) or bpy.data.materials.new(NO_MATERIAL)


def _linked(name: str, path: str, mesh: Any, matrix: Any) -> Any:
    obj = bpy.data.objects.new(name, mesh)
    obj["path"] = path
    obj.matrix_world = matrix
    if matrix.is_negative:
        mesh.flip_normals()
    bpy.context.scene.collection.objects.link(obj)
    return obj


def _triangles(obj: Any, index: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mesh = obj.data
    matrix = np.array(obj.matrix_world)
    points = _values(mesh.vertices, "co", np.float32, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    corners = points[_values(mesh.loop_triangles, "vertices", np.int32, 3)].astype(np.float32)
    polygon = _values(mesh.loop_triangles, "polygon_index", np.int32)
    slots = np.array([index[material.name] for material in mesh.materials])
    slot = np.minimum(_values(mesh.polygons, "material_index", np.int32), len(slots) - 1)
    return corners, slots[slot[polygon]], face_pieces(mesh)[polygon]


def _values(items: Any, field: str, kind: type, width: int = 1) -> np.ndarray:
    flat: np.ndarray = np.empty(len(items) * width, kind)
    items.foreach_get(field, flat)
    return flat if width == 1 else flat.reshape(-1, width)


def _look(material: Any) -> ModelMaterial:
    shader = _shader(material)
    if shader is None:
        return ModelMaterial(material.name, tuple(material.diffuse_color)[:3])
    if shader.type == "BSDF_GLASS":
        return ModelMaterial(material.name, transmission=1.0)
    image = image_of(material) if shader.inputs["Base Color"].is_linked else None
    color = tuple(shader.inputs["Base Color"].default_value)[:3]
    return ModelMaterial(
        material.name,
        color if image is None else _mean_color(image) or color,
        alpha=float(shader.inputs["Alpha"].default_value),
        metallic=float(shader.inputs["Metallic"].default_value),
        roughness=float(shader.inputs["Roughness"].default_value),
        transmission=float(shader.inputs["Transmission Weight"].default_value),
        image=image is not None and image.size[0] > 0,
    )


def _shader(material: Any) -> Any:
    if not material.use_nodes:
        return None
    found = [n for n in material.node_tree.nodes if n.type in ("BSDF_PRINCIPLED", "BSDF_GLASS")]
    return found[0] if found else None


def _mean_color(image: Any) -> tuple[float, float, float] | None:
    if image.size[0] == 0:
        return None
    small = image.copy()
    small.scale(8, 8)
    pixels = np.array(small.pixels[:]).reshape(-1, small.channels)
    bpy.data.images.remove(small)
    rgb = pixels[:, :3].mean(axis=0) if pixels.shape[1] >= 3 else pixels[:, :1].mean().repeat(3)
    return tuple(float(channel) ** 2.2 for channel in rgb)
