"""A car in the scene: loaded once, then shown, hidden and turned."""

from __future__ import annotations

import math

import bpy
import numpy as np
from bpy.types import Object

from dmldata.common.arrays import Floats
from dmlgen.catalog.assets import car_mesh
from dmlgen.catalog.derived_names import parse_derived
from dmlgen.derive.glb import CarFile
from dmlgen.derive.models import UNCHANGED, derived_car
from dmlgen.derive.warp import Proportions
from dmlgen.scene.car_mesh import add_car
from dmlgen.scene.materials import CarMaterials
from dmlgen.scene.number_plates import build_plate, find_places
from dmlgen.scene.twins import add_twin, show
from dmlgen.scene.wheels import build_wheel


class Car:
    """The meshes of one car under one empty at the origin, and other wheels for it.

    The GLB holds the car with its front at +X, wheels on z = 0, meters (see
    dmlgen.carimport.convert).
    """

    def __init__(self, name: str, materials: CarMaterials, shape: Proportions = UNCHANGED) -> None:
        file = _file_of(name, shape)
        self.meshes = add_car(file, materials)
        self.root = bpy.data.objects.new(f"car:{name}", None)
        bpy.context.scene.collection.objects.link(self.root)
        self.plate_places = find_places(file)
        self._plates: dict[tuple[float, float], list[Object]] = {}
        self._plate_size: tuple[float, float] | None = None
        for mesh in self.meshes:
            mesh.parent = self.root
            add_twin(mesh)
        self._points = np.concatenate([_points(mesh) for mesh in self.meshes])
        self._materials = materials
        self._body = [mesh for mesh in self.meshes if not mesh.name.startswith("wheel")]
        wheels = {_place(mesh): mesh for mesh in self.meshes if mesh.name.startswith("wheel")}
        self._wheels = {"own": wheels}
        self._style = "own"
        self._visible = True

    def show(self, visible: bool) -> None:
        """Show or hide the car."""
        self._visible = visible
        for mesh in self._body:
            show(mesh, visible)
        for style, wheels in self._wheels.items():
            for wheel in wheels.values():
                show(wheel, visible and style == self._style)
        for size, plates in self._plates.items():
            for plate in plates:
                show(plate, visible and size == self._plate_size)

    def remove(self) -> None:
        """Remove the car from Blender's memory."""
        wheels = [wheel for style in self._wheels.values() for wheel in style.values()]
        plates = [plate for of_size in self._plates.values() for plate in of_size]
        for obj in {*self.meshes, *wheels, *plates}:
            mesh = obj.data
            bpy.data.objects.remove(obj["twin"])
            bpy.data.objects.remove(obj)
            bpy.data.meshes.remove(mesh)
        bpy.data.objects.remove(self.root)

    def set_plates(self, size: tuple[float, float] | None) -> None:
        """Put plates of a size in meters, with the number of the car's materials, on the car.

        None leaves its plates as they are in its file.
        """
        if size is not None and size not in self._plates:
            self._plates[size] = self._build_plates(size)
        if size != self._plate_size:
            self._plate_size = size
            self.show(self._visible)

    def _build_plates(self, size: tuple[float, float]) -> list[Object]:
        plates = []
        for end, place in self.plate_places.items():
            plate = build_plate(place, size, self._materials.number_plate(end))
            plate.parent = self.root
            add_twin(plate)
            plates.append(plate)
        return plates

    def set_wheels(self, style: str, steering: float) -> None:
        """Set the design of the wheels and the steering angle of the front ones.

        The angle is in degrees, above 0 to the left. A car without wheels of its own stays as it
        is.
        """
        if style not in self._wheels:
            self._wheels[style] = self._fitted(style)
        if style != self._style:
            self._style = style
            self.show(self._visible)
        for place, wheel in self._wheels[style].items():
            if place.startswith("front"):
                wheel.rotation_mode = "XYZ"
                wheel.rotation_euler = (0.0, 0.0, math.radians(steering))

    def _fitted(self, style: str) -> dict[str, Object]:
        wheels = {}
        for place, original in self._wheels["own"].items():
            wheel = build_wheel(
                style,
                original.dimensions.z / 2,
                original.dimensions.y,
                place.endswith("left"),
                self._materials,
            )
            bpy.context.scene.collection.objects.link(wheel)
            wheel.parent = self.root
            wheel.location = original.location
            add_twin(wheel)
            wheels[place] = wheel
        return wheels

    def turn(self, rotation: float) -> None:
        """Set the yaw in degrees, counter-clockwise seen from above; 0 faces the camera."""
        self.root.rotation_euler = (0.0, 0.0, math.radians(rotation))

    def points(self) -> Floats:
        """Return the vertices of body and wheels in the world [N, 3], meters."""
        turn = np.array(self.root.rotation_euler.to_matrix())
        return self._points @ turn.T

    def length(self) -> float:
        """Return the length from bumper to bumper, meters."""
        # Wheels never reach as far as the bumpers.
        body = next(mesh for mesh in self.meshes if mesh.name.startswith("body"))
        return float(body.dimensions.x)


def _file_of(name: str, shape: Proportions) -> CarFile:
    derived = parse_derived(name)
    return derived_car(car_mesh(name), None if derived is None else derived.number, shape)


def _place(wheel: Object) -> str:
    """Return `front_left` for `wheel_front_left`; Blender may have added a number to the name."""
    return "_".join(wheel.name.split(".")[0].split("_")[1:])


def _points(mesh: Object) -> Floats:
    flat = np.empty(len(mesh.data.vertices) * 3)
    mesh.data.vertices.foreach_get("co", flat)
    # The local matrix is that of the last evaluation of the scene, in which the mesh was not.
    local = np.array(mesh.matrix_basis)
    points: Floats = flat.reshape(-1, 3) @ local[:3, :3].T + local[:3, 3]
    return points
