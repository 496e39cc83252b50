"""A car dealer's showroom, from outside and from inside, and the flags before it."""

from __future__ import annotations

import itertools

import numpy as np
from bpy.types import Object

from dmlgen.scene.props.ceiling import PANELS, lamps
from dmlgen.scene.props.materials import (
    drawn_from_atlas,
    glazing,
    lamp,
    lit,
    picture,
    plain,
    wall,
)
from dmlgen.scene.props.shape import Shape, upright

PANE = 2.0
"""Width of a pane of the glass front, in meters."""
FASCIA = 1.0
"""Height of the panel above the glass, in meters."""
FLAG = (0.75, 3.0)
"""Width and height of a flag in meters."""

COLORS = ((0.05, 0.05, 0.06), (0.6, 0.6, 0.6), (0.02, 0.08, 0.28), (0.30, 0.19, 0.10))
"""Linear RGB of furniture and posters."""


def showroom(width: float, height: float, depth: float, rng: np.random.Generator) -> list[Object]:
    """Build a showroom whose glass front lies in the plane x = 0, with a lit room behind it."""
    shape = Shape("showroom")
    half, ceiling = width / 2, height - FASCIA
    _room(shape, half, ceiling, depth, rng)
    edges = np.linspace(-half, half, max(1, round(width / PANE)) + 1)
    for left, right in itertools.pairwise(edges):
        glass = upright(0.0, left, right, 0.1, ceiling)
        # Real panes are not exactly plane, so each mirrors a different part of the forecourt.
        glass[0, :, 0] += rng.normal(0, 0.004) * (glass[0, :, 1] - left)
        shape.quads(glass, glazing())
        shape.box((-0.03, left - 0.03, 0.0), (0.06, left + 0.03, ceiling), plain("frame_dark"))
    shape.box((-0.03, -half, 1.02), (0.05, half, 1.06), plain("frame_dark"))
    shape.box((-0.05, -half, 0.0), (0.08, half, 0.1), plain("stone"))
    # Its ends overhang, so the lower face is seen from the forecourt.
    shape.box((-depth, -half - 0.3, ceiling), (0.7, half + 0.3, height), plain("white"))
    _fascia(shape, half, ceiling, rng)
    for side in (-half, half):
        end = [(-depth, side, 0), (0, side, 0), (0, side, height), (-depth, side, height)]
        shape.quads(np.array([end if side < 0 else end[::-1]]), wall("concrete_wall"))
    return [shape.finish()]


def sales_room(
    length: float, width: float, height: float, rng: np.random.Generator
) -> list[Object]:
    """Build the inside of a showroom, `length` along y and `width` along x, glass towards -x."""
    shape = Shape("sales_room")
    x, y = width / 2, length / 2
    shape.box((-x, -y, height), (x, y, height + 0.3), plain("white"))
    for low, high in (
        ((x, -y, 0), (x + 0.2, y, height)),
        ((-x, -y - 0.2, 0), (x, -y, height)),
        ((-x, y, 0), (x, y + 0.2, height)),
    ):
        shape.box(low, high, plain("white"))
    for side in (-1, 1):
        foot = sorted((side * y, side * (y - 0.02)))
        shape.box((-x, foot[0], 0), (x, foot[1], 0.12), plain("frame_dark"))
        for left in np.arange(-x + 1.5, x - 3, 4.2):
            right, top = left + rng.uniform(1.6, 3.0), rng.uniform(2.2, 2.8)
            board = sorted((side * (y - 0.06), side * (y - 0.01)))
            tone = plain(str(rng.choice(["blue", "metal_gray", "frame_dark", "trim"])))
            shape.box((left, board[0], 0.9), (right, board[1], top), tone)
    edges = np.linspace(-y, y, max(1, round(length / PANE)) + 1)
    for left, right in itertools.pairwise(edges):
        shape.quads(upright(-x, left, right, 0.1, height), glazing())
        shape.box((-x - 0.04, left - 0.03, 0), (-x + 0.05, left + 0.03, height), plain("zinc"))
    shape.box((-x - 0.04, -y, 0), (-x + 0.06, y, 0.1), plain("zinc"))
    shape.box((-x - 0.04, -y, height - 0.9), (-x + 0.05, y, height - 0.84), plain("zinc"))
    for _ in range(2):
        left, start = rng.uniform((-x + 0.8, -y + 2), (-x + 1.6, y - 3))
        shape.box((left, start, 0), (left + 0.7, start + 1.8, 0.74), plain("trim"))
        screen = (left + 0.16, start + 1.0, 1.15)
        shape.box((left + 0.1, start + 0.5, 0.74), screen, plain("rubber"))
    rows = np.arange(-x + 2.0, x - 1.0, 3.0)
    return [shape.finish(), *(lamps(PANELS, row, length - 2, height - 0.02) for row in rows)]


