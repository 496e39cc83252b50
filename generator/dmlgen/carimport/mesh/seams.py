"""Draw panel gaps that a source lacks: thin dark strips that follow the paint."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import bpy  # isort: skip (mathutils exists once bpy is imported)
from bpy.types import Object
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from dmlgen.catalog.car_edits import Seam
from dmlgen.meshes.role_materials import role_material

STEP = 0.015
"""Meters between two rays that look for the surface."""
HEIGHT = 0.0012
FAR = 5.0


Placement = Callable[[float, float], Vector]
"""Maps a point of a drawing to space."""


class _Hit(NamedTuple):
    place: Vector
    normal: Vector


def draw_seam(seam: Seam, body: list[Object]) -> Object:
    """Return a new object with the strips of a seam, role `rubber`.

    Args:
        body: objects of one role each; the seam is drawn where a ray hits paint first.
    """
    tree, painted = _surface(body)
    vertices: list[Vector] = []
    faces: list[tuple[int, int, int, int]] = []
    for origin, direction, place in _views(seam.view):
        hits = [
            _look(tree, painted, place(*point) + origin, direction)
            for point in _sampled(seam.points)
        ]
        for first, second in pairwise(hits):
            if first is None or second is None or (second.place - first.place).length > 4 * STEP:
                continue
            along = (second.place - first.place).normalized()
            start = len(vertices)
            for hit in (first, second):
                across = along.cross(hit.normal).normalized() * (seam.width / 2)
                lifted = hit.place + hit.normal * HEIGHT
                vertices += [lifted - across, lifted + across]
            faces.append((start, start + 1, start + 3, start + 2))
    mesh = bpy.data.meshes.new("seam")
    mesh.from_pydata(vertices, [], faces)
    mesh.materials.append(role_material("rubber"))
    obj = bpy.data.objects.new("seam", mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def _surface(body: list[Object]) -> tuple[BVHTree, list[bool]]:
    vertices: list[Vector] = []
    faces: list[list[int]] = []
    painted: list[bool] = []
    for obj in body:
        start = len(vertices)
        vertices += [v.co.copy() for v in obj.data.vertices]
        for face in obj.data.polygons:
            faces.append([start + i for i in face.vertices])
            painted.append(obj.data.materials[face.material_index].name == "role:paint")
    return BVHTree.FromPolygons(vertices, faces), painted


def _look(tree: BVHTree, painted: list[bool], origin: Vector, direction: Vector) -> _Hit | None:
    place, normal, face, _ = tree.ray_cast(origin, direction)
    if place is None or not painted[face]:
        return None
    return _Hit(place, normal if normal.dot(direction) < 0 else -normal)


def _views(view: str) -> list[tuple[Vector, Vector, Placement]]:
    """Return origin, direction and a map from drawing to space, for the rays of both sides."""
    views: list[tuple[Vector, Vector, Placement]] = []
    for side in (1, -1):
        if view == "side":
            origin, place = Vector((0, side * FAR, 0)), lambda _, x, z: Vector((x, 0, z))
        elif view == "top":
            origin, place = Vector((0, 0, FAR)), lambda side, x, y: Vector((x, side * y, 0))
        else:
            end = FAR if view == "front" else -FAR
            origin, place = Vector((end, 0, 0)), lambda side, y, z: Vector((0, side * y, z))
        views.append((origin, -origin.normalized(), partial(place, side)))
    return views


def _sampled(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    sampled = [points[0]]
    for (a, b), (c, d) in pairwise(points):
        steps = max(1, math.ceil(math.hypot(c - a, d - b) / STEP))
        sampled += [(a + (c - a) * i / steps, b + (d - b) * i / steps) for i in range(1, steps + 1)]
    return sampled
