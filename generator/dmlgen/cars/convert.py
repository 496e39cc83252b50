"""From a source model to a compact GLB: metres, +X forward, Z up, wheels on the ground.

Runs in a process of its own (see `dmlgen.cars.importer`), since it imports Blender.
The GLB holds one mesh `body` and four meshes `wheel_front_left` ... `wheel_rear_right` whose
origins lie on their axles; every material is named after its role (`dmlgen.roles`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy  # isort: skip (bmesh and mathutils exist once bpy is imported)
import bmesh
import numpy as np
from mathutils import Matrix, Vector

from dmldata.errors import InputError
from dmlgen.cars.interior import add_generic_interior
from dmlgen.cars.spec import CarSpec
from dmlgen.roles import ROLES

_YAW_TO_FRONT = {"+X": 0.0, "-Y": 90.0, "-X": 180.0, "+Y": -90.0}
WHEELS = ("wheel_front_left", "wheel_front_right", "wheel_rear_left", "wheel_rear_right")


@dataclass(frozen=True)
class Converted:
    """What came out: size in metres (length, width, height) and triangles."""

    size: tuple[float, float, float]
    triangles: int


def convert(spec: CarSpec, obj_file: Path, glb_file: Path) -> Converted:
    """Converts the OBJ file of a car and writes its GLB.

    Raises:
        InputError: a material without a role, no paint, or not four wheels.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.obj_import(filepath=str(obj_file))
    _assign_roles(spec)
    _to_car_frame(spec)
    groups = _group(spec)
    _straighten(groups)
    if spec.interior == "generic":
        groups["body"].append(add_generic_interior(groups["body"], _role_material))
    meshes = {name: _join(name, objects) for name, objects in groups.items()}
    _stand_on_ground(list(meshes.values()))
    for mesh in meshes.values():
        _smooth(mesh, spec.smooth_angle)
    for name in WHEELS:
        _origin_to_center(meshes[name])
    bpy.ops.export_scene.gltf(
        filepath=str(glb_file),
        export_format="GLB",
        export_texcoords=False,
        export_animations=False,
        export_yup=True,
        export_materials="EXPORT",
        export_copyright=spec.credit,
    )
    corners = [m.matrix_world @ Vector(c) for m in meshes.values() for c in m.bound_box]
    low, high = _bounds(corners)
    for mesh in meshes.values():
        mesh.data.calc_loop_triangles()
    triangles = sum(len(mesh.data.loop_triangles) for mesh in meshes.values())
    return Converted((high.x - low.x, high.y - low.y, high.z - low.z), triangles)


def _role_material(role: str) -> Any:
    material = bpy.data.materials.get(f"role:{role}")
    if material is None:
        look = ROLES[role]
        material = bpy.data.materials.new(f"role:{role}")
        material.use_nodes = True
        shader = material.node_tree.nodes["Principled BSDF"]
        shader.inputs["Base Color"].default_value = (*look.color, 1.0)
        shader.inputs["Metallic"].default_value = look.metallic
        shader.inputs["Roughness"].default_value = look.roughness
        shader.inputs["Alpha"].default_value = look.alpha
    return material


def _assign_roles(spec: CarSpec) -> None:
    """Splits objects by material, drops what car.yaml drops and names materials by role."""
    for obj in list(bpy.context.scene.objects):
        mesh = bmesh.new()
        mesh.from_mesh(obj.data)
        names = [material.name for material in obj.data.materials]
        unwanted = [
            face for face in mesh.faces if spec.dropped(obj.name, names[face.material_index])
        ]
        bmesh.ops.delete(mesh, geom=unwanted, context="FACES")
        used = {face.material_index for face in mesh.faces}
        mesh.to_mesh(obj.data)
        mesh.free()
        if not used:
            bpy.data.objects.remove(obj)
            continue
        for index in used:
            role = spec.role_of(obj.name, names[index])
            if role is None:
                raise InputError(
                    f"car.yaml of {spec.name}: material '{names[index]}' of object '{obj.name}' "
                    f"has no role; add it under roles:, one of {', '.join(ROLES)}"
                )
            obj.data.materials[index] = _role_material(role)


