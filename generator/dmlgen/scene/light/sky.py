"""Sun and sky, metered, for every environment that stands under the open sky."""

from __future__ import annotations

import math

from bpy.types import NodeSocket, World

from dmldata.common.arrays import Floats
from dmlgen.scene.blender_names import SINGLE_SCATTERING_SKY
from dmlgen.scene.light.daylight import HAZE, SUN_INTENSITY, light_gain
from dmlgen.scene.nodes import Tree
from dmlgen.scene.surfaces import surface_image

CLOUD = (0.92, 0.94, 0.97)
"""Linear radiance of a cloud, relative to a white card on the ground."""
CLOUD_SCALE = 0.16
"""Tiles of the cloud image per height of the clouds."""
SKY_MAP = 128
"""Width in pixels of the map by which Cycles aims rays at the sky. The sun is aimed at without it,
and a finer map is slower to make and to search, with more noise (docs/performance.md)."""


class Sky:
    """Blender's Nishita sky in the node tree of a world; `color` is the output with its light.

    Args:
        clouds: fair-weather clouds; they never cover the sun.
    """

    def __init__(self, tree: Tree, clouds: bool = False) -> None:
        self._sky = tree.add(
            "ShaderNodeTexSky", {"sky_type": SINGLE_SCATTERING_SKY, "sun_intensity": SUN_INTENSITY}
        )
        self._gain = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        gray = tree.add("ShaderNodeRGBToBW", Color=self._sky.outputs[0]).outputs[0]
        tree.set(self._gain.inputs[0], tree.mix_color(HAZE, self._sky.outputs[0], gray))
        self.color: NodeSocket = self._gain.outputs[0]
        if clouds:
            self.color = tree.mix_color(_cloud_cover(tree), self.color, (*CLOUD, 1.0))

    def set_sun(
        self, elevation: float, rotation: float, reading: Floats, compensation: float = 0.0
    ) -> None:
        """Set the position of the sun and how the camera meters its light.

        Args:
            elevation: degrees.
            rotation: degrees, counter-clockwise seen from above; at 0 the sun stands on +X.
            reading, compensation: see `light_gain`.
        """
        self._sky.sun_elevation = math.radians(elevation)
        # Blender's rotation 0 is +Y and runs clockwise.
        self._sky.sun_rotation = math.radians(90.0 - rotation)
        self._gain.inputs[1].default_value = light_gain(reading, compensation)


def _cloud_cover(tree: Tree) -> NodeSocket:
    """Return the share of cloud in the sky: a flat layer that thins out at the horizon."""
    direction = tree.add("ShaderNodeTexCoord").outputs["Generated"]
    split = tree.add("ShaderNodeSeparateXYZ", Vector=direction)
    up = split.outputs["Z"]
    # A flat layer would shrink to nothing at the horizon.
    height = tree.math("ADD", tree.math("MAXIMUM", up, 0.0), 0.09)
    on_layer = tree.scaled(direction, tree.math("DIVIDE", CLOUD_SCALE, height))
    image = {"image": surface_image("clouds", data=True)}
    cover = tree.add("ShaderNodeTexImage", image, Vector=on_layer).outputs["Color"]
    return tree.math("MULTIPLY", cover, tree.smoothstep(up, 0.0, 0.12))


def sample_light_of(world: World, resolution: int) -> None:
    """Let Cycles direct its rays to the bright parts of a world by a map of that many pixels."""
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = resolution
