"""Rendering with access to the traced light before Blender turns it into a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import bpy
import cycles
import numpy as np
from bpy.types import Depsgraph, RenderLayer, RenderSettings

from dmldata.common.arrays import Floats
from dmlgen.scene.blender_names import MATERIAL_INDEX_PASS


@dataclass(frozen=True)
class Refinement:
    """A rectangle of the picture that gets more samples than the rest.

    Attributes:
        x0, y0, x1, y1: pixels from the left and from the bottom, x1 and y1 exclusive.
        samples: number of further samples a pixel.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    samples: int


@dataclass(frozen=True)
class Traced:
    """What Cycles has traced, float32 [H, W, channels], first row at the bottom.

    Attributes:
        color: linear radiance and alpha.
        albedo, normal: of what is seen first, noisy as the color.
        material_index: `pass_index` of the material in the middle of each pixel.
        depth: meters along the camera's axis to what is in the middle of each pixel, 1e10 where
            nothing is; None if the scene does not ask for it.
        shading_normal: mean normal of what is seen in a pixel, in world coordinates; None as above.
        seconds: time that Cycles took: the scene, the BVH, the sky and all light paths.
    """

    color: Floats
    albedo: Floats
    normal: Floats
    material_index: Floats
    depth: Floats | None
    shading_normal: Floats | None
    seconds: float


def render(
    work: Callable[[Traced], Floats], refinement: Refinement | None = None, *, write: bool = True
) -> None:
    """Render the current scene.

    The whole picture gets the scene's number of samples; then a rectangle gets further ones of the
    same sequence. Its pixels are, but for rounding, those of a render with as many everywhere.

    Without a window Blender gives no access to the pixels of a render; its engine is the only place
    where they can be read and changed.

    Args:
        work: is called when Cycles has traced, and returns the color of the picture.
        write: whether Blender develops the picture and writes it to the scene's file.
    """
    trace = cycles.CyclesRender.render
    errors: list[Exception] = []

    def trace_and_work(engine: cycles.CyclesRender, depsgraph: Depsgraph) -> None:
        try:
            traced = _trace(lambda: trace(engine, depsgraph), engine, depsgraph, refinement)
            _layer(engine).passes["Combined"].rect.foreach_set(work(traced).ravel())
        except Exception as error:
            # Blender would only print the error and save the picture unchanged.
            errors.append(error)

    # Blender makes the engine itself, so an engine class of our own would need a global for `work`.
    cycles.CyclesRender.render = trace_and_work
    try:
        bpy.ops.render.render(write_still=write)
    finally:
        cycles.CyclesRender.render = trace
    if errors:
        raise errors[0]


def _trace(
    trace: Callable[[], None],
    engine: cycles.CyclesRender,
    depsgraph: Depsgraph,
    refinement: Refinement | None,
) -> Traced:
    began = perf_counter()
    if refinement is None:
        trace()
        return _read(engine, began)
    # In Python `engine.render` is the method; this is Blender's property of that name.
    border: RenderSettings = engine.path_resolve("render")
    settings = depsgraph.scene_eval.cycles
    samples = settings.samples
    try:
        # Cycles traces the rectangle that it saw at its last call: this one counts for the second.
        # Telling it earlier would synchronize the scene once more, with its table of the sky.
        _set_border(border, refinement)
        trace()
        traced = _read(engine, began)
        settings.samples = samples + refinement.samples
        settings.use_sample_subset = True
        settings.sample_offset, settings.sample_subset_length = samples, refinement.samples
        trace()
        further = _read(engine, began)
    finally:
        border.use_border = settings.use_sample_subset = False
        settings.samples = samples
    for name in ("color", "albedo", "normal"):
        _add(getattr(traced, name), samples, getattr(further, name), refinement)
    return replace(traced, seconds=further.seconds)


def _set_border(border: RenderSettings, to: Refinement) -> None:
    render = bpy.context.scene.render
    width, height = render.resolution_x, render.resolution_y
    border.use_border = True
    # Cycles rounds down to whole pixels; a quarter more is safe from the error of a float.
    border.border_min_x, border.border_max_x = ((x + 0.25) / width for x in (to.x0, to.x1))
    border.border_min_y, border.border_max_y = ((y + 0.25) / height for y in (to.y0, to.y1))


def _layer(engine: cycles.CyclesRender) -> RenderLayer:
    return engine.get_result().layers[0]


def _read(engine: cycles.CyclesRender, began: float) -> Traced:
    seconds = perf_counter() - began
    passes = _layer(engine).passes
    names = "Combined", "Denoising Albedo", "Denoising Normal", MATERIAL_INDEX_PASS
    color, albedo, normal, index = (_pixels(passes[name]) for name in names)
    depth, shading_normal = (
        None if name not in passes else _pixels(passes[name]) for name in ("Depth", "Normal")
    )
    return Traced(color, albedo, normal, index, depth, shading_normal, seconds)


def _pixels(render_pass: bpy.types.RenderPass) -> Floats:
    render = bpy.context.scene.render
    pixels = np.empty(render.resolution_x * render.resolution_y * render_pass.channels, np.float32)
    render_pass.rect.foreach_get(pixels)
    return pixels.reshape(render.resolution_y, render.resolution_x, render_pass.channels)


def _add(mean: Floats, samples: int, further: Floats, at: Refinement) -> None:
    """Add further samples to the mean of those before.

    Args:
        further: holds the rectangle in its corner at the bottom left.
    """
    inside = mean[at.y0 : at.y1, at.x0 : at.x1]
    inside *= samples
    inside += at.samples * further[: at.y1 - at.y0, : at.x1 - at.x0]
    inside /= samples + at.samples
