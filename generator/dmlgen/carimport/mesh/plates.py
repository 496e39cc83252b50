"""Blank number plates in holders of black plastic."""

from __future__ import annotations

import math

import bpy  # isort: skip (mathutils exists once bpy is imported)
from bpy.types import Object
from mathutils import Matrix, Vector

from dmlgen.catalog.car_edits import Plate
from dmlgen.meshes.role_materials import role_material

BORDER = 0.008
"""Width of the holder's border around the plate, in meters."""
LIP = 0.002
"""Distance from the plate to the front of the holder behind it, in meters."""
DEPTH = 0.04
"""Depth of the holder, which reaches back to the body, in meters."""


def add_plate(plate: Plate) -> list[Object]:
    """Return a new face with role `plate` at `plate.center` and the holder behind it."""
    length, height = plate.size
    facing = 0.0 if plate.center[0] > 0 else math.pi
    place = (
        Matrix.Translation(Vector(plate.center))
        @ Matrix.Rotation(facing, 4, "Z")
        @ Matrix.Rotation(math.radians(-plate.tilt), 4, "Y")
    )
    bpy.ops.mesh.primitive_cube_add(size=1)
    holder = bpy.context.object
    size = Matrix.Diagonal((DEPTH, length + 2 * BORDER, height + 2 * BORDER, 1))
    holder.data.transform(place @ Matrix.Translation((-LIP - DEPTH / 2, 0, 0)) @ size)
    holder.data.materials.append(role_material("plastic"))
    y, z = length / 2, height / 2
    corners = [place @ Vector((0, *at)) for at in ((-y, -z), (y, -z), (y, z), (-y, z))]
    mesh = bpy.data.meshes.new("plate")
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    mesh.materials.append(role_material("plate"))
    face = bpy.data.objects.new("plate", mesh)
    bpy.context.scene.collection.objects.link(face)
    return [face, holder]
