"""Read a source file of any format into plain mesh objects."""

from __future__ import annotations

import fnmatch
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from dmldata.common.arrays import Ints

import bpy  # isort: skip (bmesh exists once bpy is imported)
import bmesh
import numpy as np
from bpy.types import Depsgraph, Material, Mesh, Object, bpy_prop_collection
from mathutils import Matrix

from dmldata.common.errors import InputError
from dmlgen.carimport.mesh.images import pack_images_beside_file
from dmlgen.carimport.mesh.rendered import check_links, show_as_rendered
from dmlgen.carimport.model import pieces_of
from dmlgen.modelfiles.kinds import check_triangles
from dmlgen.modelfiles.prepare import prepare

NO_MATERIAL = "no material"
"""Name of the material for faces without one."""

_SOLID = ("MESH", "CURVE", "SURFACE", "FONT", "META")


class Source(NamedTuple):
    """The content of a source file.

    Args:
        objects: mesh objects, Z up, with modifiers and instances applied; the scene has no others.
        notes: what could not be used or decided, one line per note.
        names: names of all objects in the file, including those that were left out.
    """

    objects: list[Object]
    notes: tuple[str, ...]
    names: tuple[str, ...]


def read_source(file: Path, ignore: tuple[str, ...] = ()) -> Source:
    """Read the mesh objects of a file as they render, at rest.

    Scripts in a .blend file are not run; nothing outside the folder of the file is used.

    Args:
        file: .glb, .gltf, .obj, .fbx or .blend.
        ignore: globs of objects that are left out.

    Raises:
        InputError: the file cannot be read or used.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with tempfile.TemporaryDirectory() as scratch:
        readable = prepare(file, Path(scratch))
        try:
            _READERS[file.suffix.lower()](str(readable))
        except RuntimeError as error:
            raise InputError(f"{file}: cannot be read ({reason_of(error)})") from None
        notes = pack_images_beside_file(file.parent)
    if file.suffix.lower() == ".blend":
        check_links(file)
        notes += show_as_rendered()
    return _plain_objects(file, ignore, notes)


def reason_of(error: RuntimeError) -> str:
    """Return what went wrong in an operator of Blender, without the traceback of its own code.

    >>> reason_of(RuntimeError("Error: Python: Traceback (most recent call last):\\n  File x\\n"
    ...     "KeyError: 'a'\\nLocation: y:1\\n"))
    "KeyError: 'a'"
    """
    text = str(error).replace("Error: Python: ", "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Location:")]
    reason_lines = lines[-1:] if "Traceback (most recent call last):" in text else lines
    return (
        " ".join(reason_lines).removeprefix("Error:").strip().rstrip(".")
        or "Blender does not say why"
    )


def face_pieces(mesh: Mesh) -> Ints:
    """Return the connected piece [F], int, that each face of a mesh belongs to."""
    first = values_of(mesh.polygons, "loop_start", np.int32)
    corner_points = values_of(mesh.loops, "vertex_index", np.int32)
    edges = values_of(mesh.edges, "vertices", np.int32, 2)
    return pieces_of(values_of(mesh.vertices, "co", np.float32, 3), edges, corner_points[first])


def _open_blend(path: str) -> None:
    bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)


def _import_gltf(path: str) -> None:
    # The format splits vertices at edges; the shapes that stand for bones are not part of a car.
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
    # The key holds the matrix, since Blender lists a curve again as the mesh that it becomes.
    placed = {
        (instance.object.original, tuple(map(tuple, instance.matrix_world))): (
            instance.object.original,
            instance.matrix_world.copy(),
        )
        for instance in graph.object_instances
        if instance.show_self and instance.object.type in _SOLID
    }
    objects_in_order = list(placed.values())
    objects_in_order.sort(key=lambda pair: order.get(pair[0].name, len(order)))
    evaluated = []
    triangles = 0
    for obj, matrix in objects_in_order:
        if obj.hide_render:
            continue
        mesh = None if matches(obj.name, ignore) else _mesh_of(obj, graph)
        triangles += 0 if mesh is None else len(mesh.loop_triangles)
        check_triangles(file, triangles)
        evaluated.append((str(obj.name), _path(obj), mesh, matrix))
    # One by one, each removal would look at all objects.
    bpy.data.batch_remove(list(bpy.data.objects))
    # Ignored objects are created as well at first, so that the names of the others do not change.
    objects = [_linked(*parts) for parts in evaluated]
    # Both the names in the file and the names that Blender gives to instances.
    names = dict.fromkeys([*(parts[0] for parts in evaluated), *(str(obj.name) for obj in objects)])
    objects_with_faces, rest = [], []
    for obj in objects:
        if obj.data is None or not len(obj.data.polygons) or matches(obj.name, ignore):
            rest.append(obj)
        else:
            _check_finite(file, obj)
            objects_with_faces.append(obj)
    bpy.data.batch_remove(rest)
    return Source(objects_with_faces, notes, tuple(names))


def matches(name: str, globs: tuple[str, ...]) -> bool:
    """Return whether any of the globs matches a name."""
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def _check_finite(file: Path, obj: Object) -> None:
    points = values_of(obj.data.vertices, "co", np.float32, 3)
    matrix = np.array(obj.matrix_world)
    with np.errstate(all="ignore"):
        placed = points @ matrix[:3, :3].T + matrix[:3, 3]
    broken = int((~np.isfinite(placed)).any(axis=1).sum())
    if broken:
        raise InputError(
            f"{file}: {broken:,} of {len(points):,} vertices of '{obj.name}' have no finite place "
            f"(NaN or infinite); repair it in the program it comes from"
        )


def _path(obj: Object) -> str:
    return f"{_path(obj.parent)}/{obj.name}" if obj.parent else str(obj.name)


def _mesh_of(obj: Object, graph: Depsgraph) -> Mesh | None:
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


def _remove_loose(mesh: Mesh) -> None:
    """Remove vertices without a face: they are invisible and must not count for the size."""
    used = np.unique(values_of(mesh.loops, "vertex_index", np.int32))
    if len(used) == len(mesh.vertices):
        return
    data = bmesh.new()
    data.from_mesh(mesh)
    loose = [vertex for vertex in data.verts if not vertex.link_faces]
    bmesh.ops.delete(data, geom=loose, context="VERTS")
    data.to_mesh(mesh)
    data.free()


def _no_material() -> Material:
    return bpy.data.materials.get(NO_MATERIAL) or bpy.data.materials.new(NO_MATERIAL)


def _linked(name: str, path: str, mesh: Mesh, matrix: Matrix) -> Object:
    obj = bpy.data.objects.new(name, mesh)
    obj["path"] = path
    obj.matrix_world = matrix
    if mesh is not None and matrix.is_negative:
        mesh.flip_normals()
    bpy.context.scene.collection.objects.link(obj)
    return obj


def values_of(items: bpy_prop_collection, field: str, kind: type, width: int = 1) -> NDArray[Any]:
    """Return one field of all items of a Blender collection, [N] or [N, width]."""
    flat: NDArray[Any] = np.empty(len(items) * width, kind)
    items.foreach_get(field, flat)
    return flat if width == 1 else flat.reshape(-1, width)
