"""Reading a source file, whatever its format, into plain mesh objects."""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import bpy  # isort: skip (bmesh exists once bpy is imported)
import bmesh
import numpy as np

from dmldata.errors import InputError, UnknownNameError
from dmlgen.cars.mesh.images import keep_own_images
from dmlgen.cars.mesh.looks import image_of
from dmlgen.cars.mesh.rendered import check_links, show_as_rendered
from dmlgen.cars.model import Model, ModelMaterial, pieces_of
from dmlgen.cars.source.kinds import check_triangles
from dmlgen.cars.source.prepare import prepare

NO_MATERIAL = "no material"
"""Name of the material of faces that have none."""

_SOLID = ("MESH", "CURVE", "SURFACE", "FONT", "META")


class Source(NamedTuple):
    """What a file holds.

    Args:
        objects: mesh objects, Z up, with modifiers and instances made real; the scene has no more.
        notes: what could not be used or decided, one line each.
        names: of all objects in the file, also those that were left out.
    """

    objects: list[Any]
    notes: tuple[str, ...]
    names: tuple[str, ...]


def read_source(file: Path, ignore: tuple[str, ...] = ()) -> Source:
    """The mesh objects in a file, as it renders and at rest.

    Scripts in a .blend file are not run; nothing outside the folder of the file is used.

    Args:
        file: .glb, .gltf, .obj, .fbx or .blend.
        ignore: globs of objects that are left out.

    Raises:
        InputError: it cannot be read or used.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with tempfile.TemporaryDirectory() as scratch:
        readable = prepare(file, Path(scratch))
        try:
            _READERS[file.suffix.lower()](str(readable))
        except RuntimeError as error:
            raise InputError(f"{file}: cannot be read ({reason_of(error)})") from None
        notes = keep_own_images(file.parent)
    if file.suffix.lower() == ".blend":
        check_links(file)
        notes += show_as_rendered()
    return _plain_objects(file, ignore, notes)


def reason_of(error: RuntimeError) -> str:
    """What an operator of Blender says went wrong, without the traceback of its own code.

    >>> reason_of(RuntimeError("Error: Python: Traceback (most recent call last):\\n  File x\\n"
    ...     "KeyError: 'a'\\nLocation: y:1\\n"))
    "KeyError: 'a'"
    """
    text = str(error).replace("Error: Python: ", "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Location:")]
    told = lines[-1:] if "Traceback (most recent call last):" in text else lines
    return " ".join(told).removeprefix("Error:").strip().rstrip(".") or "Blender does not say why"


def describe(file: Path, ignore: tuple[str, ...] = ()) -> Model:
    """What is in a file, as plain numbers.

    Raises:
        InputError: it cannot be read, holds nothing, or too much.
    """
    objects, notes, in_file = read_source(file, ignore)
    for glob in ignore:
        if not any(_matches(name, (glob,)) for name in in_file):
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
    bpy.ops.import_scene.gltf(
        filepath=path, merge_vertices=True, disable_bone_shape=True, import_pack_images=False
    )


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


def _plain_objects(file: Path, ignore: tuple[str, ...], notes: tuple[str, ...]) -> Source:
    graph = bpy.context.evaluated_depsgraph_get()
    order = {obj.name: i for i, obj in enumerate(bpy.context.scene.objects)}
    # By its place: Blender lists a curve once more, as the mesh that it becomes.
    placed = {
        (instance.object.original, tuple(map(tuple, instance.matrix_world))): (
            instance.object.original,
            instance.matrix_world.copy(),
        )
        for instance in graph.object_instances
        if instance.show_self and instance.object.type in _SOLID
    }
    found = list(placed.values())
    found.sort(key=lambda pair: order.get(pair[0].name, len(order)))
    made = []
    triangles = 0
    for obj, matrix in found:
        if obj.hide_render:
            continue
        mesh = None if _matches(obj.name, ignore) else _mesh_of(obj, graph)
        triangles += 0 if mesh is None else len(mesh.loop_triangles)
        check_triangles(file, triangles)
        made.append((str(obj.name), _path(obj), mesh, matrix))
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    # What is left out also gets its object at first, so that the names of others do not change.
    objects = [_linked(*parts) for parts in made]
    # That of an object in the file, and that of an instance of it.
    names = dict.fromkeys([*(parts[0] for parts in made), *(str(obj.name) for obj in objects)])
    kept = []
    for obj in objects:
        if obj.data is None or not len(obj.data.polygons) or _matches(obj.name, ignore):
            bpy.data.objects.remove(obj)
        else:
            _check_finite(file, obj)
            kept.append(obj)
    return Source(kept, notes, tuple(names))


def _matches(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _check_finite(file: Path, obj: Any) -> None:
    points = _values(obj.data.vertices, "co", np.float32, 3)
    matrix = np.array(obj.matrix_world)
    with np.errstate(all="ignore"):
        placed = points @ matrix[:3, :3].T + matrix[:3, 3]
    broken = int((~np.isfinite(placed)).any(axis=1).sum())
    if broken:
        raise InputError(
            f"{file}: {broken:,} of {len(points):,} vertices of '{obj.name}' have no finite place "
            f"(NaN or infinite); repair it in the program it comes from"
        )


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
    _remove_loose(mesh)
    mesh.calc_loop_triangles()
    return mesh


def _remove_loose(mesh: Any) -> None:
    """Vertices of no face are not seen, and must not count for the size."""
    used = np.unique(_values(mesh.loops, "vertex_index", np.int32))
    if len(used) == len(mesh.vertices):
        return
    data = bmesh.new()
    data.from_mesh(mesh)
    loose = [vertex for vertex in data.verts if not vertex.link_faces]
    bmesh.ops.delete(data, geom=loose, context="VERTS")
    data.to_mesh(mesh)
    data.free()


def _no_material() -> Any:
    return bpy.data.materials.get(NO_MATERIAL) or bpy.data.materials.new(NO_MATERIAL)


def _linked(name: str, path: str, mesh: Any, matrix: Any) -> Any:
    obj = bpy.data.objects.new(name, mesh)
    obj["path"] = path
    obj.matrix_world = matrix
    if mesh is not None and matrix.is_negative:
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
    image.buffers_free()
    rgb = pixels[:, :3].mean(axis=0) if pixels.shape[1] >= 3 else pixels[:, :1].mean().repeat(3)
    return tuple(float(channel) ** 2.2 for channel in rgb)
