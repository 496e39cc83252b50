"""Join vertices at the same place."""

from __future__ import annotations

from bpy.types import Mesh  # isort: skip (bmesh exists once bpy is imported)
import bmesh

WELD = 1e-4
"""Maximum distance in meters between vertices that are joined."""


def weld(mesh: Mesh, distance: float = WELD) -> None:
    """Join vertices at the same place, so that faces know their neighbors."""
    data = bmesh.new()
    data.from_mesh(mesh)
    bmesh.ops.remove_doubles(data, verts=data.verts, dist=distance)
    data.to_mesh(mesh)
    data.free()
