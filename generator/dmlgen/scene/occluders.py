"""Objects between camera and car: the values of the factor `occlusion`."""

from __future__ import annotations

import math
from collections.abc import Callable

import bpy
import numpy as np
from bpy.types import Object

from dmlgen.scene.props import plants, street

KINDS: dict[str, tuple[float, Callable[[], list[Object]]]] = {
    "post": (0.35, lambda: street.lamp_post(5.0)),
    "sign": (-0.5, lambda: street.sign(1.35)),
    "bin": (-0.6, street.bin),
    "bush": (0.9, lambda: plants.bush(1.2, np.random.default_rng(1))),
}
"""Distance in meters to the right of the line from camera to car, and the builder, by kind."""
NEARNESS = 0.47
"""Distance of an occluder, as a share of the camera's distance from the car."""


class Occluders:
    """Occluders are built when first needed; at most one of them is in the picture."""

    def __init__(self) -> None:
        self._built: dict[str, list[Object]] = {}

    def objects(self) -> list[Object]:
        """Return the objects of all occluders that were built."""
        return [obj for objects in self._built.values() for obj in objects]

    def put(self, kind: str, distance: float, azimuth: float) -> None:
        """Put `kind`, a key of KINDS or `none`, before a camera.

        The camera's distance is in meters, its azimuth in degrees.
        """
        if kind in KINDS and kind not in self._built:
            self._built[kind] = KINDS[kind][1]()
            for obj in self._built[kind]:
                bpy.context.scene.collection.objects.link(obj)
        for name, objects in self._built.items():
            for obj in objects:
                obj.hide_render = name != kind
        angle = math.radians(azimuth)
        for obj in self._built.get(kind, ()):
            along, aside = NEARNESS * distance, KINDS[kind][0]
            x = along * math.cos(angle) - aside * math.sin(angle)
            y = along * math.sin(angle) + aside * math.cos(angle)
            obj.location = (x, y, 0.0)
            obj.rotation_euler = (0.0, 0.0, angle)
