"""Bake the surfaces of scenes/surfaces/: `python -m dmlgen.surfaces.bake [NAME ...]`."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from dmldata.common.color import encode_srgb
from dmldata.common.output import say
from dmlgen.catalog.assets import surface_folder
from dmlgen.catalog.surfaces import load_surface
from dmlgen.surfaces import facades, grounds, signs, walls, wear
from dmlgen.surfaces.grounds import Surface
from dmlgen.surfaces.noise import Array, normals

SIZE = 1024
BAKERS: dict[str, Callable[[int, np.random.Generator], Surface]] = {
    "asphalt": grounds.asphalt,
    "asphalt_wet": grounds.asphalt_wet,
    "concrete": grounds.concrete,
    "tiles": grounds.tiles,
    "pavers": grounds.pavers,
    "cobbles": grounds.cobbles,
    "gravel": grounds.gravel,
    "grass": grounds.grass,
    "brick": walls.brick,
    "plaster": walls.plaster,
    "concrete_wall": walls.concrete_wall,
    "grime": walls.grime,
    "clouds": walls.clouds,
    "streaks": facades.streaks,
    "wear": wear.wear,
    "windows": facades.windows,
    "doors": facades.doors,
    "flags": signs.flags,
    "fascias": signs.fascias,
}
MASKS = frozenset({"grime", "clouds", "streaks", "wear"})
"""Surfaces whose image holds shares and not colors: stored without a transfer function."""


def baked(name: str, size: int = SIZE) -> dict[str, Image.Image]:
    """Return the images of a surface, by file name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    surface = BAKERS[name](size, rng)
    encoded = surface.albedo if name in MASKS else encode_srgb(surface.albedo)
    images = {"color.jpg": _picture(encoded)}
    if surface.height is not None:
        normal = normals(surface.height, load_surface(name).tile)
        images["normal.jpg"] = _picture(normal * 0.5 + 0.5)
    if surface.roughness is not None:
        half = surface.roughness.reshape(size // 2, 2, size // 2, 2).mean(axis=(1, 3))
        images["roughness.jpg"] = _picture(half)
    return images


def bake(name: str, folder: Path) -> None:
    """Write the images of a surface into `folder`."""
    for file, image in baked(name).items():
        # An eye tolerates reduced chroma resolution. In a normal map it becomes visible relief, and
        # the channels of a mask have nothing to do with one another.
        exact = file == "normal.jpg" or name in MASKS
        image.save(folder / file, quality=84, subsampling=0 if exact else 2)


def _picture(values: Array) -> Image.Image:
    return Image.fromarray(np.round(np.clip(values, 0, 1) * 255).astype(np.uint8))


if __name__ == "__main__":
    for surface_name in sys.argv[1:] or BAKERS:
        bake(surface_name, surface_folder(surface_name))
        say(surface_name)
