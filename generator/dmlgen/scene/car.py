"""A car in the scene: loaded once, then shown, hidden and turned."""

from __future__ import annotations

import math
from typing import Any

import bpy
import numpy as np

from dmlgen.assets import car_folder
from dmlgen.scene.materials import CarMaterials


class Car:
    """The meshes of one car under one empty at the origin.

    The GLB holds the car with its front at +X, wheels on z = 0, metres (see dmlgen.cars.convert).
    """

    def __init__(self, name: str, materials: CarMaterials) -> None:
        before = set(bpy.data.objects)
        bpy.ops.import_scene.gltf(filepath=str(car_folder(name) / f"{name}.glb"))
        self.meshes = [o for o in set(bpy.data.objects) - before if o.type == "MESH"]
        self.root = bpy.data.objects.new(f"car:{name}", None)
        bpy.context.scene.collection.objects.link(self.root)
        for mesh in self.meshes:
            mesh.parent = self.root
            for slot in mesh.material_slots:
                slot.material = materials.like(slot.material)

        self._points = np.concatenate([_points(mesh) for mesh in self.meshes])

    def show(self, visible: bool) -> None:
        """Puts the car into the picture, or out of it."""
        for mesh in self.meshes:
            mesh.hide_render = not visible

    def turn(self, rotation: float) -> None:
        """Yaw in degrees, counter-clockwise seen from above; 0 faces the camera."""
        self.root.rotation_euler = (0.0, 0.0, math.radians(rotation))

    def points(self) -> np.ndarray:
        """The vertices of body and wheels in the world [N, 3], metres."""
        turn = np.array(self.root.rotation_euler.to_matrix())
        return self._points @ turn.T

    def length(self) -> float:
        """From bumper to bumper, metres."""
        # Wheels never reach as far as the bumpers.
        body = next(mesh for mesh in self.meshes if mesh.name.startswith("body"))
        return float(body.dimensions.x)


def _points(mesh: Any) -> np.ndarray:
    flat = np.empty(len(mesh.data.vertices) * 3)
    mesh.data.vertices.foreach_get("co", flat)
    local = np.array(mesh.matrix_local)
    points: np.ndarray = flat.reshape(-1, 3) @ local[:3, :3].T + local[:3, 3]
    return points
