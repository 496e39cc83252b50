"""Rendering with access to the traced light before Blender turns it into a picture."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import cycles
import numpy as np
from bpy.types import Depsgraph, RenderLayer

from dmldata.common.arrays import Floats


def render(work: Callable[[RenderLayer], None]) -> None:
    """Render the current scene into its file.

    Without a window Blender gives no access to the pixels of a render; its engine is the only place
    where they can be read and changed.

    Args:
        work: is given the `RenderLayer` when Cycles has traced it; what it leaves in the
            pass 'Combined' becomes the picture.
    """
    trace = cycles.CyclesRender.render
    errors: list[Exception] = []

    def trace_and_work(engine: cycles.CyclesRender, depsgraph: Depsgraph) -> None:
        trace(engine, depsgraph)
        try:
            work(engine.get_result().layers[0])
        except Exception as error:
            # Blender would only print the error and save the picture unchanged.
            errors.append(error)

    # Blender makes the engine itself, so an engine class of our own would need a global for `work`.
    cycles.CyclesRender.render = trace_and_work
    try:
        bpy.ops.render.render(write_still=True)
    finally:
        cycles.CyclesRender.render = trace
    if errors:
        raise errors[0]


def read(layer: RenderLayer, name: str) -> Floats:
    """Return pass `name` of a render layer, float32 [H, W, channels], first row at the bottom."""
    render = bpy.context.scene.render
    render_pass = layer.passes[name]
    pixels = np.empty(render.resolution_x * render.resolution_y * render_pass.channels, np.float32)
    render_pass.rect.foreach_get(pixels)
    return pixels.reshape(render.resolution_y, render.resolution_x, render_pass.channels)


def write(layer: RenderLayer, name: str, pixels: Floats) -> None:
    """Replace the pass `name` by `pixels`, in the format that `read` returns."""
    layer.passes[name].rect.foreach_set(pixels.ravel())
