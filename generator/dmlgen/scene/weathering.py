"""Layers over a car's materials that a factor switches on: dirt, and the light of its lamps.

At 0 Cycles removes a layer: picture and render time are the same as without it.
"""

from __future__ import annotations

from bpy.types import NodeSocket

from dmldata.contract.parts import Part
from dmlgen.catalog.roles import ROLES
from dmlgen.catalog.surfaces import load_surface
from dmlgen.scene.nodes import Tree
from dmlgen.scene.surfaces import surface_image

DUST = (0.17, 0.14, 0.10, 1.0)
"""Linear RGBA of dry road dirt."""
CLEAN = frozenset({"interior", "upholstery", "underbody", "reflector"})
SPLASHED = (0.1, 0.95)
"""Heights in meters: below the first splashes hit everything, above the second nothing."""
GLASS_SHARE = 0.3
"""Share of the dirt that stays on panes, which wipers and rain clean."""
GLOW: dict[str, tuple[tuple[float, float, float], float]] = {
    "reflector": ((1.0, 0.93, 0.82), 14.0),
    "lamp_clear": ((1.0, 0.93, 0.82), 0.2),
    "lamp_red": ((1.0, 0.008, 0.004), 0.75),
}
"""Color and radiance of lamps that are lit, relative to a white card in daylight."""
PHOTOGRAPH = "photograph"
"""Name of the node with the image that a car has for a lamp."""
PHOTOGRAPHED = 12.0
"""How much brighter than a plain cover the white of such an image is."""


def cover_with_dirt(tree: Tree, role: str, surface: NodeSocket) -> NodeSocket:
    """Return `surface` under dust and mud, most of it low on the car.

    The node `dirt` says how much.
    """
    if role in CLEAN:
        return surface
    amount = tree.add("ShaderNodeValue", {"name": "dirt"}).outputs[0]
    amount.default_value = 0.0
    grime = tree.add(
        "ShaderNodeTexImage",
        {
            "image": surface_image("grime", data=True),
            "projection": "BOX",
            "projection_blend": 0.2,
        },
        Vector=tree.scaled(
            tree.add("ShaderNodeTexCoord").outputs["Object"], 1.0 / load_surface("grime").tile
        ),
    ).outputs["Color"]
    position = tree.add("ShaderNodeNewGeometry").outputs["Position"]
    height = tree.add("ShaderNodeSeparateXYZ", Vector=position).outputs["Z"]
    low = tree.math("SUBTRACT", 1.0, tree.smoothstep(height, *SPLASHED))
    level = tree.math("MULTIPLY", amount, tree.math("ADD", tree.math("MULTIPLY", low, 0.75), 0.3))
    # With more dirt, it also covers places where less of it sticks.
    start = tree.math("SUBTRACT", 0.72, tree.math("MULTIPLY", level, 0.85))
    covered = tree.smoothstep(grime, start, tree.math("ADD", start, 0.75))
    share = GLASS_SHARE if ROLES[role].part == Part.GLASS else 0.92
    factor = tree.math("MULTIPLY", tree.math("MULTIPLY", covered, share), amount)
    factor = tree.math("MINIMUM", tree.math("MULTIPLY", factor, 2.0), share)
    dust = tree.add("ShaderNodeBsdfDiffuse", Color=DUST, Roughness=1.0).outputs[0]
    return tree.mix_shader(factor, surface, dust)


def glow(tree: Tree, role: str, surface: NodeSocket) -> NodeSocket:
    """Return `surface` of a lamp with its light, in white at the front only.

    The node `light` says how much.
    """
    if role not in GLOW:
        return surface
    color, radiance = GLOW[role]
    brightness = tree.add("ShaderNodeValue", {"name": "light"}).outputs[0]
    brightness.default_value = 0.0
    strength = tree.math("MULTIPLY", brightness, radiance)
    photograph = tree.tree.nodes.get(PHOTOGRAPH)
    if photograph is not None:
        # Bright in the photograph of a lamp is its reflector or bulb, dark is its housing.
        bright = tree.add("ShaderNodeRGBToBW", Color=photograph.outputs["Color"]).outputs[0]
        share = tree.math("MULTIPLY", tree.math("POWER", bright, 2.0), PHOTOGRAPHED)
        strength = tree.math("MULTIPLY", strength, share)
    if role == "reflector":
        # A dish is brightest to a viewer who looks straight into it.
        facing = tree.add("ShaderNodeLayerWeight", Blend=0.5).outputs["Facing"]
        into = tree.math("POWER", tree.math("SUBTRACT", 1.0, facing), 4.0)
        strength = tree.math("MULTIPLY", strength, into)
    if role != "lamp_red":
        along = tree.add("ShaderNodeTexCoord").outputs["Object"]
        forward = tree.add("ShaderNodeSeparateXYZ", Vector=along).outputs["X"]
        strength = tree.math("MULTIPLY", strength, tree.math("GREATER_THAN", forward, 0.0))
    emission = tree.add("ShaderNodeEmission", Color=(*color, 1.0), Strength=strength)
    total = tree.add("ShaderNodeAddShader")
    tree.set(total.inputs[0], surface)
    tree.set(total.inputs[1], emission.outputs[0])
    return total.outputs[0]
