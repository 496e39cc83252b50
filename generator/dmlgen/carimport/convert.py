"""Convert a source model to a compact GLB: meters, +X forward, Z up, wheels on the ground.

Runs in a process of its own (see `dmlgen.carimport.importer`), since it imports Blender.
The GLB holds one mesh `body` and four meshes `wheel_front_left` ... `wheel_rear_right` whose
origins lie on their axles, or no wheel where the source's wheels cannot be distinguished; every
material is named after its role (`dmlgen.meshes.role_materials`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import bpy  # isort: skip (bmesh and mathutils exist once bpy is imported)
import bmesh
import numpy as np
from bpy.types import MeshVertex, Object
from mathutils import Matrix, Vector

from dmldata.common.errors import InputError, PrismError
from dmlgen.carimport.interior import add_generic_interior, add_seat
from dmlgen.carimport.mesh.liners import add_liner
from dmlgen.carimport.mesh.plates import add_plate
from dmlgen.carimport.mesh.read import read_source, reason_of
from dmlgen.carimport.mesh.seams import draw_seam
from dmlgen.carimport.mesh.split import WHEELS, split
from dmlgen.carimport.mesh.surfaces import lay_on, subdivide, wall_behind
from dmlgen.carimport.orient import LENGTHS, ROLL_TO_UP, YAW_TO_FRONT
from dmlgen.catalog.cars import CarSpec
from dmlgen.meshes.role_materials import image_of, role_material, role_of
from dmlgen.meshes.weld import weld

PANES = ("glass", "glass_dark")
"""Roles of panes."""
MAX_IMAGE_SIDE = 1024
"""Maximum of the longer side of an image in a GLB file, in pixels."""


@dataclass(frozen=True)
class Converted:
    """The result of a conversion: size in meters (length, width, height) and triangles."""

    size: tuple[float, float, float]
    triangles: int


def convert(spec: CarSpec, source: Path, glb_file: Path) -> Converted:
    """Convert the source file of a car and write its GLB.

    Raises:
        InputError: what car.yaml says does not fit the source (see `split`).
        PrismError: the GLB cannot be written.
    """
    objects = read_source(source, spec.ignore).objects
    _to_car_frame(spec, objects)
    for obj in objects:
        subdivide(obj, spec.subdivide)
    parts = split(spec, objects)
    lay_on(parts.decals, parts.body)
    parts.body += [wall_behind(lamp) for lamp in parts.backed]
    for pieces in parts.wheels.values():
        if pieces:
            _straighten(pieces)
    # Each operation of Blender looks at all objects of the scene.
    parts.body = [_join("body", parts.body)]
    if spec.interior == "generic":
        parts.body.append(add_generic_interior(parts.body, role_material))
    parts.body += [piece for seat in spec.seats for piece in add_seat(seat, role_material)]
    parts.decals += [draw_seam(seam, parts.body) for seam in spec.seams]
    parts.body += [obj for plate in spec.plates for obj in add_plate(plate)]
    if spec.liners is not None:
        parts.body += [add_liner(spec.liners, pieces) for pieces in parts.wheels.values()]
    groups = parts.groups()
    _stand([obj for pieces in groups.values() for obj in pieces])
    meshes = {name: _join(name, pieces) for name, pieces in groups.items()}
    for mesh in meshes.values():
        _smooth(mesh, spec.smooth_angle)
    wheels = [meshes[name] for name in WHEELS if name in meshes]
    for wheel in wheels:
        _origin_to_center(wheel)
    _shrink_images()
    try:
        bpy.ops.export_scene.gltf(
            filepath=str(glb_file),
            export_format="GLB",
            export_texcoords=_has_images(meshes["body"], *wheels),
            export_animations=False,
            export_yup=True,
            export_materials="EXPORT",
            export_image_format="JPEG",
            export_jpeg_quality=88,
            export_copyright=spec.credit,
        )
    except RuntimeError as error:
        raise PrismError(f"{glb_file}: cannot be written ({reason_of(error)})") from None
    return _measure(list(meshes.values()))


def _measure(meshes: list[Object]) -> Converted:
    low, high = _bounds([m.matrix_world @ Vector(c) for m in meshes for c in m.bound_box])
    for mesh in meshes:
        mesh.data.calc_loop_triangles()
    triangles = sum(len(mesh.data.loop_triangles) for mesh in meshes)
    return Converted((high.x - low.x, high.y - low.y, high.z - low.z), triangles)


def _to_car_frame(spec: CarSpec, objects: list[Object]) -> None:
    axis, roll = ROLL_TO_UP[spec.up]
    turn = Matrix.Rotation(math.radians(YAW_TO_FRONT[spec.forward]), 4, "Z")
    turn = turn @ Matrix.Rotation(math.radians(roll), 4, axis)
    change = turn @ Matrix.Scale(spec.scale, 4)
    for obj in objects:
        obj.data.transform(change @ obj.matrix_world)
        obj.matrix_world = Matrix.Identity(4)
    _stand(objects)
    low, high = _bounds([v.co for obj in objects for v in obj.data.vertices])
    if not LENGTHS[0] <= high.x - low.x <= LENGTHS[1]:
        raise InputError(
            f"car.yaml of {spec.name}: scale: makes it {high.x - low.x:.4g} meters long; valid: "
            f"{LENGTHS[0]:g} to {LENGTHS[1]:g}"
        )


def _stand(objects: list[Object]) -> None:
    """Move the middle of the car above the origin and its lowest point to 0."""
    low, high = _bounds([v.co for obj in objects for v in obj.data.vertices])
    shift = Matrix.Translation((-(low.x + high.x) / 2, -(low.y + high.y) / 2, -low.z))
    for obj in objects:
        obj.data.transform(shift)


def _bounds(points: list[Vector]) -> tuple[Vector, Vector]:
    low = Vector([min(p[i] for p in points) for i in range(3)])
    high = Vector([max(p[i] for p in points) for i in range(3)])
    return low, high


def _straighten(wheel: list[Object]) -> None:
    """Undo the steering angle of the source, so that the axle lies along Y.

    A wheel is wide and flat, so its axle is the direction in which its tyre extends least.
    """
    tyre = [obj for obj in wheel if obj.data.materials[0].name == "role:tyre"] or wheel
    points = np.array([v.co for obj in tyre for v in _used(obj)])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    axle = np.linalg.svd(points - middle, full_matrices=False)[2][-1]
    steering = math.atan2(-axle[0], axle[1]) if axle[1] > 0 else math.atan2(axle[0], -axle[1])
    to_center = Matrix.Translation(Vector(middle))
    turn = to_center @ Matrix.Rotation(-steering, 4, "Z") @ to_center.inverted()
    for obj in wheel:
        obj.data.transform(turn)


def _used(obj: Object) -> list[MeshVertex]:
    """Return the vertices of faces, one per corner."""
    return [obj.data.vertices[i] for face in obj.data.polygons for i in face.vertices]


def _join(name: str, objects: list[Object]) -> Object:
    for obj in objects[1:]:
        bpy.context.scene.collection.objects.unlink(obj)
    with bpy.context.temp_override(
        active_object=objects[0], selected_editable_objects=objects, selected_objects=objects
    ):
        bpy.ops.object.join()
    joined = objects[0]
    joined.name = joined.data.name = name
    return joined


def _smooth(mesh: Object, angle: float) -> None:
    """Shade a mesh smooth, but for edges sharper than `angle` degrees and around panes.

    A pane is a piece of its own: bent normals at its border would show in what it reflects.
    """
    weld(mesh.data, 1e-5)
    mesh.data.shade_smooth()
    mesh.data.set_sharp_from_angle(angle=math.radians(angle))
    pane = [role_of(material) in PANES for material in mesh.data.materials]
    data = bmesh.new()
    data.from_mesh(mesh.data)
    for edge in data.edges:
        if len({pane[face.material_index] for face in edge.link_faces}) == 2:
            edge.smooth = False
    data.to_mesh(mesh.data)
    data.free()


def _has_images(*meshes: Object) -> bool:
    return any(image_of(material) for mesh in meshes for material in mesh.data.materials)


def _shrink_images() -> None:
    for image in bpy.data.images:
        width, height = image.size
        if max(width, height) > MAX_IMAGE_SIDE:
            scale = MAX_IMAGE_SIDE / max(width, height)
            image.scale(max(1, round(width * scale)), max(1, round(height * scale)))


def _origin_to_center(mesh: Object) -> None:
    # Removing faces leaves vertices without a face, which must not count.
    low, high = _bounds([v.co for v in _used(mesh)])
    center = (low + high) / 2
    mesh.data.transform(Matrix.Translation(-center))
    mesh.matrix_world = Matrix.Translation(center)
