"""The camera: where it stands, what of the scene it frames, and how it turns light into colors."""

from __future__ import annotations

import math

import bpy
import numpy as np
from mathutils import Matrix, Vector

from dmldata.common.arrays import Floats
from dmlgen.planning.presets import SENSOR_WIDTH_MM
from dmlgen.scene.development import LUMINANCE, Development
from dmlgen.scene.framing import crop_frame

TARGET = Vector((0.0, 0.0, 0.62))
METERED_KELVIN = 6500.0
AROUND = 2
"""Pixels around the car that count to its box: as far as it mixes into others."""


class Camera:
    """A 35 mm camera that looks at the middle of the car, whatever the car.

    Attributes:
        car_box: x0, y0, x1, y1, pixels from the left and from the bottom around the car as it was
            framed, whatever stands before it; x1 and y1 exclusive.
    """

    car_box: tuple[int, int, int, int]

    def __init__(self) -> None:
        data = bpy.data.cameras.new("camera")
        data.sensor_width = SENSOR_WIDTH_MM
        self.object = bpy.data.objects.new("camera", data)
        scene = bpy.context.scene
        scene.collection.objects.link(self.object)
        scene.camera = self.object

    def place(self, height: float, distance: float, azimuth: float) -> None:
        """Place the camera, looking at the car.

        Height above ground and horizontal distance from the car are in meters, the azimuth is in
        degrees counter-clockwise from +X.
        """
        angle = math.radians(azimuth)
        position = Vector((distance * math.cos(angle), distance * math.sin(angle), height))
        self.object.location = position
        self.object.rotation_euler = (TARGET - position).to_track_quat("-Z", "Y").to_euler()

    def frame(self, car: Floats, focal_length: float, aperture: float, crop: float) -> None:
        """Choose lens and frame.

        Args:
            car: points of the car in the world [N, 3], meters.
            focal_length: millimeters.
            aperture: f-number, focused on the car's middle; 0 for a pinhole.
            crop: see `dmlgen.scene.framing.crop_frame`.
        """
        data, render = self.object.data, bpy.context.scene.render
        sides = np.array([render.resolution_x, render.resolution_y])
        matrix = np.array(self.world_to_camera())
        seen = car @ matrix[:3, :3].T + matrix[:3, 3]
        projected = seen[:, :2] / -seen[:, 2:] * (focal_length / SENSOR_WIDTH_MM)
        scale, center = crop_frame(projected, sides / sides.max(), crop)
        in_frame = (projected - center) / (scale * sides / sides.max()) + 0.5
        low, high = in_frame.min(axis=0) * sides, in_frame.max(axis=0) * sides
        x0, y0 = np.clip(np.floor(low - AROUND), 0, sides - 1).astype(int).tolist()
        x1, y1 = np.clip(np.ceil(high + AROUND), 1, sides).astype(int).tolist()
        self.car_box = x0, y0, x1, y1
        data.lens = focal_length / scale
        data.shift_x, data.shift_y = (float(c) / scale for c in center)
        data.dof.use_dof = aperture > 0
        if aperture > 0:
            # A crop also enlarges the blur, and the diameter of the lens stays the same.
            data.dof.aperture_fstop = aperture / scale
            data.dof.focus_distance = (TARGET - self.object.location).length

    def expose(self, exposure: float, white_balance: float) -> None:
        """Set exposure in stops and white balance in kelvin."""
        view = bpy.context.scene.view_settings
        view.exposure = exposure
        view.use_white_balance = white_balance != METERED_KELVIN
        view.white_balance_temperature = white_balance

    def development(self, metered_gain: float) -> Development:
        """Return how a small camera develops the light, with what it is set to.

        Args:
            metered_gain: factor by which its meter brightens the scene.
        """
        view = bpy.context.scene.view_settings
        white = np.array(view.white_balance_whitepoint) if view.use_white_balance else np.ones(3)
        factors = float(white @ LUMINANCE) / white
        red, green, blue = factors.tolist()
        return Development(metered_gain * 2.0**view.exposure, (red, green, blue))

    def world_to_camera(self) -> Matrix:
        """Return the 4 x 4 matrix from world to camera coordinates (x right, y up, z backwards)."""
        rotation = self.object.rotation_euler.to_matrix().to_4x4()
        return (Matrix.Translation(self.object.location) @ rotation).inverted()
