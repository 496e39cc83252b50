"""Sun and sky, metered, for every environment that stands under the open sky."""

from __future__ import annotations

import math
from typing import Any

from dmlgen.daylight import HAZE, SUN_INTENSITY, light_gain, metered_light
from dmlgen.scene.nodes import Tree


class Sky:
    """Blender's Nishita sky in the node tree of a world; `color` is the output with its light."""

    def __init__(self, tree: Tree) -> None:
        self._sky = tree.add(
            "ShaderNodeTexSky", {"sky_type": "NISHITA", "sun_intensity": SUN_INTENSITY}
        )
        self._gain = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        grey = tree.add("ShaderNodeRGBToBW", Color=self._sky.outputs[0]).outputs[0]
        tree.set(self._gain.inputs[0], tree.mix_color(HAZE, self._sky.outputs[0], grey))
        self.color: Any = self._gain.outputs[0]

    def set_sun(self, elevation: float, rotation: float) -> None:
        """Elevation and rotation of the sun in degrees.

        Rotation is counter-clockwise seen from above; at 0 the sun stands on +X.
        """
        self._sky.sun_elevation = math.radians(elevation)
        # Blender's rotation 0 is +Y and runs clockwise.
        self._sky.sun_rotation = math.radians(90.0 - rotation)
        self._gain.inputs[1].default_value = light_gain(metered_light(elevation))


def sample_light_of(world: Any, resolution: int) -> None:
    """Lets Cycles aim its rays at what is bright in a world; resolution of its map in pixels."""
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = resolution
