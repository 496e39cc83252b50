"""A real place: a panorama around the car, and its own ground under the wheels.

The ground is a plane whose albedo is the panorama itself, projected down from where it was taken
and divided by the light that falls there. Where nothing blocks that light, the plane looks exactly
like the panorama that it covers, so no seam is visible; where the car does, it is in shadow. The
fine structure of a baked surface, too small for the panorama's pixels, is multiplied in near the
car.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Mesh, Node, NodeSocket

from dmldata.common.arrays import Floats
from dmldata.common.errors import UnknownNameError
from dmlgen.catalog.places import PanoramaSpec
from dmlgen.scene.changes import Changes
from dmlgen.scene.light.daylight import light_gain
from dmlgen.scene.light.sky import sample_light_of
from dmlgen.scene.nodes import Tree
from dmlgen.scene.surfaces import ground_nodes, mean_color


def panorama_file(name: str) -> Path:
    """Return the path of a panorama in Blender's own data files (CC0, Greg Zaal, Poly Haven).

    Raises:
        UnknownNameError: Blender has no such panorama; the message lists those it has.
    """
    folder = Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world"
    if not (folder / name).is_file():
        raise UnknownNameError("panorama", name, sorted(file.name for file in folder.glob("*.exr")))
    return folder / name


def light_on_ground(pixels: Floats) -> Floats:
    """Return the radiance [3] of a white diffuse card on the ground under a panorama.

    Args:
        pixels: [H, W, 3] linear radiance, equirectangular, zenith in the first row.
    """
    height, width = pixels.shape[:2]
    theta = (np.arange(height // 2) + 0.5) / height * np.pi
    weight = np.sin(theta) * np.cos(theta) * (np.pi / height) * (2 * np.pi / width) / np.pi
    return np.einsum("hwc,h->c", pixels[: height // 2].astype(np.float64), weight)


class Panorama:
    """World and ground of a panorama."""

    def __init__(self, spec: PanoramaSpec) -> None:
        self._spec = spec
        self._changes = Changes()
        self._turns: list[Node] = []
        self._image = bpy.data.images.load(str(panorama_file(spec.panorama)), check_existing=True)
        width, height = self._image.size
        pixels = np.empty(width * height * 4, dtype=np.float32)
        self._image.pixels.foreach_get(pixels)
        self._card = light_on_ground(pixels.reshape(height, width, 4)[::-1, :, :3])
        self._build_world()
        self._build_ground()

    def show(self, visible: bool) -> None:
        """Make this the environment of the scene, or hide it."""
        self._ground.hide_render = not visible
        if visible:
            bpy.context.scene.world = self._world

    def set(self, values: Mapping[str, Any]) -> None:
        """Set the view to the value of its factor."""
        self._changes.apply(self._turn, values, "environment_view")

    def _turn(self, view: float) -> None:
        start, end = self._spec.arc
        angle = -math.radians(start + view * (end - start))
        for mapping in self._turns:
            mapping.inputs["Rotation"].default_value = (0.0, 0.0, angle)

    def _look_up(self, tree: Tree, direction: NodeSocket) -> NodeSocket:
        mapping = tree.add("ShaderNodeMapping", {"vector_type": "POINT"})
        tree.set(mapping.inputs["Vector"], direction)
        self._turns.append(mapping)
        texture = tree.add(
            "ShaderNodeTexEnvironment", {"image": self._image, "interpolation": "Cubic"}
        )
        tree.set(texture.inputs["Vector"], mapping.outputs[0])
        return texture.outputs["Color"]

    def _build_world(self) -> None:
        self._world = bpy.data.worlds.new(self._spec.name)
        tree = Tree(self._world)
        direction = tree.add("ShaderNodeTexCoord").outputs["Generated"]
        light = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        tree.set(light.inputs[0], self._look_up(tree, direction))
        light.inputs[1].default_value = light_gain(self._card, self._spec.compensation)
        background = tree.add("ShaderNodeBackground", Color=light.outputs[0])
        output = tree.add("ShaderNodeOutputWorld")
        tree.set(output.inputs["Surface"], background.outputs[0])
        sample_light_of(self._world, 1024)

    def _build_ground(self) -> None:
        outer = self._spec.ground_radius[1]
        bpy.ops.mesh.primitive_circle_add(radius=outer, vertices=96, fill_type="NGON")
        self._ground = bpy.context.object
        self._ground.name = f"ground:{self._spec.name}"
        self._ground.data.uv_layers.new().data.foreach_set("uv", _flat(self._ground.data))
        material = bpy.data.materials.new(self._ground.name)
        tree = Tree(material)
        position = tree.add("ShaderNodeNewGeometry").outputs["Position"]
        fine = ground_nodes(tree, self._spec.surface, position)
        albedo = self._albedo(tree, position, fine.color)
        diffuse = tree.add("ShaderNodeBsdfDiffuse", Color=albedo, Normal=fine.normal).outputs[0]
        mirror = tree.add("ShaderNodeBsdfGlossy", Roughness=0.28).outputs[0]
        facing = tree.add("ShaderNodeLayerWeight", Blend=0.12).outputs["Facing"]
        flat = tree.math("POWER", facing, 4.0)
        lit = tree.mix_shader(tree.math("MULTIPLY", flat, self._spec.gloss), diffuse, mirror)
        tree.end_with_distance(lit, position, self._spec.ground_radius)
        self._ground.data.materials.append(material)

    def _albedo(self, tree: Tree, position: NodeSocket, fine: NodeSocket) -> NodeSocket:
        """Return the panorama seen from its tripod, divided by the light, with fine structure."""
        from_tripod = tree.add("ShaderNodeVectorMath", {"operation": "SUBTRACT"})
        tree.set(from_tripod.inputs[0], position)
        from_tripod.inputs[1].default_value = (0.0, 0.0, self._spec.tripod_height)
        albedo = tree.add("ShaderNodeVectorMath", {"operation": "DIVIDE"})
        tree.set(albedo.inputs[0], self._look_up(tree, from_tripod.outputs[0]))
        mean = mean_color(self._spec.surface)
        light = [float(channel) * part for channel, part in zip(self._card, mean, strict=True)]
        albedo.inputs[1].default_value = tuple(light)
        scaled = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        tree.set(scaled.inputs[0], albedo.outputs[0])
        tree.set(scaled.inputs[1], fine)
        limited = tree.add("ShaderNodeVectorMath", {"operation": "MINIMUM"})
        tree.set(limited.inputs[0], scaled.outputs[0])
        limited.inputs[1].default_value = (0.85, 0.85, 0.85)
        return limited.outputs[0]


def _flat(mesh: Mesh) -> Floats:
    """Return x and y of every corner of a mesh [2 N], as its UV map."""
    points = np.empty(len(mesh.vertices) * 3)
    mesh.vertices.foreach_get("co", points)
    corners = np.empty(len(mesh.loops), dtype=np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    flat: Floats = points.reshape(-1, 3)[corners, :2].ravel()
    return flat
