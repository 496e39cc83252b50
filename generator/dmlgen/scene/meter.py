"""Read how much light a place sends into the camera, without the car."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np
from bpy.types import Object

from dmldata.common.arrays import Floats
from dmlgen.scene import tracing
from dmlgen.scene.development import metered_gain
from dmlgen.scene.tracing import Traced

SIDE = 48
"""Longer side of the metered picture in pixels."""
SAMPLES = 4
BELOW = 50.0
"""Meters below the ground at which what is not metered waits.

Cycles keeps a mesh that moves, where it would build a hidden one anew.
"""


def meter(hidden: Sequence[Object]) -> float:
    """Return the factor by which a camera's meter brightens the scene as it is framed.

    Args:
        hidden: objects that the meter must not see, each at the top of its own family. The paint
            of a car, or the car itself, therefore leaves the exposure alone.
    """
    gains: list[float] = []

    def read(traced: Traced) -> Floats:
        gains.append(metered_gain(traced.color[..., :3]))
        return traced.color

    with _small_picture(), _below_ground(hidden):
        tracing.render(read, write=False)
    return gains[0]


@contextmanager
def _small_picture() -> Iterator[None]:
    scene = bpy.context.scene
    size = np.array([scene.render.resolution_x, scene.render.resolution_y])
    samples, seed = scene.cycles.samples, scene.cycles.seed
    small = np.maximum(size * SIDE // size.max(), 1).tolist()
    scene.render.resolution_x, scene.render.resolution_y = small
    scene.cycles.samples, scene.cycles.seed = SAMPLES, 0
    # Cycles' settings are not part of Blender's dependency graph.
    scene.update_tag()
    try:
        yield
    finally:
        scene.render.resolution_x, scene.render.resolution_y = size.tolist()
        scene.cycles.samples, scene.cycles.seed = samples, seed
        scene.update_tag()


@contextmanager
def _below_ground(objects: Sequence[Object]) -> Iterator[None]:
    for obj in objects:
        obj.location.z -= BELOW
    try:
        yield
    finally:
        for obj in objects:
            obj.location.z += BELOW
