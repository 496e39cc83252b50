"""Twins: second users of meshes, so that Cycles does not rebuild these for every frame.

Cycles applies the transform of a mesh that is used once to its vertices. It then reads all of them
from Blender again for the next frame, and builds one new BVH. A mesh that is used twice is kept,
with a BVH of its own, and only a matrix changes.
"""

from __future__ import annotations

import bpy
from bpy.types import Object

BELOW = 100.0
"""Meters between a mesh and its twin: although invisible, the twin would slow down nearby rays."""
UNSEEN = ("camera", "diffuse", "glossy", "transmission", "shadow")


def add_twin(obj: Object) -> None:
    """Give the mesh of `obj` a second user. From now on `show` has to show and hide it.

    A lamp gets none.
    """
    if obj.type != "MESH":
        return
    twin = obj.copy()
    for ray in UNSEEN:
        setattr(twin, f"visible_{ray}", False)
    # Cycles skips objects that no ray can see, so the twin stays visible to volume scatter, which
    # no scene has.
    twin.parent = obj
    twin.matrix_parent_inverse.identity()
    twin.location, twin.rotation_euler, twin.scale = (0.0, 0.0, -BELOW), (0.0, 0.0, 0.0), (1, 1, 1)
    twin.rotation_mode = "XYZ"
    bpy.context.scene.collection.objects.link(twin)
    obj["twin"] = twin


def show(obj: Object, visible: bool) -> None:
    """Show or hide an object together with its twin, if it has one."""
    for user in filter(None, (obj, obj.get("twin"))):
        user.hide_render = not visible
