"""Baked surfaces in the scene: tiled over grounds, projected onto walls.

Textures use object coordinates in meters, so a textured object must not be scaled.
"""

from __future__ import annotations

from typing import NamedTuple

import bpy
import numpy as np
from bpy.types import Image, Material, NodeSocket

from dmldata.common.color import decode_srgb
from dmlgen.catalog.surfaces import load_surface, surface_image_file
from dmlgen.scene.nodes import Tree

MACRO_TILE = 26.7
"""Meters over which a ground's brightness varies; this hides that its tile repeats every 4 m."""
MACRO_CONTRAST = 0.42


class SurfaceNodes(NamedTuple):
    """Output sockets of a surface's color, roughness and normal."""

    color: NodeSocket
    roughness: NodeSocket
    normal: NodeSocket


def surface_image(name: str, file: str = "color.jpg", data: bool = False) -> Image:
    """Return one of a surface's images; `data` is for values that are no color."""
    image = bpy.data.images.load(str(surface_image_file(name, file)), check_existing=True)
    image.colorspace_settings.name = "Non-Color" if data else "sRGB"
    return image


def ground_nodes(tree: Tree, name: str, position: NodeSocket) -> SurfaceNodes:
    """Return a ground whose tile is repeated and whose brightness varies over tens of meters."""
    tiled = tree.scaled(position, 1.0 / load_surface(name).tile)
    color = _look_up(tree, surface_image(name), tiled)
    wander = _look_up(
        tree, surface_image("grime", data=True), tree.scaled(position, 1 / MACRO_TILE)
    )
    offset = tree.math("SUBTRACT", wander, 0.5)
    factor = tree.math("ADD", tree.math("MULTIPLY", offset, MACRO_CONTRAST), 1.0)
    roughness = _look_up(tree, surface_image(name, "roughness.jpg", data=True), tiled)
    bent = tree.add("ShaderNodeNormalMap", {"space": "TANGENT"})
    tree.set(bent.inputs["Color"], _look_up(tree, surface_image(name, "normal.jpg", True), tiled))
    return SurfaceNodes(tree.scaled(color, factor), roughness, bent.outputs[0])


def mean_color(name: str) -> tuple[float, float, float]:
    """Return the mean albedo of a surface in linear RGB."""
    image = surface_image(name)
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    light = decode_srgb(pixels.reshape(-1, 4)[:, :3].astype(np.float64))
    red, green, blue = light.mean(axis=0)
    return (float(red), float(green), float(blue))


def ground_material(name: str) -> Material:
    """Return the material of a flat ground.

    Its mesh needs a UV map (of any content) for its normals.
    """
    material = bpy.data.materials.new(f"ground:{name}")
    tree = Tree(material)
    position = tree.add("ShaderNodeTexCoord").outputs["Object"]
    nodes = ground_nodes(tree, name, position)
    shader = tree.add(
        "ShaderNodeBsdfPrincipled",
        Base_Color=nodes.color,
        Roughness=nodes.roughness,
        Normal=nodes.normal,
    )
    tree.end(shader.outputs[0])
    return material


def wall_material(title: str, name: str, tint: tuple[float, float, float]) -> Material:
    """Return a material called `title` for something upright; `tint` multiplies its color."""
    material = bpy.data.materials.new(title)
    tree = Tree(material)
    position = tree.add("ShaderNodeTexCoord").outputs["Object"]
    spec = load_surface(name)
    image = tree.add(
        "ShaderNodeTexImage",
        {"image": surface_image(name), "projection": "BOX", "projection_blend": 0.0},
        Vector=tree.scaled(position, 1.0 / spec.tile),
    )
    color = tree.mix_color(1.0, image.outputs["Color"], (*tint, 1.0), blend="MULTIPLY")
    shader = tree.add("ShaderNodeBsdfPrincipled", Base_Color=color, Roughness=spec.roughness)
    tree.end(shader.outputs[0])
    return material


def _look_up(tree: Tree, image: Image, position: NodeSocket) -> NodeSocket:
    return tree.add("ShaderNodeTexImage", {"image": image}, Vector=position).outputs["Color"]
