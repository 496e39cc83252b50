"""Kerbs, walls, fences and the furniture of streets."""

from __future__ import annotations

import itertools

import numpy as np
from bpy.types import Material, Object

from dmlgen.scene.props.materials import plain, road_paint, wall
from dmlgen.scene.props.shape import Shape

KERB_HEIGHT = 0.12
PAINT_HEIGHT = 0.004
WHITE = (0.62, 0.62, 0.59)
YELLOW = (0.62, 0.42, 0.05)


def garden_wall(length: float, height: float, surface: str) -> list[Object]:
    """Build a wall along y with a coping."""
    shape = Shape("wall")
    shape.box((-0.15, -length / 2, 0), (0.15, length / 2, height), wall(surface))
    shape.box(
        (-0.20, -length / 2 - 0.05, height),
        (0.20, length / 2 + 0.05, height + 0.07),
        plain("stone"),
    )
    return [shape.finish()]


def fence(length: float, height: float) -> list[Object]:
    """Build a fence of vertical steel bars along y."""
    shape = Shape("fence")
    for rail in (0.15, height - 0.15):
        shape.box(
            (-0.02, -length / 2, rail - 0.02), (0.02, length / 2, rail + 0.02), plain("metal_green")
        )
    for y in np.arange(-length / 2, length / 2, 0.13):
        shape.box((-0.008, y - 0.008, 0.05), (0.008, y + 0.008, height), plain("metal_green"))
    for y in np.arange(-length / 2, length / 2 + 0.1, 2.6):
        shape.box((-0.03, y - 0.03, 0), (0.03, y + 0.03, height + 0.05), plain("metal_green"))
    return [shape.finish()]


def pavement(length: float, width: float, surface: str) -> list[Object]:
    """Build a raised pavement along y that begins at x = 0 with a kerb and runs towards -x."""
    shape = Shape("pavement")
    for y in np.arange(-length / 2, length / 2, 1.0):
        shape.box((-0.15, y + 0.004, -0.1), (0.0, y + 0.996, KERB_HEIGHT), plain("stone"))
    low, high = (-width, -length / 2, -0.1), (-0.155, length / 2, KERB_HEIGHT - 0.008)
    shape.box(low, high, wall(surface))
    return [shape.finish()]


def verge(length: float, width: float) -> list[Object]:
    """Build a strip of grass along y, from x = 0 towards -x, for views from far away."""
    shape = Shape("verge")
    shape.box((-width, -length / 2, -0.1), (0.0, length / 2, 0.05), wall("grass"))
    return [shape.finish()]


def bays(count: int, width: float, length: float, yellow: bool) -> list[Object]:
    """Paint the lines of adjacent parking bays along y, open towards +x."""
    shape = Shape("bays")
    paint = road_paint(YELLOW if yellow else WHITE)
    for line in range(count + 1):
        y = (line - count / 2) * width
        _stripe(shape, (-length, y - 0.05), (0.0, y + 0.05), paint)
    return [shape.finish()]


def line(length: float, width: float, dash: float, yellow: bool) -> list[Object]:
    """Paint a line along y.

    `dash` is the length in meters of each dash and each gap, 0 for a solid line.
    """
    shape = Shape("line")
    paint = road_paint(YELLOW if yellow else WHITE)
    if dash == 0:
        _stripe(shape, (-width / 2, -length / 2), (width / 2, length / 2), paint)
    for y in np.arange(-length / 2, length / 2, 2 * dash) if dash else ():
        _stripe(shape, (-width / 2, y), (width / 2, y + dash), paint)
    return [shape.finish()]


def bollard() -> list[Object]:
    """Build a steel post with a white ring."""
    shape = Shape("bollard")
    shape.tube((0, 0, 0), (0, 0, 0.95), (0.06, 0.06), plain("metal_gray"), 20)
    shape.tube((0, 0, 0.74), (0, 0, 0.84), (0.062, 0.062), plain("white"), 20)
    return [shape.finish()]


def lamp_post(height: float) -> list[Object]:
    """Build a street lamp whose arm reaches towards +x."""
    shape = Shape("lamp post")
    shape.tube((0, 0, 0), (0, 0, 1.1), (0.09, 0.085), plain("metal_gray"), 16)
    shape.tube((0, 0, 1.1), (0, 0, height), (0.065, 0.045), plain("metal_gray"), 16)
    shape.tube((0, 0, height), (1.2, 0, height + 0.25), (0.04, 0.03), plain("metal_gray"), 10)
    shape.box((0.9, -0.13, height + 0.20), (1.6, 0.13, height + 0.32), plain("metal_gray"))
    shape.box((0.95, -0.11, height + 0.17), (1.55, 0.11, height + 0.20), plain("lamp_glass"))
    return [shape.finish()]


