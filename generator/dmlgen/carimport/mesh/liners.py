"""Wheel housings for cars whose source has none: without them the arches are see-through."""

from __future__ import annotations

import math

import bpy
import numpy as np
from bpy.types import MeshPolygon, MeshVertex, Object

from dmlgen.catalog.car_edits import Liners
from dmlgen.meshes.role_materials import role_material

STEPS = 24
DEPTH = 0.16
"""Meters from the wheel's inner side to the housing's inner wall."""


def add_liner(liners: Liners, wheel: list[Object]) -> Object:
    """Return a dark half cylinder over a wheel, closed towards the middle of the car.

    Args:
        wheel: the objects of the wheel, in the car's frame.
    """
    points = np.array([v.co for obj in wheel for f in obj.data.polygons for v in _corners(obj, f)])
    low, high = points.min(axis=0), points.max(axis=0)
    middle, radius = (low + high) / 2, (high[2] - low[2]) / 2 * liners.radius
    side = math.copysign(1.0, middle[1])
    inner, outer = sorted((abs(low[1]), abs(high[1])))
    outer -= liners.inset * (outer - inner)
    angle = np.linspace(-0.15 * math.pi, 1.15 * math.pi, STEPS)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius + middle[[0, 2]]
    rows = [(x, side * y, z) for y in (outer, inner - DEPTH) for x, z in ring]
    faces = [(i, i + 1, STEPS + i + 1, STEPS + i) for i in range(STEPS - 1)]
    mesh = bpy.data.meshes.new("liner")
    mesh.from_pydata(rows, [], [*faces, tuple(range(STEPS, 2 * STEPS))])
    mesh.materials.append(role_material("underbody"))
    liner = bpy.data.objects.new("liner", mesh)
    bpy.context.scene.collection.objects.link(liner)
    return liner


def _corners(obj: Object, face: MeshPolygon) -> list[MeshVertex]:
    return [obj.data.vertices[i] for i in face.vertices]
