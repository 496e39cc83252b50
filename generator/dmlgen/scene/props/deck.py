"""A story of a multistory car park: a low ceiling with lamps, pillars, parapets."""

from __future__ import annotations

import numpy as np
from bpy.types import Object

from dmlgen.scene.props.ceiling import TUBES, lamps
from dmlgen.scene.props.materials import plain, wall
from dmlgen.scene.props.shape import Shape, upright

PARAPET = 1.05
BEAMS = 5.0
"""Distance between beams along y, in meters."""
LAMPS = 5.0
"""Distance between rows of lamps along x, in meters."""


def deck(length: float, width: float, height: float) -> list[Object]:
    """Build ceiling and parapets of a story `length` along y and `width` along x."""
    shape = Shape("deck")
    concrete = wall("concrete_wall")
    x, y = width / 2, length / 2
    shape.box((-x, -y, height), (x, y, height + 0.4), concrete)
    for beam in np.arange(-y + BEAMS / 2, y, BEAMS):
        shape.box((-x, beam - 0.15, height - 0.3), (x, beam + 0.15, height), concrete)
    for low, high in (
        ((-x, -y, 0), (-x + 0.18, y, PARAPET)),
        ((x - 0.18, -y, 0), (x, y, PARAPET)),
        ((-x, -y, 0), (x, -y + 0.18, height)),
        ((-x, y - 0.18, 0), (x, y, height)),
    ):
        shape.box(low, high, concrete)
    # A rail along the parapet, pipes below the ceiling.
    shape.tube(
        (-x + 0.1, -y, PARAPET + 0.12), (-x + 0.1, y, PARAPET + 0.12), (0.03, 0.03), plain("zinc")
    )
    for pipe, radius in ((-x + 2.2, 0.06), (-x + 2.5, 0.035)):
        z = height - 0.36
        shape.tube((pipe, -y, z), (pipe, y, z), (radius, radius), plain("zinc"))
    rows = np.arange(-x + LAMPS / 2, x, LAMPS)
    return [shape.finish(), *(lamps(TUBES, row, length - 4, height - 0.34) for row in rows)]


def pillar(height: float) -> list[Object]:
    """Build a square pillar with a band of warning color."""
    shape = Shape("pillar")
    shape.box((-0.22, -0.22, 0), (0.22, 0.22, height), wall("concrete_wall"))
    shape.box((-0.225, -0.225, 0.25), (0.225, 0.225, 0.85), plain("yellow"))
    number = upright(0.226, -0.12, 0.12, 1.5, 1.9)
    shape.quads(number, plain("white"))
    return [shape.finish()]
