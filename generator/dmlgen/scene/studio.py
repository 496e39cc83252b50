"""A photographer's studio: softboxes light the car, a cyclorama closes the view all around."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np
from bpy.types import Mesh, Node, NodeSocket, Object
from mathutils import Vector

from dmldata.common.arrays import Floats
from dmlgen.catalog.places import Softbox, StudioSpec
from dmlgen.scene.backdrop import FINISHES
from dmlgen.scene.changes import Changes
from dmlgen.scene.materials import linear_rgb
from dmlgen.scene.nodes import Tree

COVE = 2.0
"""Radius, in meters, with which the floor bends up into the wall."""
AMBIENT = 0.12
"""Ambient light, as a share of the radiance of a white card."""
MIRRORED = 0.30
"""The same for what the car mirrors: the ceiling and the walls behind the lamps."""
CENTER = Vector((0.0, 0.0, 0.6))
CENTER_GAIN = 2.6
"""Radiance in the middle of a softbox, as a share of its mean."""


class Studio:
    """Cyclorama, softboxes and a dim world."""

    def __init__(self, spec: StudioSpec) -> None:
        self._changes = Changes()
        self._build_world()
        self._objects = [self._build_cyclorama(spec), *map(_softbox, spec.softboxes)]

    def show(self, visible: bool) -> None:
        """Make this the environment of the scene, or hide it."""
        for obj in self._objects:
            obj.hide_render = not visible
        if visible:
            bpy.context.scene.world = self._world

    def set(self, values: Mapping[str, Any]) -> None:
        """Set finish and color to the values of their factors."""
        changes = self._changes
        changes.apply(self._set_finish, values, "floor")
        changes.apply(
            self._set_color, values, "background_hue", "background_saturation", "background_value"
        )

    def _set_color(self, hue: float, saturation: float, value: float) -> None:
        for shader in (self._floor, self._wall):
            shader.inputs["Base Color"].default_value = linear_rgb(hue, saturation, value)

    def _set_finish(self, finish: str) -> None:
        roughness, specular = FINISHES[finish]
        self._floor.inputs["Roughness"].default_value = roughness
        self._floor.inputs["Specular IOR Level"].default_value = specular

    def _build_world(self) -> None:
        self._world = bpy.data.worlds.new("studio")
        tree = Tree(self._world)
        glossy = tree.add("ShaderNodeLightPath").outputs["Is Glossy Ray"]
        dim, mirrored = ((level, level, level, 1.0) for level in (AMBIENT, MIRRORED))
        background = tree.add("ShaderNodeBackground", Color=tree.mix_color(glossy, dim, mirrored))
        output = tree.add("ShaderNodeOutputWorld")
        tree.set(output.inputs["Surface"], background.outputs[0])

    def _build_cyclorama(self, spec: StudioSpec) -> Object:
        mesh = bpy.data.meshes.new("cyclorama")
        mesh.from_pydata(*_lathe(_profile(spec.radius, spec.height)))
        mesh.shade_smooth()
        self._floor, self._wall = (_paper(mesh) for _ in range(2))
        inside = spec.radius - COVE
        for face in mesh.polygons:
            face.material_index = int(face.center.xy.length > inside)
        cyclorama = bpy.data.objects.new("cyclorama", mesh)
        bpy.context.scene.collection.objects.link(cyclorama)
        return cyclorama


def _paper(mesh: Mesh) -> Node:
    """Add a new material to the mesh and return its shader."""
    material = bpy.data.materials.new("cyclorama")
    tree = Tree(material)
    shader = tree.add("ShaderNodeBsdfPrincipled", Roughness=0.8)
    tree.end(shader.outputs[0])
    mesh.materials.append(material)
    return shader


def _profile(radius: float, height: float) -> Floats:
    """Return distance from the middle and height [N, 2] of floor, cove and wall."""
    bend = np.linspace(0, math.pi / 2, 16)
    cove = np.stack([radius - COVE + COVE * np.sin(bend), COVE - COVE * np.cos(bend)], axis=1)
    return np.concatenate([[[2.0, 0.0]], cove, [[radius, height]]])


def _lathe(
    profile: Floats, steps: int = 96
) -> tuple[list[tuple[float, float, float]], list[tuple[int, int]], list[tuple[int, ...]]]:
    """Return vertices, edges and faces of a profile turned about Z, closed in the middle."""
    angles = np.arange(steps) * (2 * math.pi / steps)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vertices = [(float(r * x), float(r * y), float(z)) for r, z in profile for x, y in ring]
    faces: list[tuple[int, ...]] = [tuple(range(steps))]
    for row in range(len(profile) - 1):
        for step in range(steps):
            left, right = row * steps + step, row * steps + (step + 1) % steps
            faces.append((left, left + steps, right + steps, right))
    return vertices, [], faces


def _softbox(spec: Softbox) -> Object:
    light = bpy.data.lights.new("softbox", "AREA")
    light.shape = "RECTANGLE"
    light.size, light.size_y = spec.size
    light.energy = spec.power
    _fade_out(Tree(light))
    obj = bpy.data.objects.new("softbox", light)
    obj.location = spec.at
    obj.rotation_euler = (CENTER - obj.location).to_track_quat("-Z", "Y").to_euler()
    # A softbox lights the scene and is mirrored in it, but the camera does not see it.
    obj.visible_camera = False
    bpy.context.scene.collection.objects.link(obj)
    return obj


def _fade_out(tree: Tree) -> None:
    """Let a softbox fade out towards its edges, as its cloth does away from the flash behind it."""
    across = tree.add("ShaderNodeNewGeometry").outputs["Parametric"]
    split = tree.add("ShaderNodeSeparateXYZ", Vector=across)
    fade: NodeSocket | float = CENTER_GAIN
    for axis in ("X", "Y"):
        place = split.outputs[axis]
        edge = tree.math("MINIMUM", place, tree.math("SUBTRACT", 1.0, place))
        fade = tree.math("MULTIPLY", fade, tree.smoothstep(edge, -0.1, 0.5))
    emission = tree.add("ShaderNodeEmission", Strength=fade)
    output = tree.add("ShaderNodeOutputLight")
    tree.set(output.inputs["Surface"], emission.outputs[0])
