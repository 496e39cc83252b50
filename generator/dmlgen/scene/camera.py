"""The camera: on the +X side of the car, at a height and distance, looking at the car's middle."""

from __future__ import annotations

from typing import Any

import bpy
from mathutils import Matrix, Vector

from dmlgen.presets import SENSOR_WIDTH_MM

TARGET = Vector((0.0, 0.0, 0.62))


class Camera:
    """A 35 mm camera whose pose follows from two factors, whatever the car."""

    def __init__(self) -> None:
        data = bpy.data.cameras.new("camera")
        data.sensor_width = SENSOR_WIDTH_MM
        self.object = bpy.data.objects.new("camera", data)
        scene = bpy.context.scene
        scene.collection.objects.link(self.object)
        scene.camera = self.object

    def place(self, height: float, distance: float, focal_length: float) -> None:
        """Height above ground and horizontal distance to the car in metres, focal length in mm."""
        position = Vector((distance, 0.0, height))
        self.object.location = position
        self.object.rotation_euler = (TARGET - position).to_track_quat("-Z", "Y").to_euler()
        self.object.data.lens = focal_length

    def world_to_camera(self) -> Any:
        """The 4 x 4 matrix from world to camera coordinates (x right, y up, z backwards)."""
        rotation = self.object.rotation_euler.to_matrix().to_4x4()
        return (Matrix.Translation(self.object.location) @ rotation).inverted()
