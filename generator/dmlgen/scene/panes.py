"""Thin sheets of glass or clear plastic, of cars and of buildings."""

from __future__ import annotations

from bpy.types import NodeSocket

from dmlgen.scene.nodes import Tree

IOR = 1.5
BOTH_FACES = 1.7
"""Reflectance of a sheet relative to one of its two faces (Fresnel's equations)."""
POLARIZER = 0.4
"""Share of a reflection that passes the polarizing filter on the camera's lens, which photographers
of cars use to show what is behind glass."""


def pane(tree: Tree, tint: tuple[float, float, float], filtered: bool = True) -> NodeSocket:
    """Return a sheet: what is behind it is tinted and not refracted, under a sharp reflection.

    No light is refracted, so nothing behind it needs caustics. From inside it looks as from
    outside: there is air on both sides.

    Args:
        tint: linear RGB, 0..1 each, of the light that passes.
        filtered: whether a polarizing filter takes a part of the reflection away.
    """
    # At a back face Cycles assumes the inside of solid glass and inverts the index.
    behind = tree.add("ShaderNodeNewGeometry").outputs["Backfacing"]
    index = tree.math("SUBTRACT", IOR, tree.math("MULTIPLY", behind, IOR - 1 / IOR))
    fresnel = tree.add("ShaderNodeFresnel", IOR=index).outputs[0]
    share = BOTH_FACES * (POLARIZER if filtered else 1.0)
    reflectance = tree.math("MULTIPLY", fresnel, share, clamp=True)
    through = tree.add("ShaderNodeBsdfTransparent", Color=(*tint, 1.0)).outputs[0]
    mirror = tree.add("ShaderNodeBsdfGlossy", Roughness=0.0).outputs[0]
    return tree.mix_shader(reflectance, through, mirror)