def sign(height: float) -> list[Object]:
    """Build a traffic sign on a post, facing +x: keep right, a white arrow on a blue disc."""
    shape = Shape("sign")
    middle = height - 0.32
    shape.tube((0, 0, 0), (0, 0, height), (0.03, 0.03), plain("zinc"), 12)
    shape.tube((0.028, 0, middle), (0.03, 0, middle), (0.30, 0.30), plain("zinc"), 32)
    shape.tube((0.03, 0, middle), (0.04, 0, middle), (0.30, 0.30), plain("white"), 32)
    shape.tube((0.04, 0, middle), (0.043, 0, middle), (0.285, 0.285), plain("blue"), 32)
    for z in (middle - 0.16, middle + 0.16):
        shape.box((-0.035, -0.07, z - 0.02), (0.028, 0.07, z + 0.02), plain("zinc"))
    # Shaft and head of an arrow that points along +y, then turned to point down.
    shaft = [(-0.20, -0.035), (0.04, -0.035), (0.04, 0.035), (-0.20, 0.035)]
    head = [(0.02, -0.125), (0.22, 0.0), (0.22, 0.0), (0.02, 0.125)]
    turn = np.radians(-45)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    flat = np.array([shaft, head]) @ np.array([along, across])
    arrow = np.concatenate([np.full((2, 4, 1), 0.044), flat + np.array([0, middle])], axis=2)
    shape.quads(arrow, plain("white"))
    return [shape.finish()]


def bin() -> list[Object]:
    """Build a refuse bin of 240 liters: a tapered body on two wheels under a lid with handles."""
    shape = Shape("bin")
    body, dark = plain("metal_green"), plain("rubber")
    _frustum(shape, (-0.20, 0.24, -0.22, 0.22, 0.06), (-0.33, 0.33, -0.28, 0.28, 0.97), body)
    for y in (-0.16, 0.0, 0.16):
        _frustum(
            shape,
            (0.19, 0.26, y - 0.03, y + 0.03, 0.10),
            (0.26, 0.33, y - 0.03, y + 0.03, 0.80),
            body,
        )
    shape.box((-0.36, -0.30, 0.94), (0.36, 0.30, 0.99), body)
    _frustum(shape, (-0.36, 0.38, -0.305, 0.305, 0.99), (-0.30, 0.28, -0.25, 0.25, 1.06), body)
    for y in (-0.20, 0.20):
        shape.box((0.36, y - 0.07, 0.985), (0.42, y + 0.07, 1.01), body)
        shape.box((-0.44, y - 0.02, 0.94), (-0.33, y + 0.02, 1.0), body)
    shape.tube((-0.43, -0.24, 0.98), (-0.43, 0.24, 0.98), (0.018, 0.018), body, 10)
    for y in (-0.29, 0.23):
        shape.tube((-0.26, y + 0.06, 0.10), (-0.26, y, 0.10), (0.10, 0.10), dark, 20)
        shape.tube((-0.26, y, 0.10), (-0.26, y + 0.06, 0.10), (0.10, 0.10), dark, 20)
    return [shape.finish()]


def cone() -> list[Object]:
    """Build a traffic cone, 75 cm high."""
    shape = Shape("cone")
    shape.box((-0.2, -0.2, 0), (0.2, 0.2, 0.035), plain("orange"))
    edges = [(0.035, 0.145), (0.30, 0.105), (0.45, 0.082), (0.60, 0.058), (0.75, 0.032)]
    for index, ((z0, r0), (z1, r1)) in enumerate(itertools.pairwise(edges)):
        shape.tube((0, 0, z0), (0, 0, z1), (r0, r1), plain("white" if index % 2 else "orange"), 24)
    return [shape.finish()]


def _frustum(
    shape: Shape,
    low: tuple[float, float, float, float, float],
    high: tuple[float, float, float, float, float],
    material: Material,
) -> None:
    """Add a box whose lower and upper end differ: x from and to, y from and to, and z of each."""
    ends = []
    for x0, x1, y0, y1, z in (low, high):
        ends.append([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)])
    under, over = ends
    sides = [(under[i], under[j], over[j], over[i]) for i, j in ((0, 1), (1, 2), (2, 3), (3, 0))]
    shape.quads(np.array([*sides, over]), material)


def _stripe(
    shape: Shape, low: tuple[float, float], high: tuple[float, float], paint: Material
) -> None:
    (x0, y0), (x1, y1) = low, high
    z = PAINT_HEIGHT
    shape.quads(np.array([[(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]]), paint)
