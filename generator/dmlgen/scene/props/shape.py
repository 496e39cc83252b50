"""A mesh under construction: boxes, quads and tubes, each with a material."""

from __future__ import annotations

import math

import bpy
import numpy as np
from bpy.types import Material, Object

from dmldata.common.arrays import Floats, Ints
from dmlgen.derive import quads
from dmlgen.derive.quads import Point
from dmlgen.meshes.fill import fill
from dmlgen.meshes.weld import weld


class Shape:
    """Collects faces; `finish` makes them one object. Meters, z up, standing at its own origin."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._vertices: list[Floats] = []
        self._faces: list[Ints] = []
        self._slots: list[Ints] = []
        self._uvs: list[Floats] = []
        self._materials: list[Material] = []
        self._count = 0

    def quads(self, corners: Floats, material: Material, uv: Floats | None = None) -> None:
        """Add faces of four corners each [N, 4, 3], counter-clockwise seen from outside.

        `uv` [N, 4, 2] says which part of the material's image they show.
        """
        corners = np.asarray(corners, dtype=float).reshape(-1, 4, 3)
        self._uvs.append(np.zeros((len(corners), 4, 2)) if uv is None else uv)
        if material not in self._materials:
            self._materials.append(material)
        self._vertices.append(corners.reshape(-1, 3))
        self._faces.append(self._count + np.arange(len(corners) * 4).reshape(-1, 4))
        self._slots.append(np.full(len(corners), self._materials.index(material)))
        self._count += len(corners) * 4

    def box(self, low: Point, high: Point, material: Material) -> None:
        """Add an axis-aligned box between two corners."""
        self.quads(quads.box(low, high), material)

    def tube(
        self,
        start: Point,
        end: Point,
        radii: tuple[float, float],
        material: Material,
        sides: int = 12,
    ) -> None:
        """Add a cone or cylinder from `start` to `end`, closed at its end."""
        self.quads(quads.tube(start, end, radii, sides), material)

    def lathe(self, profile: Floats, material: Material, steps: int = 64) -> None:
        """Add a profile turned about the y axis, as in `dmlgen.derive.quads.lathe`."""
        self.quads(quads.lathe(profile, steps), material)

    def finish(self, smooth_angle: float | None = None) -> Object:
        """Return the object, in no collection yet; edges below `smooth_angle` are smooth."""
        mesh = bpy.data.meshes.new(self._name)
        fill(mesh, np.concatenate(self._vertices), np.concatenate(self._faces))
        for material in self._materials:
            mesh.materials.append(material)
        mesh.polygons.foreach_set("material_index", np.concatenate(self._slots).astype(np.int32))
        mesh.uv_layers.new().data.foreach_set("uv", np.concatenate(self._uvs).ravel())
        mesh.update()
        if smooth_angle is None:
            mesh.shade_flat()
        else:
            weld(mesh, 1e-5)
            mesh.shade_smooth()
            mesh.set_sharp_from_angle(angle=math.radians(smooth_angle))
        return bpy.data.objects.new(self._name, mesh)


def upright(x: float, y0: float, y1: float, z0: float, z1: float) -> Floats:
    """Return the corners [1, 4, 3] of a rectangle that faces +x."""
    return np.array([[(x, y0, z0), (x, y1, z0), (x, y1, z1), (x, y0, z1)]])
