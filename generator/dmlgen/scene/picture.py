"""Rendering the stage: a picture, its part mask and what is known of the car in it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from dmlgen.photography import Character, photograph


@dataclass(frozen=True)
class Picture:
    """What one render gives.

    Attributes:
        jpg: the picture.
        mask: the part mask, PNG, 8 bits, values of `dmldata.parts.Part`.
        box: x0, y0, x1, y1 in pixels around what is seen of the car, x1 and y1 exclusive, None
            when nothing is.
        area: share of the picture that the car covers, 0..1.
    """

    jpg: bytes
    mask: bytes
    box: tuple[int, int, int, int] | None
    area: float


class Photographer:
    """Renders the current scene; picture and mask come from the same rays, pixel by pixel."""

    def __init__(self, scratch: Path) -> None:
        self._picture = scratch / "picture.png"
        self._scratch = scratch
        scene = bpy.context.scene
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGB"
        scene.render.image_settings.compression = 0
        scene.render.filepath = str(self._picture)
        scene.render.use_file_extension = True
        layer = scene.view_layers[0]
        layer.use_pass_material_index = True
        # Glass counts as glass, not as what is behind it.
        layer.pass_alpha_threshold = 0.0
        self._route_mask(scene)

    def take(self, character: Character, quality: float, seed: int) -> Picture:
        """Renders a picture of the scene as it stands.

        Args:
            character: of the camera.
            quality: of the JPEG file, 1 to 100.
            seed: of the camera's noise.
        """
        bpy.ops.render.render(write_still=True)
        with Image.open(self._picture) as image:
            jpg = io.BytesIO()
            rng = np.random.default_rng(seed)
            pixels = photograph(np.asarray(image.convert("RGB")), character, rng)
            Image.fromarray(pixels).save(jpg, "JPEG", quality=round(quality), subsampling=0)
        with Image.open(self._scratch / "mask0001.png") as image:
            mask = np.asarray(image.convert("L"))
        png = io.BytesIO()
        Image.fromarray(mask).save(png, "PNG", optimize=True)
        return Picture(jpg.getvalue(), png.getvalue(), _box(mask), float((mask > 0).mean()))

    def _route_mask(self, scene: bpy.types.Scene) -> None:
        scene.use_nodes = True
        scene.frame_current = 1
        tree = scene.node_tree
        tree.nodes.clear()
        layers = tree.nodes.new("CompositorNodeRLayers")
        composite = tree.nodes.new("CompositorNodeComposite")
        tree.links.new(layers.outputs["Image"], composite.inputs[0])
        to_unit = tree.nodes.new("CompositorNodeMath")
        to_unit.operation = "DIVIDE"
        to_unit.inputs[1].default_value = 255.0
        tree.links.new(layers.outputs["IndexMA"], to_unit.inputs[0])
        file = tree.nodes.new("CompositorNodeOutputFile")
        file.base_path = str(self._scratch)
        file.file_slots[0].path = "mask"
        file.format.file_format = "PNG"
        file.format.color_mode = "BW"
        file.format.color_depth = "8"
        file.format.compression = 0
        file.format.color_management = "OVERRIDE"
        file.format.view_settings.view_transform = "Raw"
        tree.links.new(to_unit.outputs[0], file.inputs[0])


def _box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return None
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
