"""The materials of a converted car: one per role, and one per image that a role keeps.

Their names identify them: `role:tyre`, or `role:rim.wheels` with the image `wheels`.
"""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.types import Image, Material, Node, NodeSocket

from dmlgen.catalog.roles import ROLES


def role_material(role: str, image: Image | None = None, patch: str | None = None) -> Material:
    """Return the Blender material of a role, with a plain look for viewers of the GLB file.

    Args:
        image: a Blender image, shown instead of the role's color.
        patch: what takes the place of the faces with this material, for its name.
    """
    # Blender truncates names, which would make two images indistinguishable.
    stem = "" if image is None else Path(image.name).stem.encode()[:24].decode(errors="ignore")
    stem = patch or stem
    name = f"role:{role}.{stem}" if stem else f"role:{role}"
    for material in bpy.data.materials:
        same = material.name == name if image is None else material.name.startswith(name)
        same = same and role_of(material) == role
        if same and image_of(material) == image:
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


def role_of(material: Material) -> str:
    """Return the role of a material made here, also after export to a GLB file and import."""
    return str(material.name).removeprefix("role:").split(".")[0]


def image_of(material: Material) -> Image | None:
    """Return the image that gives a material its color, or None.

    Images for its relief or its gloss do not count.
    """
    if not material.use_nodes:
        return None
    nodes = material.node_tree.nodes
    shader = next((node for node in nodes if node.type == "BSDF_PRINCIPLED"), None)
    candidates = nodes if shader is None else _before(shader.inputs["Base Color"])
    return next(
        (n.image for n in candidates if n.type == "TEX_IMAGE" and n.image is not None), None
    )


def _before(socket: NodeSocket) -> list[Node]:
    """Return the nodes that lead to a socket, the nearest first, each once."""
    upstream: list[Node] = []
    level = [socket]
    while level:
        nodes = [link.from_node for inlet in level for link in inlet.links]
        new = [node for node in dict.fromkeys(nodes) if node not in upstream]
        upstream += new
        level = [inlet for node in new for inlet in node.inputs]
    return upstream
