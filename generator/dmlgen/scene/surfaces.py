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

WEAR_TURN = 0.35
"""Angle, in radians, between the tiles of a ground and those of its wear."""
DUST: tuple[float, float, float, float] = (0.26, 0.24, 0.21, 1.0)
"""Linear RGBA of what the wind leaves on grounds."""
DIRT: tuple[float, float, float, float] = (0.055, 0.05, 0.04, 1.0)
"""Linear RGBA of what rain leaves on walls."""


class SurfaceNodes(NamedTuple):
    """Output sockets of a surface's color, roughness and normal."""

    color: NodeSocket
    roughness: NodeSocket
    normal: NodeSocket


def surface_image(name: str, file: str = "color.jpg", data: bool = False) -> Image:
    """Return one of a surface's images; `data` is for values that are no color."""
    image = bpy.data.images.load(str(surface_image_file(name, file)), check_existing=True)
    space = "Non-Color" if data else "sRGB"
    if image.colorspace_settings.name != space:  # Setting it makes Blender read the file again.
        image.colorspace_settings.name = space
    return image


def ground_nodes(tree: Tree, name: str, position: NodeSocket) -> SurfaceNodes:
    """Return a ground whose tile is repeated, under wear that repeats over tens of meters."""
    spec = load_surface(name)
    tiled = tree.scaled(position, 1.0 / spec.tile)
    color = _look_up(tree, surface_image(name), tiled)
    roughness = _look_up(tree, surface_image(name, "roughness.jpg", data=True), tiled)
    if spec.outdoors:
        color, roughness = _worn(tree, position, color, roughness, spec.cracks)
    bent = tree.add("ShaderNodeNormalMap", {"space": "TANGENT"})
    tree.set(bent.inputs["Color"], _look_up(tree, surface_image(name, "normal.jpg", True), tiled))
    return SurfaceNodes(color, roughness, bent.outputs[0])


def _worn(
    tree: Tree, position: NodeSocket, color: NodeSocket, roughness: NodeSocket, cracks: bool
) -> tuple[NodeSocket, NodeSocket]:
    """Return color and roughness of a ground under its wear; `cracks`: also cracks and patches."""
    turned = tree.add("ShaderNodeMapping", {"vector_type": "POINT"}, Vector=position)
    turned.inputs["Rotation"].default_value = (0.0, 0.0, WEAR_TURN)
    turned.inputs["Scale"].default_value = (1.0 / load_surface("wear").tile,) * 3
    wear = _look_up(tree, surface_image("wear", data=True), turned.outputs[0])
    split = tree.add("ShaderNodeSeparateColor", Color=wear)
    broken, oil, dust = (split.outputs[channel] for channel in ("Red", "Green", "Blue"))
    tone = tree.math("ADD", tree.math("MULTIPLY", dust, 1.0), 0.5)
    tone = tree.math("MULTIPLY", tone, tree.math("SUBTRACT", 1.0, tree.math("MULTIPLY", oil, 0.7)))
    if cracks:
        whole = tree.math("SUBTRACT", 1.0, tree.math("MULTIPLY", broken, 0.75))
        tone = tree.math("MULTIPLY", tone, whole)
    pale = tree.math("MULTIPLY", tree.smoothstep(dust, 0.5, 1.0), 0.5)
    color = tree.mix_color(pale, tree.scaled(color, tone), DUST)
    return color, tree.math("SUBTRACT", roughness, tree.math("MULTIPLY", oil, 0.3), clamp=True)


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
        Specular_IOR_Level=load_surface(name).specular,
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
    color = tree.mix_color(_rain_marks(tree, position), color, DIRT)
    shader = tree.add("ShaderNodeBsdfPrincipled", Base_Color=color, Roughness=spec.roughness)
    tree.end(shader.outputs[0])
    return material


def _rain_marks(tree: Tree, position: NodeSocket) -> NodeSocket:
    """Return how dirty a wall is: runs of water on its upright faces, damp above the ground."""
    runs = tree.add(
        "ShaderNodeTexImage",
        {
            "image": surface_image("streaks", data=True),
            "projection": "BOX",
            "projection_blend": 0.0,
        },
        Vector=tree.scaled(position, 1.0 / load_surface("streaks").tile),
    ).outputs["Color"]
    height = tree.add("ShaderNodeSeparateXYZ", Vector=position).outputs["Z"]
    damp = tree.math("SUBTRACT", 1.0, tree.smoothstep(height, 0.1, 1.1))
    marks = tree.math("ADD", tree.math("MULTIPLY", runs, 0.45), tree.math("MULTIPLY", damp, 0.2))
    normal = tree.add("ShaderNodeNewGeometry").outputs["Normal"]
    up = tree.add("ShaderNodeSeparateXYZ", Vector=normal).outputs["Z"]
    upright = tree.math("SUBTRACT", 1.0, tree.math("ABSOLUTE", up))
    return tree.math("MULTIPLY", marks, upright, clamp=True)


def _look_up(tree: Tree, image: Image, position: NodeSocket) -> NodeSocket:
    return tree.add("ShaderNodeTexImage", {"image": image}, Vector=position).outputs["Color"]
