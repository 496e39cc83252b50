"""Split a source model by role: into faces to drop, body and wheels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import bpy  # isort: skip (bmesh exists once bpy is imported)
import bmesh
from bpy.types import Material, Object

from dmldata.common.errors import InputError
from dmlgen.carimport.mesh.read import face_pieces
from dmlgen.catalog.car_edits import Face
from dmlgen.catalog.cars import CarSpec
from dmlgen.catalog.roles import ROLES
from dmlgen.meshes.role_materials import image_of, role_material

WHEELS = ("wheel_front_left", "wheel_front_right", "wheel_rear_left", "wheel_rear_right")


@dataclass
class Parts:
    """The objects of a car.

    Args:
        body: all objects that are not wheels.
        decals: objects of the body that lie on it as a thin layer.
        backed: objects of `body` that need a wall behind them.
        wheels: the objects of each of WHEELS.
    """

    body: list[Object] = field(default_factory=list)
    decals: list[Object] = field(default_factory=list)
    backed: list[Object] = field(default_factory=list)
    wheels: dict[str, list[Object]] = field(default_factory=lambda: {name: [] for name in WHEELS})

    def groups(self) -> dict[str, list[Object]]:
        """Return the objects of each mesh in the GLB file, by name of the mesh."""
        wheels = {name: pieces for name, pieces in self.wheels.items() if pieces}
        return {"body": self.body + self.decals, **wheels}


class _Kind(NamedTuple):
    role: str
    image: str | None
    decal: bool
    backed: bool
    place: str
    patch: str | None


def split(spec: CarSpec, objects: list[Object]) -> Parts:
    """Split the source into parts; each object has the material of one role.

    Raises:
        InputError: a material without a role, a kept image that the source lacks, or a wheel that
            no face belongs to where car.yaml names any.
    """
    parts = Parts()
    for obj in objects:
        for kind, faces in _sort_faces(spec, obj).items():
            piece = _piece(obj, faces, kind)
            if kind.place in WHEELS:
                parts.wheels[kind.place].append(piece)
            else:
                (parts.decals if kind.decal else parts.body).append(piece)
            if kind.backed:
                parts.backed.append(piece)
    bpy.data.batch_remove(objects)
    empty = [name for name, pieces in parts.wheels.items() if not pieces]
    if empty and spec.wheels:
        raise InputError(f"car.yaml of {spec.name}: wheels: nothing matches for {', '.join(empty)}")
    return parts


def _sort_faces(spec: CarSpec, obj: Object) -> dict[_Kind, set[int]]:
    materials = list(obj.data.materials)
    kinds: dict[_Kind, set[int]] = defaultdict(set)
    pieces = face_pieces(obj.data) if spec.asks_for_pieces() else None
    for polygon in obj.data.polygons:
        material = materials[polygon.material_index]
        piece = 0 if pieces is None else int(pieces[polygon.index])
        face = Face(obj.name, material.name, tuple(polygon.center), piece)
        if spec.dropped(face):
            continue
        treatment = spec.role_of(face)
        if treatment is None and polygon.area == 0:
            continue
        if treatment is None:
            raise InputError(
                f"car.yaml of {spec.name}: material '{face.material}' of object '{face.object}' "
                f"has no role; add it under roles:, one of {', '.join(ROLES)}"
            )
        image = _kept_image(spec, material, face) if treatment.texture == "keep" else None
        place = _wheel(face) if spec.is_wheel(face) else "body"
        kind = _Kind(
            treatment.role, image, treatment.decal, treatment.backed, place, treatment.patch
        )
        kinds[kind].add(polygon.index)
    return kinds


def _kept_image(spec: CarSpec, material: Material, face: Face) -> str:
    image = image_of(material)
    if image is None:
        raise InputError(
            f"car.yaml of {spec.name}: texture: keep for material '{face.material}' of object "
            f"'{face.object}', which has no image"
        )
    return str(image.name)


def _wheel(face: Face) -> str:
    end = "front" if face.center[0] > 0 else "rear"
    side = "left" if face.center[1] > 0 else "right"
    return f"wheel_{end}_{side}"


def _piece(obj: Object, faces: set[int], kind: _Kind) -> Object:
    mesh = obj.data.copy()
    data = bmesh.new()
    data.from_mesh(mesh)
    unwanted = [face for face in data.faces if face.index not in faces]
    bmesh.ops.delete(data, geom=unwanted, context="FACES")
    for face in data.faces:
        face.material_index = 0
    data.to_mesh(mesh)
    data.free()
    mesh.materials.clear()
    image = None if kind.image is None else bpy.data.images[kind.image]
    mesh.materials.append(role_material(kind.role, image, kind.patch))
    piece = bpy.data.objects.new(f"{kind.place} {kind.role}", mesh)
    bpy.context.scene.collection.objects.link(piece)
    return piece
