"""A closed layer of cloud, metered: daylight without a sun to be seen."""

from __future__ import annotations

from bpy.types import NodeSocket

from dmldata.common.arrays import Floats
from dmlgen.scene.light.daylight import (
    GLOW,
    GLOW_SHARPNESS,
    OVERCAST,
    direction_of,
    light_gain,
)
from dmlgen.scene.nodes import Tree
from dmlgen.scene.surfaces import surface_image

LAYER_SCALE = 0.30
"""Tiles of the cloud image per height of the layer."""
PATCHES = 0.30
"""How much darker the thick parts of the layer are than the thin ones."""
MEAN_COVER = 0.18
"""Mean of the cloud image."""


class OvercastSky:
    """The sky of `overcast_radiance`, slightly patchy; `color` is the output with its light."""

    def __init__(self, tree: Tree) -> None:
        direction = tree.add("ShaderNodeTexCoord").outputs["Generated"]
        up = tree.add("ShaderNodeSeparateXYZ", Vector=direction).outputs["Z"]
        up = tree.math("MAXIMUM", up, 0.0)
        gradient = tree.math("DIVIDE", tree.math("ADD", tree.math("MULTIPLY", up, 2.0), 1.0), 3.0)
        # A flat layer would shrink to nothing at the horizon.
        height = tree.math("ADD", up, 0.16)
        on_layer = tree.scaled(direction, tree.math("DIVIDE", LAYER_SCALE, height))
        image = {"image": surface_image("clouds", data=True)}
        cover = tree.add("ShaderNodeTexImage", image, Vector=on_layer).outputs["Color"]
        thin = tree.math("SUBTRACT", cover, MEAN_COVER)
        patches = tree.math("ADD", tree.math("MULTIPLY", thin, PATCHES), 1.0)
        self._toward = tree.add("ShaderNodeVectorMath", {"operation": "DOT_PRODUCT"})
        tree.set(self._toward.inputs[0], direction)
        near = tree.math("MAXIMUM", self._toward.outputs["Value"], 0.0)
        glow = tree.math("MULTIPLY", tree.math("POWER", near, GLOW_SHARPNESS), GLOW)
        level = tree.math("MULTIPLY", gradient, tree.math("ADD", glow, 1.0))
        self._gain = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        color = tree.add("ShaderNodeCombineColor")
        for channel, tint in zip(("Red", "Green", "Blue"), OVERCAST, strict=True):
            color.inputs[channel].default_value = tint
        lit = tree.scaled(color.outputs[0], tree.math("MULTIPLY", level, patches))
        tree.set(self._gain.inputs[0], lit)
        self.color: NodeSocket = self._gain.outputs[0]

    def set_sun(
        self, elevation: float, rotation: float, reading: Floats, compensation: float
    ) -> None:
        """Set where the layer is brightest and how the camera meters it; see `Sky.set_sun`."""
        self._toward.inputs[1].default_value = tuple(direction_of(elevation, rotation))
        self._gain.inputs[1].default_value = light_gain(reading, compensation)
