"""Make coarse surfaces smooth: weld and subdivide them, and lay thin layers on again."""

from __future__ import annotations

import fnmatch
import math

import bpy  # isort: skip (bmesh exists once bpy is imported)
import bmesh
from bpy.types import Mesh, Modifier, Object

from dmlgen.catalog.car_edits import Subdivision
from dmlgen.meshes.role_materials import role_material
from dmlgen.meshes.weld import weld

DECAL_HEIGHT = 0.0025
WALL_DEPTH = 0.03


def subdivide(obj: Object, rules: tuple[Subdivision, ...]) -> None:
    """Apply the first rule whose glob matches the object's name."""
    for rule in rules:
        if fnmatch.fnmatchcase(obj.name, rule.object):
            if obj.data.has_custom_normals:
                obj.data.normals_split_custom_set([(0, 0, 0)] * len(obj.data.loops))
            weld(obj.data)
            _crease(obj.data, math.radians(rule.crease_angle), rule.crease_materials)
            modifier = obj.modifiers.new("subdivide", "SUBSURF")
            modifier.levels = rule.levels
            modifier.boundary_smooth = "PRESERVE_CORNERS"
            modifier.uv_smooth = "NONE"
            _apply(obj, modifier)
            return


def lay_on(decals: list[Object], body: list[Object]) -> None:
    """Move thin layers (decals) slightly above the surface that they belong to."""
    if not decals:
        return
    ground = _joined_copy(body)
    for obj in decals:
        weld(obj.data)
        finer = obj.modifiers.new("finer", "SUBSURF")
        finer.subdivision_type, finer.levels, finer.uv_smooth = "SIMPLE", 3, "NONE"
        _apply(obj, finer)
        wrap = obj.modifiers.new("wrap", "SHRINKWRAP")
        wrap.target, wrap.offset = ground, DECAL_HEIGHT
        wrap.wrap_method, wrap.wrap_mode = "NEAREST_SURFACEPOINT", "ABOVE_SURFACE"
        _apply(obj, wrap)
    bpy.data.objects.remove(ground)


def wall_behind(obj: Object) -> Object:
    """Return a dark box open towards `obj`: its surface moved inwards, joined to its rim."""
    data = bmesh.new()
    data.from_mesh(obj.data)
    lens = list(data.faces)
    made = bmesh.ops.extrude_face_region(data, geom=lens, use_keep_orig=True)["geom"]
    for vertex in [item for item in made if isinstance(item, bmesh.types.BMVert)]:
        inward = -vertex.normal if vertex.normal.dot(vertex.co) > 0 else vertex.normal
        vertex.co = vertex.co + inward * WALL_DEPTH
    bmesh.ops.delete(data, geom=lens, context="FACES_ONLY")
    mesh = bpy.data.meshes.new("wall")
    data.to_mesh(mesh)
    data.free()
    mesh.materials.append(role_material("underbody"))
    wall = bpy.data.objects.new("wall", mesh)
    bpy.context.scene.collection.objects.link(wall)
    return wall


def _crease(mesh: Mesh, angle: float, at_materials: bool) -> None:
    data = bmesh.new()
    data.from_mesh(mesh)
    edges = data.edges.layers.float.new("crease_edge")
    corners = data.verts.layers.float.new("crease_vert")
    for edge in data.edges:
        if not edge.is_manifold or edge.calc_face_angle(0.0) > angle:
            edge[edges] = 1.0
    if at_materials:
        seams = {e for e in data.edges if len({f.material_index for f in e.link_faces}) > 1}
        for edge in seams:
            edge[edges] = 1.0
        for vertex in data.verts:
            ends = [e.other_vert(vertex).co - vertex.co for e in vertex.link_edges if e in seams]
            if len(ends) == 2 and math.pi - ends[0].angle(ends[1], 0.0) > angle:
                vertex[corners] = 1.0
    data.to_mesh(mesh)
    data.free()


def _apply(obj: Object, modifier: Modifier) -> None:
    with bpy.context.temp_override(active_object=obj, object=obj):
        bpy.ops.object.modifier_apply(modifier=modifier.name)


def _joined_copy(objects: list[Object]) -> Object:
    data = bmesh.new()
    for obj in objects:
        data.from_mesh(obj.data)
    mesh = bpy.data.meshes.new("ground")
    data.to_mesh(mesh)
    data.free()
    copy = bpy.data.objects.new("ground", mesh)
    bpy.context.scene.collection.objects.link(copy)
    return copy
