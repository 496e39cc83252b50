"""The materials of a converted car: one for each role, one more for each image a role keeps.

Their names say what they are: `role:tyre`, or `role:rim.wheels` with the image `wheels`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from dmlgen.roles import ROLES


def role_material(role: str, image: Any = None) -> Any:
    """The Blender material of a role, with a plain look for viewers of the GLB file.

    Args:
        image: a Blender image, shown in place of the role's colour.
    """
    name = f"role:{role}" if image is None else f"role:{role}.{Path(image.name).stem}"
    material = bpy.data.materials.get(name)
    if material is not None:
        return material
    look = ROLES[role]
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*look.color, 1.0)
    shader.inputs["Metallic"].default_value = look.metallic
    shader.inputs["Roughness"].default_value = look.roughness
    shader.inputs["Alpha"].default_value = look.alpha
    if image is not None:
        shader.inputs["Alpha"].default_value = 1.0
        texture = material.node_tree.nodes.new("ShaderNodeTexImage")
        texture.image = image
        material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material


def role_of(material: Any) -> str:
    """The role that a material made here stands for, also after a trip through a GLB file."""
    return str(material.name).removeprefix("role:").split(".")[0]


def image_of(material: Any) -> Any:
    """The image that a material shows, None if it has none."""
    if not material.use_nodes:
        return None
    images = [n for n in material.node_tree.nodes if n.type == "TEX_IMAGE" and n.image is not None]
    # Others give its relief or its gloss.
    shown = [n for n in images if any(_is_color(link.to_socket) for link in n.outputs[0].links)]
    return (shown or images)[0].image if images else None


def _is_color(socket: Any) -> bool:
    return str(socket.name) == "Base Color"
