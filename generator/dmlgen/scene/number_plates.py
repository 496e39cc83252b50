"""Draw number plates and put them before the blank plates of a car."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import bpy
import numpy as np
from bpy.types import Material, Object
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dmldata.common.arrays import Floats
from dmlgen.catalog.assets import scenes_folder
from dmlgen.catalog.number_plates import BLANK, FONT, PLATE_STYLES, PlateStyle
from dmlgen.derive.glb import CarFile
from dmlgen.scene.materials import CarMaterials

PIXELS_PER_METER = 1600
BAND = 0.045
"""Width in meters of the blue band."""
BAND_COLOR, BAND_INK = (26, 54, 128), (226, 222, 190)
GRIME = 0.16
"""Share of the light that the dirtiest spots of a plate lose."""
STANDOUT = 0.004
"""Meters between a blank plate and the number before it."""


class Place(NamedTuple):
    """Where a number plate is on a car.

    Attributes:
        center: meters, in the car's coordinates [3].
        right, up: unit vectors along the plate, as seen from outside [3].
        size: width and height of the blank plate in meters.
    """

    center: Floats
    right: Floats
    up: Floats
    size: tuple[float, float]


def plate_size(style: str) -> tuple[float, float] | None:
    """Return width and height in meters of plates of a style; None for blank ones."""
    return None if style == BLANK else PLATE_STYLES[style].size


def dress(materials: CarMaterials, style: str, seed: Sequence[int]) -> None:
    """Give the plates of cars with these materials an invented number in a style, or make it blank.

    Args:
        style: value of the factor `number_plate`.
        seed: of the number; both plates of a car have the same.
    """
    if style == BLANK:
        materials.set_number_plates({})
        return
    look, rng = PLATE_STYLES[style], np.random.default_rng(seed)
    number = look.number(rng)
    materials.set_number_plates(
        {end: draw_plate(look, number, rear=end == "rear", rng=rng) for end in ("front", "rear")}
    )


def draw_plate(
    style: PlateStyle, number: str, *, rear: bool, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the picture of a plate, uint8 [H, W, 3] sRGB."""
    width, height = (round(side * PIXELS_PER_METER) for side in style.size)
    ground = style.rear if rear else style.front
    plate = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(plate)
    left, top = 0, 0
    if style.band:
        left = round(BAND * PIXELS_PER_METER)
        draw.rectangle((0, 0, left, height), fill=BAND_COLOR)
        _center(draw, style.band, (0, height // 2, left, height), BAND_INK, 0.55)
        _stars(draw, (left / 2, height * 0.3), left * 0.3)
    if style.header:
        top = round(0.24 * height)
        header = style.header[int(rng.integers(len(style.header)))]
        _center(draw, header, (0, 0, width, top), (150, 40, 44), 0.62)
    box = (left, top, width, height)
    # Characters are pressed: their edges catch the light above and cast a shadow below.
    light, dark = (tuple(int(c * k) for c in ground) for k in (1.12, 0.72))
    for shift, ink in ((-2, light), (2, dark), (0, style.ink)):
        _center(draw, number, box, ink, 0.7, shift)
    edge = tuple(int(c * 0.62) for c in ground)
    draw.rounded_rectangle((2, 2, width - 3, height - 3), 10, outline=edge, width=3)
    coarse = (rng.random((5, 12)) * 255).astype(np.uint8)
    spots = Image.fromarray(coarse).resize(plate.size, Image.Resampling.BICUBIC)
    clean = 1 - GRIME * np.asarray(spots, np.float32)[..., None] / 255
    picture: NDArray[np.uint8] = (np.asarray(plate) * clean).astype(np.uint8)
    return picture


def _center(
    draw: ImageDraw.ImageDraw,
    text: str,
    box: tuple[int, int, int, int],
    ink: tuple[int, ...],
    share: float,
    shift: int = 0,
) -> None:
    """Draw text in the middle of a box, capitals as high as a share of it or as wide as it fits."""
    x0, y0, x1, y1 = box
    size = share * (y1 - y0) / 0.7
    font = ImageFont.truetype(str(scenes_folder() / FONT), size)
    widest = 0.88 * (x1 - x0)
    if font.getlength(text) > widest:
        font = font.font_variant(size=size * widest / font.getlength(text))
    middle = (x0 + x1) / 2, (y0 + y1) / 2 + shift
    draw.text(middle, text, fill=ink, font=font, anchor="mm")


def _stars(draw: ImageDraw.ImageDraw, middle: tuple[float, float], radius: float) -> None:
    for angle in np.arange(12) * (np.pi / 6):
        x = middle[0] + radius * np.cos(angle)
        y = middle[1] + radius * np.sin(angle)
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=BAND_INK)


def find_places(car: CarFile) -> dict[str, Place]:
    """Return the places of the number plates of a car, by `front` and `rear`.

    They are where faces of the role `plate` look forwards and backwards.
    """
    places = {}
    parts = [(node.middle, part) for node in car.nodes for part in node.of_role("plate")]
    corners = np.concatenate(
        [middle + part.points[part.triangles] for middle, part in parts] or [np.zeros((0, 3, 3))]
    )
    # Twice the area long.
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1)
    for end, side in (("front", 1.0), ("rear", -1.0)):
        here = corners[:, :, 0].mean(axis=1) > 0
        outwards = (here if end == "front" else ~here) & (normals[:, 0] * side > 0.5 * length)
        if outwards.any():
            places[end] = _place(corners[outwards].reshape(-1, 3), normals[outwards].sum(axis=0))
    return places


def _place(points: Floats, outward: Floats) -> Place:
    """Return the place that points [V, 3] of a plate span, which looks along `outward` [3]."""
    outward = outward / np.linalg.norm(outward)
    right = np.cross([0.0, 0.0, 1.0], outward)
    right /= np.linalg.norm(right)
    up = np.cross(outward, right)
    axes = np.stack([right, up, outward])
    along = points @ axes.T
    low, high = along.min(axis=0), along.max(axis=0)
    middle = np.array([*((low + high) / 2)[:2], high[2] + STANDOUT])
    width, height = (high - low)[:2].tolist()
    return Place(middle @ axes, right, up, (width, height))


def build_plate(place: Place, size: tuple[float, float], material: Material) -> Object:
    """Return a new object: a plate of `size` in meters, as large as its place allows."""
    width, height = size
    # A plate may be a little higher than its place: it hangs before the recess.
    scale = min(1.0, place.size[0] / width, max(1.1 * place.size[1] / height, 0.8))
    right, up = place.right * width * scale / 2, place.up * height * scale / 2
    center = place.center
    corners = [center - right - up, center + right - up, center + right + up, center - right + up]
    mesh = bpy.data.meshes.new("number_plate")
    mesh.from_pydata([corner.tolist() for corner in corners], [], [(0, 1, 2, 3)])
    uv = np.array([0, 0, 1, 0, 1, 1, 0, 1], np.float32)
    mesh.uv_layers.new().data.foreach_set("uv", uv)
    mesh.materials.append(material)
    obj = bpy.data.objects.new("number_plate", mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj
