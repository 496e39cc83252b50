"""Prepare a .blend file as it renders, which can differ from what its viewport shows."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.types import LayerCollection, Modifier, Object

from dmldata.common.errors import InputError
from dmlgen.modelfiles.kinds import MAX_TRIANGLES


def show_as_rendered() -> tuple[str, ...]:
    """Set the viewport to what a render shows, with armatures at rest.

    Returns:
        What could not be decided, one line per doubt.

    Raises:
        InputError: a subdivision makes more faces than the maximum.
    """
    scene = bpy.context.scene
    scene.render.simplify_subdivision = scene.render.simplify_subdivision_render
    for collection in bpy.data.collections:
        collection.hide_viewport = collection.hide_render
    _show_layer(bpy.context.view_layer.layer_collection)
    for obj in bpy.context.view_layer.objects:
        obj.hide_set(False)
    # Objects that only instances show are included.
    for obj in bpy.data.objects:
        obj.hide_viewport = obj.hide_render
        obj.show_instancer_for_viewport = obj.show_instancer_for_render
        if obj.type == "ARMATURE":
            obj.data.pose_position = "REST"
        for modifier in obj.modifiers:
            modifier.show_viewport = modifier.show_render
            if modifier.type in ("SUBSURF", "MULTIRES"):
                _render_levels(obj, modifier)
    for curve in bpy.data.curves:
        curve.resolution_u = curve.render_resolution_u or curve.resolution_u
        curve.resolution_v = curve.render_resolution_v or curve.resolution_v
    for ball in bpy.data.metaballs:
        ball.resolution = ball.render_resolution
    bpy.context.view_layer.update()
    moving = [f"'{obj.name}'" for obj in scene.objects if _moves(obj)]
    if not moving:
        return ()
    listed = ", ".join(moving[:10]) + (" and others" if moving[10:] else "")
    return (
        f"where {listed} belong: they are animated, and stand as at frame {scene.frame_current}",
    )


def check_links(file: Path) -> None:
    """Refuse a .blend file that takes data from files outside its folder.

    Raises:
        InputError: the file links to another one, which the message names.
    """
    for linked in (*bpy.data.libraries, *bpy.data.cache_files):
        path = Path(bpy.path.abspath(linked.filepath)).resolve()
        if not (path.is_file() and path.is_relative_to(file.parent.resolve())):
            raise InputError(
                f"{file}: takes data from {linked.filepath}, which is not in its folder; make it "
                f"local in Blender, or put it there"
            )


def _show_layer(layer: LayerCollection) -> None:
    layer.hide_viewport = False
    for child in layer.children:
        _show_layer(child)


def _render_levels(obj: Object, modifier: Modifier) -> None:
    faces = len(obj.data.polygons) * 2 * 4**modifier.render_levels if obj.type == "MESH" else 0
    if modifier.show_render and faces > MAX_TRIANGLES:
        raise InputError(
            f"object '{obj.name}': its modifier '{modifier.name}' makes {faces:,} triangles when "
            f"rendered; at most {MAX_TRIANGLES:,} can be used: lower its levels"
        )
    modifier.levels = modifier.render_levels


def _moves(obj: Object) -> bool:
    data = obj.animation_data
    return data is not None and (data.action is not None or len(data.nla_tracks) > 0)
