"""A mesh under construction: boxes, quads and tubes, each with a material."""

from __future__ import annotations

import math
from typing import Any

import bpy
import numpy as np

Point = tuple[float, float, float]


class Shape:
    """Collects faces; `finish` makes them one object. Metres, z up, standing at its own origin."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._vertices: list[np.ndarray] = []
        self._faces: list[np.ndarray] = []
        self._slots: list[np.ndarray] = []
        self._materials: list[Any] = []
        self._count = 0

    def quads(self, corners: np.ndarray, material: Any) -> None:
        """Faces of four corners each [N, 4, 3], counter-clockwise seen from outside."""
        corners = np.asarray(corners, dtype=float).reshape(-1, 4, 3)
        if material not in self._materials:
            self._materials.append(material)
        self._vertices.append(corners.reshape(-1, 3))
        self._faces.append(self._count + np.arange(len(corners) * 4).reshape(-1, 4))
        self._slots.append(np.full(len(corners), self._materials.index(material)))
        self._count += len(corners) * 4

    def box(self, low: Point, high: Point, material: Any) -> None:
        """An axis-aligned box between two corners."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        p = np.array([[x, y, z] for x in (x0, x1) for y in (y0, y1) for z in (z0, z1)])
        faces = [(4, 6, 7, 5), (0, 1, 3, 2), (2, 3, 7, 6), (0, 4, 5, 1), (1, 5, 7, 3), (0, 2, 6, 4)]
        self.quads(p[np.array(faces)], material)

    def tube(
        self, start: Point, end: Point, radii: tuple[float, float], material: Any, sides: int = 12
    ) -> None:
        """A cone or cylinder from `start` to `end`, closed at its end."""
        begin, finish = np.array(start), np.array(end)
        axis = (finish - begin) / np.linalg.norm(finish - begin)
        other = np.array([1.0, 0, 0]) if abs(axis[0]) < 0.9 else np.array([0, 1.0, 0])
        u = np.cross(axis, other)
        u /= np.linalg.norm(u)
        v = np.cross(axis, u)
        angle = np.arange(sides + 1) * (2 * math.pi / sides)
        ring = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
        low, high = begin + radii[0] * ring, finish + radii[1] * ring
        self.quads(np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1), material)
        top = np.broadcast_to(finish, (sides, 3))
        self.quads(np.stack([high[:-1], high[1:], top, top], axis=1), material)

    def finish(self, smooth: bool = False) -> Any:
        """The object, in no collection yet."""
        mesh = bpy.data.meshes.new(self._name)
        vertices, faces = np.concatenate(self._vertices), np.concatenate(self._faces)
        mesh.from_pydata(vertices.tolist(), [], faces.tolist())
        for material in self._materials:
            mesh.materials.append(material)
        mesh.polygons.foreach_set("material_index", np.concatenate(self._slots).astype(np.int32))
        if smooth:
            mesh.shade_smooth()
        mesh.update()
        return bpy.data.objects.new(self._name, mesh)