def _to_car_frame(spec: CarSpec) -> None:
    turn = Matrix.Rotation(math.radians(_YAW_TO_FRONT[spec.forward]), 4, "Z")
    change = turn @ Matrix.Scale(spec.scale, 4)
    for obj in bpy.context.scene.objects:
        obj.data.transform(change @ obj.matrix_world)
        obj.matrix_world = Matrix.Identity(4)
    low, high = _bounds([v.co for o in bpy.context.scene.objects for v in o.data.vertices])
    center = Matrix.Translation((-(low.x + high.x) / 2, -(low.y + high.y) / 2, 0))
    for obj in bpy.context.scene.objects:
        obj.data.transform(center)


def _bounds(points: list[Any]) -> tuple[Vector, Vector]:
    low = Vector([min(p[i] for p in points) for i in range(3)])
    high = Vector([max(p[i] for p in points) for i in range(3)])
    return low, high


def _group(spec: CarSpec) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {"body": [], **{name: [] for name in WHEELS}}
    for obj in bpy.context.scene.objects:
        if not spec.is_wheel(obj.name):
            groups["body"].append(obj)
            continue
        low, high = _bounds([v.co for v in obj.data.vertices])
        middle = (low + high) / 2
        end = "front" if middle.x > 0 else "rear"
        side = "left" if middle.y > 0 else "right"
        groups[f"wheel_{end}_{side}"].append(obj)
    empty = [name for name, objects in groups.items() if not objects]
    if empty:
        raise InputError(f"car.yaml of {spec.name}: wheels: nothing matches for {', '.join(empty)}")
    return groups


def _straighten(groups: dict[str, list[Any]]) -> None:
    """Undoes the steering angle of the source: every axle lies along Y.

    A wheel is wide and flat, so its axle is the direction in which its tyre extends least.
    """
    for name in WHEELS:
        points = np.array([p for obj in groups[name] for p in _role_points(obj, "tyre")])
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        axle = np.linalg.svd(points - middle, full_matrices=False)[2][-1]
        steering = math.atan2(-axle[0], axle[1]) if axle[1] > 0 else math.atan2(axle[0], -axle[1])
        to_center = Matrix.Translation(Vector(middle))
        turn = to_center @ Matrix.Rotation(-steering, 4, "Z") @ to_center.inverted()
        for obj in groups[name]:
            obj.data.transform(turn)


def _role_points(obj: Any, role: str) -> list[Any]:
    return [
        obj.data.vertices[vertex].co
        for face in obj.data.polygons
        if obj.data.materials[face.material_index].name == f"role:{role}"
        for vertex in face.vertices
    ]


def _join(name: str, objects: list[Any]) -> Any:
    with bpy.context.temp_override(
        active_object=objects[0], selected_editable_objects=objects, selected_objects=objects
    ):
        bpy.ops.object.join()
    joined = objects[0]
    joined.name = joined.data.name = name
    return joined


def _stand_on_ground(meshes: list[Any]) -> None:
    lowest = min(v.co.z for mesh in meshes for v in mesh.data.vertices)
    for mesh in meshes:
        mesh.data.transform(Matrix.Translation((0, 0, -lowest)))


def _smooth(mesh: Any, angle: float) -> None:
    data = bmesh.new()
    data.from_mesh(mesh.data)
    bmesh.ops.remove_doubles(data, verts=data.verts, dist=1e-5)
    data.to_mesh(mesh.data)
    data.free()
    mesh.data.shade_smooth()
    mesh.data.set_sharp_from_angle(angle=math.radians(angle))


def _origin_to_center(mesh: Any) -> None:
    low, high = _bounds([v.co for v in mesh.data.vertices])
    center = (low + high) / 2
    mesh.data.transform(Matrix.Translation(-center))
    mesh.matrix_world = Matrix.Translation(center)
