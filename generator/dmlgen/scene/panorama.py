"""A real place: a panorama around the car, and its own ground under the wheels.

The ground is a plane whose albedo is that of a baked surface in the panorama's color: the broad
colors of its ground, projected down from where it was taken and divided by the light that falls
there. Where the car blocks that light, the plane is in shadow. The panorama's own detail would
smear, as the tripod saw the ground at a flat angle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Image, Mesh, Node, NodeSocket

from dmldata.common.arrays import Floats
from dmldata.common.errors import UnknownNameError
from dmlgen.catalog.assets import project_panoramas
from dmlgen.catalog.places import PanoramaSpec
from dmlgen.scene.changes import Changes
from dmlgen.scene.light.daylight import LUMINANCE, light_gain
from dmlgen.scene.light.sky import sample_light_of
from dmlgen.scene.nodes import Tree
from dmlgen.scene.surfaces import ground_nodes, mean_color
from dmlgen.scene.things import Things

LOCAL_TINT = 0.12
"""Share of the ground's color that varies from place to place."""
HUE = 0.25
"""Share of the panorama in the hue of its ground; the rest is the baked surface's own."""


def panorama_file(name: str) -> Path:
    """Return the path of a panorama of the project, or in Blender's data files (CC0, Greg Zaal).

    Raises:
        UnknownNameError: there is no such panorama; the message lists those there are.
    """
    folder = Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world"
    files = {file.name: file for file in folder.glob("*.exr")} | project_panoramas()
    if name not in files:
        raise UnknownNameError("panorama", name, sorted(files))
    return files[name]


def light_on_ground(pixels: Floats) -> Floats:
    """Return the radiance [3] of a white diffuse card on the ground under a panorama.

    Args:
        pixels: [H, W, 3] linear radiance, equirectangular, zenith in the first row.
    """
    height, width = pixels.shape[:2]
    theta = (np.arange(height // 2) + 0.5) / height * np.pi
    weight = np.sin(theta) * np.cos(theta) * (np.pi / height) * (2 * np.pi / width) / np.pi
    return np.einsum("hwc,h->c", pixels[: height // 2].astype(np.float64), weight)


def ground_tint(pixels: Floats, card: Floats) -> Floats:
    """Return the broad colors of the ground under a panorama, [32, 64, 3], zenith first.

    Most of it is the mean of what is of middle lightness in the lower half, so that lines, plants
    and shadows do not color a ground on which none of them is seen.

    Args:
        pixels: [H, W, 3] linear radiance, equirectangular, zenith in the first row.
        card: radiance [3] of a white card on the ground; the hue of a gray ground.
    """
    height, width = pixels.shape[:2]
    blocks = pixels[: height // 32 * 32, : width // 64 * 64]
    coarse = blocks.reshape(32, height // 32, 64, width // 64, 3).mean(axis=(1, 3))
    # Right at the horizon stands what is no ground.
    below = coarse[18:].reshape(-1, 3)
    lightness = below @ LUMINANCE
    low, high = np.quantile(lightness, [0.3, 0.7])
    middle = below[(lightness >= low) & (lightness <= high)].mean(axis=0)
    gray = card * float(middle @ LUMINANCE) / float(card @ LUMINANCE)
    whole = HUE * middle + (1 - HUE) * gray
    tint: Floats = LOCAL_TINT * coarse + (1 - LOCAL_TINT) * whole
    return tint


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
        light = pixels.reshape(height, width, 4)[::-1, :, :3]
        self._card = light_on_ground(light)
        self._tint = _to_image(f"tint:{spec.name}", ground_tint(light, self._card))
        self._markings = Things(spec.name, spec.markings)
        self._build_world()
        self._build_ground()

    def show(self, visible: bool) -> None:
        """Make this the environment of the scene, or hide it."""
        self._ground.hide_render = not visible
        self._markings.show(visible)
        if visible:
            bpy.context.scene.world = self._world

    def set(self, values: Mapping[str, Any]) -> None:
        """Set the view to the value of its factor."""
        self._changes.apply(self._turn, values, "environment_view")

    def _turn(self, view: float) -> None:
        start, end = self._spec.arc
        angle = start + view * (end - start)
        self._markings.turn(angle)
        for mapping in self._turns:
            mapping.inputs["Rotation"].default_value = (0.0, 0.0, -math.radians(angle))

    def _look_up(self, tree: Tree, direction: NodeSocket, image: Image) -> NodeSocket:
        mapping = tree.add("ShaderNodeMapping", {"vector_type": "POINT"})
        tree.set(mapping.inputs["Vector"], direction)
        self._turns.append(mapping)
        texture = tree.add("ShaderNodeTexEnvironment", {"image": image, "interpolation": "Cubic"})
        tree.set(texture.inputs["Vector"], mapping.outputs[0])
        return texture.outputs["Color"]

    def _build_world(self) -> None:
        self._world = bpy.data.worlds.new(self._spec.name)
        tree = Tree(self._world)
        direction = tree.add("ShaderNodeTexCoord").outputs["Generated"]
        light = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        tree.set(light.inputs[0], self._look_up(tree, direction, self._image))
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
        """Return the tint seen from the tripod, divided by the light, times `fine`."""
        from_tripod = tree.add("ShaderNodeVectorMath", {"operation": "SUBTRACT"})
        tree.set(from_tripod.inputs[0], position)
        from_tripod.inputs[1].default_value = (0.0, 0.0, self._spec.tripod_height)
        albedo = tree.add("ShaderNodeVectorMath", {"operation": "DIVIDE"})
        tree.set(albedo.inputs[0], self._look_up(tree, from_tripod.outputs[0], self._tint))
        # Of the surface only the lightness is taken out: grass stays green.
        lightness = float(np.array(mean_color(self._spec.surface)) @ LUMINANCE)
        albedo.inputs[1].default_value = tuple(self._card * lightness)
        scaled = tree.add("ShaderNodeVectorMath", {"operation": "MULTIPLY"})
        tree.set(scaled.inputs[0], albedo.outputs[0])
        tree.set(scaled.inputs[1], fine)
        limited = tree.add("ShaderNodeVectorMath", {"operation": "MINIMUM"})
        tree.set(limited.inputs[0], scaled.outputs[0])
        limited.inputs[1].default_value = (0.85, 0.85, 0.85)
        return limited.outputs[0]


def _to_image(name: str, pixels: Floats) -> Image:
    """Return an image of linear colors [H, W, 3], its first row on top."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height, float_buffer=True)
    image.colorspace_settings.name = "Non-Color"
    whole = np.concatenate([pixels[::-1], np.ones((height, width, 1))], axis=2)
    image.pixels.foreach_set(whole.astype(np.float32).ravel())
    # Cycles reads the file of an image anew unless it is packed.
    image.pack()
    return image


def _flat(mesh: Mesh) -> Floats:
    """Return x and y of every corner of a mesh [2 N], as its UV map."""
    points = np.empty(len(mesh.vertices) * 3)
    mesh.vertices.foreach_get("co", points)
    corners = np.empty(len(mesh.loops), dtype=np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    flat: Floats = points.reshape(-1, 3)[corners, :2].ravel()
    return flat
