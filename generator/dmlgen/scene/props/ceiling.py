"""Lamps below a ceiling."""

from __future__ import annotations

import math
from typing import NamedTuple

import bpy
from bpy.types import Object

from dmlgen.scene.nodes import Tree


class Luminaire(NamedTuple):
    """A kind of lamp in rows along y.

    Attributes:
        width, length: of one lamp, in meters.
        pitch: meters from one to the next of its row.
        radiance: mean of its row; it makes a white card on the ground about as light as the meter
            expects.
    """

    width: float
    length: float
    pitch: float
    radiance: float


TUBES = Luminaire(width=0.12, length=1.5, pitch=2.5, radiance=42.0)
PANELS = Luminaire(width=0.6, length=1.2, pitch=2.4, radiance=9.0)


def lamps(kind: Luminaire, x: float, length: float, z: float) -> Object:
    """Return a row of lamps, `length` meters long, as one light: Cycles samples it with less noise.

    It shines in pieces: an unbroken one would be a hard white line in every paint.
    """
    light = bpy.data.lights.new("lamps", "AREA")
    light.shape = "RECTANGLE"
    light.size, light.size_y = kind.width, length
    light.energy = math.pi * light.size * light.size_y * kind.radiance
    light.color = (1.0, 0.98, 0.90)
    tree = Tree(light)
    across = tree.add("ShaderNodeNewGeometry").outputs["Parametric"]
    along = tree.add("ShaderNodeSeparateXYZ", Vector=across).outputs["Y"]
    place = tree.math("FRACT", tree.math("MULTIPLY", along, length / kind.pitch))
    shining = tree.math("LESS_THAN", place, kind.length / kind.pitch)
    strength = tree.math("MULTIPLY", shining, kind.pitch / kind.length)
    emission = tree.add("ShaderNodeEmission", Strength=strength)
    output = tree.add("ShaderNodeOutputLight")
    tree.set(output.inputs["Surface"], emission.outputs[0])
    row = bpy.data.objects.new("lamps", light)
    row.location = (x, 0.0, z)
    return row
