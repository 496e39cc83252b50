"""Materials of the things in a place, each built once and shared."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
from bpy.types import Material, NodeSocket

from dmldata.common.arrays import Floats
from dmlgen.catalog.surfaces import load_surface
from dmlgen.scene.nodes import Tree
from dmlgen.scene.panes import pane
from dmlgen.scene.surfaces import surface_image, wall_material

Color = tuple[float, float, float]

PLAIN: dict[str, tuple[Color, float, float]] = {
    "trim": ((0.62, 0.60, 0.55), 0.7, 0.0),
    "frame_white": ((0.7, 0.7, 0.68), 0.4, 0.0),
    "frame_dark": ((0.03, 0.032, 0.035), 0.4, 0.0),
    "roof_red": ((0.21, 0.058, 0.032), 0.8, 0.0),
    "roof_gray": ((0.055, 0.057, 0.06), 0.7, 0.0),
    "zinc": ((0.42, 0.43, 0.44), 0.38, 0.85),
    "metal_gray": ((0.16, 0.165, 0.17), 0.45, 0.3),
    "metal_green": ((0.02, 0.055, 0.035), 0.45, 0.0),
    "sheet_light": ((0.42, 0.43, 0.43), 0.45, 0.2),
    "sheet_blue": ((0.035, 0.11, 0.27), 0.45, 0.1),
    "stone": ((0.30, 0.29, 0.27), 0.8, 0.0),
    "rubber": ((0.015, 0.015, 0.016), 0.7, 0.0),
    "bark": ((0.055, 0.042, 0.032), 0.9, 0.0),
    "earth": ((0.026, 0.036, 0.015), 1.0, 0.0),
    "orange": ((0.75, 0.13, 0.015), 0.5, 0.0),
    "white": ((0.7, 0.7, 0.7), 0.45, 0.0),
    "yellow": ((0.55, 0.36, 0.02), 0.55, 0.0),
    "blue": ((0.01, 0.06, 0.30), 0.4, 0.0),
    "lamp_glass": ((0.75, 0.74, 0.70), 0.3, 0.0),
}
"""Linear RGB, roughness and metalness of materials without texture."""
ROOM_LIGHT = 0.3
"""Light in a room behind glass by day, as a share of that on a white card outside."""
LEAVES: dict[str, Color] = {
    "leaf_dark": (0.030, 0.062, 0.016),
    "leaf": (0.045, 0.092, 0.022),
    "leaf_light": (0.080, 0.132, 0.030),
    "leaf_yellow": (0.13, 0.13, 0.03),
    "leaf_brown": (0.16, 0.075, 0.022),
    "leaf_dead": (0.09, 0.045, 0.02),
}


def plain(name: str) -> Material:
    """Return a material without texture, by its key in PLAIN."""

    def build(tree: Tree) -> NodeSocket:
        color, roughness, metallic = PLAIN[name]
        return tree.add(
            "ShaderNodeBsdfPrincipled",
            Base_Color=(*color, 1.0),
            Roughness=roughness,
            Metallic=metallic,
        ).outputs[0]

    return _shared(name, build)


def leaf(name: str) -> Material:
    """Return the material of a leaf, by its key in LEAVES; light passes through it."""

    def build(tree: Tree) -> NodeSocket:
        red, green, blue = LEAVES[name]
        body = tree.add(
            "ShaderNodeBsdfPrincipled", Base_Color=(red, green, blue, 1.0), Roughness=0.55
        ).outputs[0]
        warmer = (red * 1.7, green * 1.5, blue * 0.6, 1.0)
        through = tree.add("ShaderNodeBsdfTranslucent", Color=warmer).outputs[0]
        return tree.mix_shader(0.45, body, through)

    return _shared(name, build)


def picture(surface: str, specular: float = 0.5) -> Material:
    """Return something flat that shows a part of a baked atlas, which its UV map selects.

    `specular` is how strongly it mirrors: 0.5 is paint, more is glass.
    """

    def build(tree: Tree) -> NodeSocket:
        image = tree.add("ShaderNodeTexImage", {"image": surface_image(surface)})
        return tree.add(
            "ShaderNodeBsdfPrincipled",
            Base_Color=image.outputs["Color"],
            Roughness=load_surface(surface).roughness,
            Specular_IOR_Level=specular,
        ).outputs[0]

    return _shared(f"picture {surface}", build)


def drawn_from_atlas(surface: str, rng: np.random.Generator) -> Floats:
    """Return the UV map [1, 4, 2] of a face that shows one picture of an atlas, drawn at random."""
    columns, rows = load_surface(surface).atlas
    column, row = rng.integers(columns), rng.integers(rows)
    # Right at its edge a picture would take on the color of the next one.
    inset = 0.01
    left, right = (column + inset) / columns, (column + 1 - inset) / columns
    low, high = (row + inset) / rows, (row + 1 - inset) / rows
    return np.array([[(left, low), (right, low), (right, high), (left, high)]])


def glazing() -> Material:
    """Return a clear pane."""
    return _shared("glazing", lambda tree: pane(tree, (0.8, 0.84, 0.82)))


def lit(color: Color) -> Material:
    """Return something inside a room whose lamps are on by day."""

    def build(tree: Tree) -> NodeSocket:
        return tree.add(
            "ShaderNodeBsdfPrincipled",
            Base_Color=(*color, 1.0),
            Roughness=0.5,
            Emission_Color=(*color, 1.0),
            Emission_Strength=ROOM_LIGHT,
        ).outputs[0]

    return _shared(f"lit {color}", build, glows=True)


def lamp() -> Material:
    """Return a lamp of such a room."""

    def build(tree: Tree) -> NodeSocket:
        white = (1.0, 0.95, 0.85, 1.0)
        return tree.add("ShaderNodeEmission", Color=white, Strength=3.0).outputs[0]

    return _shared("lamp", build, glows=True)


def road_paint(color: Color) -> Material:
    """Return thermoplastic paint on a road, worn away in places."""

    def build(tree: Tree) -> NodeSocket:
        position = tree.add("ShaderNodeTexCoord").outputs["Object"]
        image = {"image": surface_image("grime", data=True)}
        worn = tree.add("ShaderNodeTexImage", image, Vector=position).outputs["Color"]
        gone = tree.math("MULTIPLY", tree.smoothstep(worn, 0.45, 0.85), 0.85)
        paint = tree.add("ShaderNodeBsdfPrincipled", Base_Color=(*color, 1.0), Roughness=0.6)
        through = tree.add("ShaderNodeBsdfTransparent").outputs[0]
        return tree.mix_shader(gone, paint.outputs[0], through)

    return _shared(f"road paint {color}", build)


def wall(surface: str, tint: Color = (1.0, 1.0, 1.0)) -> Material:
    """Return a baked surface for something upright."""
    name = f"prop:{surface} {tint}"
    return bpy.data.materials.get(name) or wall_material(name, surface, tint)


def _shared(name: str, build: Callable[[Tree], NodeSocket], glows: bool = False) -> Material:
    """Return the material of that name, which is built when it is first needed.

    One that `glows` is seen, but too weak by day for rays to be sent to it as to a light.
    """
    name = f"prop:{name}"
    material = bpy.data.materials.get(name)
    if material is None:
        material = bpy.data.materials.new(name)
        tree = Tree(material)
        tree.end(build(tree))
        if glows:
            material.cycles.emission_sampling = "NONE"
    return material