def flag(height: float, rng: np.random.Generator) -> list[Object]:
    """Build a tall flag on a pole, a little in the wind."""
    shape = Shape("flag")
    shape.tube((0, 0, 0), (0, 0, height), (0.04, 0.03), plain("zinc"), 12)
    across = np.linspace(0, 1, 11)
    y = 0.05 + FLAG[0] * across
    x = 0.07 * across * np.sin(5 * across + rng.uniform(0, 2 * np.pi))
    low, high = (
        np.column_stack([x, y, np.full(11, z)]) for z in (height - 0.1 - FLAG[1], height - 0.1)
    )
    cloth = np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1)
    whole = drawn_from_atlas("flags", rng)
    (left, bottom), (right, top) = whole[0, 0], whole[0, 2]
    u = left + (right - left) * across
    uv = np.array(
        [[(a, bottom), (b, bottom), (b, top), (a, top)] for a, b in itertools.pairwise(u)]
    )
    shape.quads(cloth, picture("flags"), uv)
    return [shape.finish()]


def _room(
    shape: Shape, half: float, ceiling: float, depth: float, rng: np.random.Generator
) -> None:
    """Add floor, walls, ceiling lamps and furniture."""
    floor = [(-depth, -half, 0.02), (0, -half, 0.02), (0, half, 0.02), (-depth, half, 0.02)]
    above = [(x, y, ceiling - 0.01) for x, y, _ in floor[::-1]]
    shape.quads(np.array([floor]), lit((0.42, 0.41, 0.39)))
    shape.quads(np.array([above]), lit((0.55, 0.55, 0.53)))
    shape.quads(upright(-depth + 0.01, -half, half, 0.0, ceiling), lit((0.42, 0.41, 0.39)))
    for y in np.arange(-half + 1.5, half - 1, 3.0):
        for x in np.arange(-depth + 1.5, -1, 2.5):
            corners = [(x, y), (x, y + 1.2), (x + 0.3, y + 1.2), (x + 0.3, y)]
            shape.quads(np.array([[(*corner, ceiling - 0.02) for corner in corners]]), lamp())
    for y in np.arange(-half + 1, half - 2, 3.1):
        poster = upright(-depth + 0.02, y, y + rng.uniform(0.9, 2.2), 0.9, rng.uniform(1.8, 2.6))
        shape.quads(poster, lit(COLORS[rng.integers(len(COLORS))]))
    for _ in range(round(half)):
        x, y = -rng.uniform(0.3, 0.9) * depth, rng.uniform(-half + 1, half - 2)
        wide, long, high = rng.uniform((0.05, 0.7, 0.7), (0.7, 1.8, 1.3))
        piece = lit(COLORS[rng.integers(len(COLORS))])
        shape.box((x, y, 0.02), (x + wide, y + long, 0.02 + high), piece)


def _fascia(shape: Shape, half: float, ceiling: float, rng: np.random.Generator) -> None:
    """Write names on the panel above the glass."""
    low, high = ceiling + 0.06, ceiling + FASCIA - 0.06
    long = 4 * (high - low)
    for left in (-half + 1.5, half - 1.5 - long)[: 1 if half < long else 2]:
        panel = upright(0.71, left, left + long, low, high)
        shape.quads(panel, picture("fascias"), drawn_from_atlas("fascias", rng))
