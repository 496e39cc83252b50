"""Blank number plates for cars whose source has none."""

from __future__ import annotations

import math

import bpy  # isort: skip (mathutils exists once bpy is imported)
from bpy.types import Object
from mathutils import Matrix, Vector

from dmlgen.catalog.car_edits import Plate
from dmlgen.meshes.role_materials import role_material

THICKNESS = 0.008


def add_plate(plate: Plate) -> Object:
    """Return a new object with role `plate`: a box whose outer face lies at `plate.center`."""
    length, height = plate.size
    facing = 0.0 if plate.center[0] > 0 else math.pi
    bpy.ops.mesh.primitive_cube_add(size=1)
    obj = bpy.context.object
    place = (
        Matrix.Translation(Vector(plate.center))
        @ Matrix.Rotation(facing, 4, "Z")
        @ Matrix.Rotation(math.radians(-plate.tilt), 4, "Y")
        @ Matrix.Translation((-THICKNESS / 2, 0, 0))
        @ Matrix.Diagonal((THICKNESS, length, height, 1))
    )
    obj.data.transform(place)
    obj.data.materials.append(role_material("plate"))
    return obj
