"""The paper's colored backdrop, as a photo studio under the open sky.

A floor takes the sun and the car's shadow. Lit, it has the backdrop's color at any height of the
sun, and it passes, with distance, into the plain color behind it, as a studio's cyclorama does. The
camera sees no sky; the car mirrors the sky above and the backdrop around it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import bpy

from dmlgen.catalog.places import BackdropSpec
from dmlgen.scene.changes import Changes
from dmlgen.scene.light.daylight import (
    FACING,
    WHITE,
    card_on_ground,
    light_gain,
    metered_light,
)
from dmlgen.scene.light.sky import SKY_MAP, Sky, sample_light_of
from dmlgen.scene.materials import linear_rgb
from dmlgen.scene.nodes import Tree

Color = tuple[float, float, float, float]

FLOOR_RADIUS = 60.0
MAX_ALBEDO = 1.0
"""Largest albedo of the floor, where the sun is too low to light it as bright as the backdrop."""
FINISHES = {"matte": (0.9, 0.05), "satin": (0.32, 0.45), "polished": (0.1, 0.5)}
"""Roughness and specular level of the floor, by value of the factor `floor`."""


def shown_by_neutral_view(color: Color, *, specular: float = 0.0) -> Color:
    """Return the light (linear RGBA) that the view transform `neutral` shows as a color.

    It takes away what surfaces mirror, up to 4 percent, which a backdrop does not. Colors above
    0.76 it compresses, too, which is left. Source: Khronos, "PBR Neutral Tone Mapper"; with x the
    least of red, green and blue, it takes away x - 6.25 x^2 below 0.08, and 0.04 above.

    Args:
        specular: specular level of a surface, of which 0.5 mirrors 4 percent.
    """
    red, green, blue, alpha = color
    least = min(red, green, blue)
    mirrored = 0.4 * math.sqrt(least) - least if least < 0.04 else 0.04
    mirrored *= 1 - 2 * specular
    return red + mirrored, green + mirrored, blue + mirrored, alpha


class Backdrop:
    """Floor and world of the colored backdrop."""

    def __init__(self, spec: BackdropSpec) -> None:
        self._build_floor(spec.lit_radius)
        self._build_world()
        self._changes = Changes()

    def show(self, visible: bool) -> None:
        """Make this the environment of the scene, or hide it."""
        self.floor.hide_render = not visible
        if visible:
            bpy.context.scene.world = self.world

    def set(self, values: Mapping[str, Any]) -> None:
        """Set light, finish and color to the values of their factors."""
        changes = self._changes
        changes.apply(self._set_sun, values, "sun_elevation", "sun_rotation")
        changes.apply(self.set_finish, values, "floor")
        color = ("background_hue", "background_saturation", "background_value")
        changes.apply(self.set_color, values, *color, "floor", "view_transform")

    def _set_sun(self, elevation: float, rotation: float) -> None:
        reading = metered_light(elevation, facing=FACING * math.cos(math.radians(rotation)))
        self.sky.set_sun(elevation, rotation, reading)
        lit = card_on_ground(elevation) * light_gain(reading)
        self._floor_gain.inputs[1].default_value = tuple(WHITE / lit)

    def set_color(
        self, hue: float, saturation: float, value: float, finish: str, view_transform: str
    ) -> None:
        """Set the color of floor and backdrop, 0..1 each."""
        behind = floor = linear_rgb(hue, saturation, value)
        if view_transform == "neutral":
            behind = shown_by_neutral_view(behind)
            floor = shown_by_neutral_view(floor, specular=FINISHES[finish][1])
        self.backdrop_color.outputs[0].default_value = behind
        self.floor_color.outputs[0].default_value = floor

    def set_finish(self, finish: str) -> None:
        """Set the finish of the floor, a key of FINISHES."""
        roughness, specular = FINISHES[finish]
        self.floor_shader.inputs["Roughness"].default_value = roughness
        self.floor_shader.inputs["Specular IOR Level"].default_value = specular

    def _build_floor(self, lit_radius: tuple[float, float]) -> None:
        bpy.ops.mesh.primitive_circle_add(
            radius=FLOOR_RADIUS, vertices=64, fill_type="NGON", location=(0, 0, 0)
        )
        self.floor = bpy.context.object
        self.floor.name = "floor"
        material = bpy.data.materials.new("floor")
        tree = Tree(material)
        self.floor_color = tree.add("ShaderNodeRGB")
        self.floor_shader = tree.add("ShaderNodeBsdfPrincipled", Roughness=0.7)
        self._floor_gain = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        tree.set(self._floor_gain.inputs[0], self.floor_color.outputs[0])
        limited = tree.add("ShaderNodeVectorMath", {"operation": "MINIMUM"})
        tree.set(limited.inputs[0], self._floor_gain.outputs[0])
        limited.inputs[1].default_value = (MAX_ALBEDO,) * 3
        tree.set(self.floor_shader.inputs["Base Color"], limited.outputs[0])
        position = tree.add("ShaderNodeNewGeometry").outputs["Position"]
        tree.end_with_distance(self.floor_shader.outputs[0], position, lit_radius)
        self.floor.data.materials.append(material)

    def _build_world(self) -> None:
        self.world = bpy.data.worlds.new("backdrop")
        tree = Tree(self.world)
        self.sky = Sky(tree)
        self.backdrop_color = tree.add("ShaderNodeRGB")
        behind = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        tree.set(behind.inputs[0], self.backdrop_color.outputs[0])
        behind.inputs[1].default_value = (WHITE,) * 3
        direction = tree.add("ShaderNodeNewGeometry").outputs["Incoming"]
        height = tree.add("ShaderNodeSeparateXYZ", Vector=direction).outputs["Z"]
        # A ray that leaves upwards has Incoming pointing down.
        above = tree.smoothstep(tree.math("MULTIPLY", height, -1.0), 0.10, 0.22)
        path = tree.add("ShaderNodeLightPath")
        mirrored = tree.math(
            "MULTIPLY", path.outputs["Is Glossy Ray"], tree.math("SUBTRACT", 1.0, above)
        )
        seen = tree.math("MAXIMUM", path.outputs["Is Camera Ray"], mirrored)
        color = tree.mix_color(seen, self.sky.color, behind.outputs[0])
        background = tree.add("ShaderNodeBackground", Color=color)
        output = tree.add("ShaderNodeOutputWorld")
        tree.set(output.inputs["Surface"], background.outputs[0])
        sample_light_of(self.world, SKY_MAP)
        self.world.cycles.max_bounces = 1024
