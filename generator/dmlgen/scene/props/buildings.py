"""Buildings: a facade towards +x with real openings, and what stands behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from bpy.types import Material, Object

from dmlgen.scene.props.materials import Color, drawn_from_atlas, picture, plain, wall
from dmlgen.scene.props.shape import Shape, upright

REVEAL = 0.16
"""Depth, in meters, at which window frames sit in the wall."""
ROOM = 1.6
"""Width, in meters, of the window of one room; wider ones show several."""


@dataclass(frozen=True)
class Style:
    """How a facade is divided; lengths in meters.

    Attributes:
        surface, tint: surface and tint of the wall.
        story: height of a story.
        bay: width of a wall's part with one window.
        window: width and height of a window.
        sill: height of the window above its floor.
        panes: how many lights a window is divided into, side by side.
    """

    surface: str
    tint: Color
    story: float
    bay: float
    window: tuple[float, float]
    sill: float
    panes: int
    frame: str
    roof: str | None


STYLES = {
    "brick": Style("brick", (1, 1, 1), 3.0, 2.9, (1.2, 1.55), 0.85, 2, "frame_white", "roof_gray"),
    "plaster": Style(
        "plaster", (1.0, 0.80, 0.48), 3.1, 2.7, (1.1, 1.65), 0.8, 2, "frame_white", "roof_red"
    ),
    "render": Style(
        "plaster", (0.86, 0.90, 0.92), 3.0, 3.1, (1.5, 1.5), 0.9, 2, "frame_dark", "roof_gray"
    ),
    "office": Style("concrete_wall", (1, 1, 1), 3.5, 3.6, (3.1, 1.9), 0.9, 3, "frame_dark", None),
}


def building(
    width: float, height: float, depth: float, style: str, rng: np.random.Generator
) -> list[Object]:
    """Build a building whose facade lies in the plane x = 0; `height` is up to the eaves."""
    look = STYLES[style]
    shape = Shape(f"building:{style}")
    stone = wall(look.surface, look.tint)
    stories = max(1, round(height / look.story))
    bays = max(1, int(width / look.bay))
    door = bays // 2
    story, bay = height / stories, width / bays
    for floor in range(stories):
        for column in range(bays):
            left, bottom = -width / 2 + column * bay, floor * story
            is_door = floor == 0 and column == door and look.roof is not None
            opening = (1.1, 2.2) if is_door else look.window
            sill = 0.05 if is_door else look.sill
            y0 = left + (bay - opening[0]) / 2
            hole = (y0, y0 + opening[0], bottom + sill, bottom + sill + opening[1])
            _wall_around(shape, (left, left + bay, bottom, bottom + story), hole, stone)
            _reveal(shape, hole, stone)
            if is_door:
                _door(shape, hole, rng)
            else:
                _window(shape, hole, look, rng)
    _body(shape, width, height, depth, stone)
    shape.box((0.0, -width / 2, 0.0), (0.06, width / 2, 0.45), plain("stone"))
    if look.roof is None:
        shape.box((-depth, -width / 2, height), (0.10, width / 2, height + 0.5), plain("zinc"))
    else:
        _pitched_roof(shape, width, height, depth, plain(look.roof), stone)
        shape.tube(
            (0.06, width / 2 - 0.2, 0), (0.06, width / 2 - 0.2, height), (0.05, 0.05), plain("zinc")
        )
    return [shape.finish()]


def hall(width: float, height: float, depth: float, color: str) -> list[Object]:
    """Build a shed of corrugated sheet with roller doors towards +x."""
    shape = Shape("hall")
    sheet = plain(color)
    _corrugated(shape, -width / 2, width / 2, 0.9, height, 0.0, sheet)
    shape.box((-0.1, -width / 2, 0), (0.02, width / 2, 0.9), wall("concrete_wall"))
    for middle in np.arange(-width / 2 + 4, width / 2 - 2, 7.0):
        shape.box((-0.05, middle - 1.9, 0), (0.07, middle + 1.9, 3.7), plain("metal_gray"))
        slats = np.arange(0, 3.5, 0.12)
        for z in slats:
            shape.box(
                (0.06, middle - 1.75, z), (0.085, middle + 1.75, z + 0.10), plain("sheet_light")
            )
    _body(shape, width, height, depth, sheet)
    shape.box(
        (-depth, -width / 2 - 0.1, height), (0.15, width / 2 + 0.1, height + 0.25), plain("zinc")
    )
    return [shape.finish()]


def _wall_around(
    shape: Shape,
    part: tuple[float, float, float, float],
    hole: tuple[float, float, float, float],
    stone: Material,
) -> None:
    (y0, y1, z0, z1), (a, b, c, d) = part, hole
    for rectangle in ((y0, y1, z0, c), (y0, y1, d, z1), (y0, a, c, d), (b, y1, c, d)):
        shape.quads(upright(0.0, *rectangle), stone)


def _reveal(shape: Shape, hole: tuple[float, float, float, float], stone: Material) -> None:
    y0, y1, z0, z1 = hole
    outer = [(0.0, y0, z0), (0.0, y1, z0), (0.0, y1, z1), (0.0, y0, z1)]
    inner = [(-REVEAL, y, z) for _, y, z in outer]
    for i in range(4):
        j = (i + 1) % 4
        shape.quads(np.array([[outer[i], inner[i], inner[j], outer[j]]]), stone)


def _window(
    shape: Shape, hole: tuple[float, float, float, float], look: Style, rng: np.random.Generator
) -> None:
    y0, y1, z0, z1 = hole
    frame = plain(look.frame)
    rooms = max(1, round((y1 - y0) / ROOM))
    for room in range(rooms):
        left, right = (y0 + (y1 - y0) * (room + end) / rooms for end in (0, 1))
        # Real panes are not exactly plane, so each mirrors a different part of the street.
        lean = rng.normal(0, 0.012, 2)
        glass = upright(-REVEAL + 0.01, left, right, z0, z1)
        glass[0, :, 0] += lean[0] * (glass[0, :, 1] - left) + lean[1] * (glass[0, :, 2] - z0)
        shape.quads(glass, picture("windows", specular=0.9), drawn_from_atlas("windows", rng))
    bar = 0.05
    x0, x1 = -REVEAL + 0.02, -REVEAL + 0.07
    uprights = np.linspace(y0, y1, look.panes + 1)
    for y in uprights:
        left = min(max(y - bar / 2, y0), y1 - bar)
        shape.box((x0, left, z0), (x1, left + bar, z1), frame)
    for z in (z0, z1 - bar):
        shape.box((x0, y0, z), (x1, y1, z + bar), frame)
    shape.box((-REVEAL, y0 - 0.06, z0 - 0.06), (0.05, y1 + 0.06, z0), plain("trim"))


def _door(shape: Shape, hole: tuple[float, float, float, float], rng: np.random.Generator) -> None:
    shape.quads(upright(-REVEAL, *hole), picture("doors"), drawn_from_atlas("doors", rng))
    y0, y1, z0, _ = hole
    shape.box((-REVEAL, y0 - 0.1, 0.0), (0.35, y1 + 0.1, z0 + 0.08), plain("stone"))


def _body(shape: Shape, width: float, height: float, depth: float, stone: Material) -> None:
    """Add the sides and the back; the front is the facade."""
    w = width / 2
    shape.quads(
        np.array(
            [
                [(-depth, -w, 0), (0, -w, 0), (0, -w, height), (-depth, -w, height)],
                [(0, w, 0), (-depth, w, 0), (-depth, w, height), (0, w, height)],
                [(-depth, w, 0), (-depth, -w, 0), (-depth, -w, height), (-depth, w, height)],
            ]
        ),
        stone,
    )


def _pitched_roof(
    shape: Shape,
    width: float,
    height: float,
    depth: float,
    tiles: Material,
    stone: Material,
) -> None:
    w, over = width / 2, 0.4
    ridge = height + depth * 0.38
    eaves = height - over * 0.76
    for x_eaves in (over, -depth - over):
        corners = [
            (x_eaves, -w - 0.2, eaves),
            (x_eaves, w + 0.2, eaves),
            (-depth / 2, w + 0.2, ridge),
            (-depth / 2, -w - 0.2, ridge),
        ]
        shape.quads(np.array([corners if x_eaves > 0 else corners[::-1]]), tiles)
    for y in (-w, w):
        corners = [
            (0, y, height),
            (-depth / 2, y, ridge),
            (-depth / 2, y, ridge),
            (-depth, y, height),
        ]
        shape.quads(np.array([corners if y > 0 else corners[::-1]]), stone)
    shape.box(
        (over - 0.02, -w - 0.2, eaves - 0.1), (over + 0.1, w + 0.2, eaves + 0.02), plain("zinc")
    )


def _corrugated(
    shape: Shape, y0: float, y1: float, z0: float, z1: float, x: float, sheet: Material
) -> None:
    """Add vertical ribs of 4 cm every 25 cm."""
    y = np.arange(y0, y1, 0.0625)
    x_of = x + np.array([0.0, 0.0, 0.04, 0.04])[np.arange(len(y)) % 4]
    low = np.column_stack([x_of, y, np.full(len(y), z0)])
    high = np.column_stack([x_of, y, np.full(len(y), z1)])
    shape.quads(np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1), sheet)
