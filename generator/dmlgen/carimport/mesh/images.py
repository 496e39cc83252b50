"""Check the images of a source that Blender has read: their folder and their size."""

from __future__ import annotations

import re
from pathlib import Path

import bpy
from bpy.types import Image

from dmlgen.modelfiles.beside import MAX_PIXELS, find_beside, problem_of_image


def pack_images_beside_file(folder: Path) -> tuple[str, ...]:
    """Pack the images that lie in the source's folder, and remove all others before any is decoded.

    Args:
        folder: the folder of the source.

    Returns:
        What was removed and why, one line per image.
    """
    notes = []
    for image in list(bpy.data.images):
        # Blender generates these: they have a size but no file.
        size = image.generated_width * image.generated_height
        if image.source == "VIEWER" or (image.source == "GENERATED" and size <= MAX_PIXELS):
            continue
        path = _path(image)
        problem = _keep(image, path, folder)
        if problem:
            shown = re.split(r"[\\/]", path)[-1] or image.name
            where = ", ".join(f"'{name}'" for name in _without_image(image))
            notes.append(f"'{shown}'{f' of {where}' if where else ''}: {problem}")
            bpy.data.images.remove(image)
    return tuple(notes)


def _keep(image: Image, path: str, folder: Path) -> str:
    """Pack an image and return an empty text, or return why it cannot be packed."""
    if image.source == "GENERATED":
        return f"more than {MAX_PIXELS:,} pixels"
    if image.packed_file is not None:
        return problem_of_image(bytes(image.packed_file.data))
    if image.source != "FILE":
        return "a sequence or a film, not one image"
    image_file = find_beside(folder, path)
    if image_file is None:
        return "not in the folder of the file; put it there"
    problem = problem_of_image(image_file)
    if problem:
        return problem
    if Path(path) != image_file:
        moved = bpy.data.images.load(str(image_file))
        moved.colorspace_settings.name = image.colorspace_settings.name
        moved.alpha_mode = image.alpha_mode
        image.user_remap(moved)
        moved.name, image = image.name, moved
    try:
        image.pack()
    except RuntimeError as error:
        return str(error)
    return ""


def _path(image: Image) -> str:
    return str(bpy.path.abspath(image.filepath, library=image.library))


def _without_image(image: Image) -> list[str]:
    """Remove an image from all materials and return the names of those that showed it."""
    named = []
    for material in bpy.data.materials:
        if not material.use_nodes:
            continue
        nodes = [n for n in material.node_tree.nodes if n.type == "TEX_IMAGE" and n.image == image]
        for node in nodes:
            node.image = None
        if nodes:
            named.append(str(material.name))
    return named
