"""Render the stage: a picture, its part mask, and box and area of the car in it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmldata.common.arrays import Floats
from dmldata.contract.decode import NORMAL_SCALE, NORMAL_ZERO
from dmlgen.scene import tracing
from dmlgen.scene.denoiser import Denoiser
from dmlgen.scene.development import Development, develop
from dmlgen.scene.photography import Character, photograph
from dmlgen.scene.tracing import Refinement, Traced


@dataclass(frozen=True)
class Picture:
    """The result of one render.

    Attributes:
        jpg: the picture.
        maps: the part mask, and the maps of depth and normals if the scene asks for them, as
            PNG by extension; see `dmldata.contract.decode` for their values.
        box: x0, y0, x1, y1 in pixels around what is seen of the car, x1 and y1 exclusive, None
            when nothing is.
        area: share of the picture that the car covers, 0..1.
        seconds: what the time went into: `sync` (Blender's evaluation of the scene), `trace` (all
            of Cycles: scene, BVH, sky, light paths), `denoise`, `develop` (from light to 8 bits),
            `encode`.
    """

    jpg: bytes
    maps: dict[str, bytes]
    box: tuple[int, int, int, int] | None
    area: float
    seconds: dict[str, float]


@dataclass(frozen=True)
class Shot:
    """How a camera takes a picture.

    Attributes:
        character: effects of lens, sensor and processing.
        jpeg_quality: quality of the JPEG file, 1 to 100.
        seed: seed of the camera's noise.
        development: how light becomes a picture; None: by Blender, as the scene's view says.
    """

    character: Character
    jpeg_quality: float
    seed: int
    development: Development | None = None


class Photographer:
    """Renders the current scene; picture and mask come from the same rays, pixel by pixel.

    Args:
        scratch: an existing folder for temporary files.
    """

    def __init__(self, scratch: Path) -> None:
        self._file = scratch / "picture.png"
        scene = bpy.context.scene
        scene.render.image_settings.file_format = "PNG"
        scene.render.image_settings.color_mode = "RGB"
        scene.render.image_settings.compression = 0
        scene.render.filepath = str(self._file)
        layer = scene.view_layers[0]
        layer.cycles.denoising_store_passes = True
        layer.use_pass_material_index = True
        # In the mask, glass counts as glass and not as what is behind it.
        layer.pass_alpha_threshold = 0.0
        size = scene.render.resolution_x, scene.render.resolution_y
        self._denoiser = Denoiser(*size, scene.render.threads)

    def take(self, shot: Shot, refinement: Refinement | None = None) -> Picture:
        """Render a picture of the scene as it is set.

        Args:
            refinement: where more is traced than the scene's number of samples.
        """
        clock = [perf_counter()]
        tracing.render(partial(self._work, clock), refinement, write=shot.development is None)
        if shot.development is None:
            with Image.open(self._file) as image:
                developed = np.asarray(image)
        else:
            developed = develop(self._light, shot.development)
        pixels = photograph(developed, shot.character, np.random.default_rng(shot.seed))
        clock.append(perf_counter())
        jpg = io.BytesIO()
        subsampling = "4:4:4" if shot.development is None else "4:2:0"
        quality = round(shot.jpeg_quality)
        Image.fromarray(pixels).save(jpg, "JPEG", quality=quality, subsampling=subsampling)
        maps = {extension: _png(pixels) for extension, pixels in self._maps.items()}
        clock.append(perf_counter())
        traced, denoise, developing, encode = np.diff(clock).tolist()
        seconds = {
            "sync": traced - self._trace,
            "trace": self._trace,
            "denoise": denoise,
            "develop": developing,
            "encode": encode,
        }
        mask = self._maps["mask.png"]
        return Picture(jpg.getvalue(), maps, _box(mask), float((mask > 0).mean()), seconds)

    def _work(self, clock: list[float], traced: Traced) -> Floats:
        """Keep the maps of what was traced and return its color without noise."""
        clock.append(perf_counter())
        self._trace = traced.seconds
        self._maps = {"mask.png": np.round(traced.material_index[::-1, :, 0]).astype(np.uint8)}
        if traced.depth is not None:
            self._maps["depth.png"] = _millimeters(traced.depth[::-1, :, 0])
        if traced.shading_normal is not None:
            self._maps["normal.png"] = _normals_as_color(traced.shading_normal[::-1])
        color = traced.color
        light = self._denoiser.denoise(color[..., :3], traced.albedo, traced.normal)
        self._light = light[::-1]
        color[..., :3] = light
        clock.append(perf_counter())
        return color


def _millimeters(depth: Floats) -> NDArray[np.uint16]:
    return np.minimum(np.round(depth * 1000), np.iinfo(np.uint16).max).astype(np.uint16)


def _normals_as_color(normals: Floats) -> NDArray[np.uint8]:
    """Return normals [H, W, 3] in world coordinates as 8-bit colors in those of the camera."""
    to_camera = np.array(bpy.context.scene.camera.matrix_world.to_3x3())
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    unit = normals / np.maximum(length, 1e-6) @ to_camera
    color = np.round(unit * NORMAL_SCALE + NORMAL_ZERO)
    # What belongs to no surface has no normal.
    return np.where(length > 1e-3, color, 0).astype(np.uint8)


def _png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def _box(mask: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return None
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
