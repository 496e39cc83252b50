"""A plain interior for cars whose source has none, to be seen through tinted windows."""

from __future__ import annotations

from collections.abc import Callable

import bpy
from bpy.types import Material, Object
from mathutils import Matrix, Vector

from dmldata.common.errors import InputError
from dmlgen.catalog.car_edits import Seat

LOWEST_FLOOR = 0.15
"""Height of a cabin's floor above the ground, at least, in meters."""
HEAD = 1.07
"""Height of the middle of a headrest above the floor, in meters."""


def add_generic_interior(body: list[Object], material: Callable[[str], Material]) -> Object:
    """Return two seats, a bench, a dashboard and a steering wheel, sized to the cabin.

    The windows span the cabin: panes (roles `glass`, `glass_dark`) in the upper half of the car,
    as lamps can be of the same glass. The driver sits on the left.

    Args:
        body: objects of the body, +X forward, in meters, standing on z = 0.
        material: role name -> Blender material.

    Returns:
        One object with all parts.

    Raises:
        InputError: the car has no pane.
    """
    panes = [
        obj.data.vertices[i].co
        for obj in body
        for face in obj.data.polygons
        if obj.data.materials[face.material_index].name in ("role:glass", "role:glass_dark")
        for i in face.vertices
    ]
    if not panes:
        raise InputError("car.yaml: interior: generic: no face has the role glass or glass_dark")
    middle = max(point.z for point in panes) / 2
    points = [point for point in panes if point.z > middle]
    front, rear = max(p.x for p in points), min(p.x for p in points)
    half_width = max(p.y for p in points) * 0.86
    sill, top = min(p.z for p in points), max(p.z for p in points)
    length, height = front - rear, top - sill
    floor = max(sill - 0.62, LOWEST_FLOOR)
    driver_x = front - 0.50 * length
    bench_x = front - 0.74 * length
    parts = []
    for side in (-1, 1):
        head_z = min(floor + HEAD, sill + height - 0.16)
        parts += _seat(driver_x, side * half_width * 0.5, half_width * 0.78, floor, head_z)
    parts += _bench(bench_x, 0.0, half_width * 1.75, floor)
    for part in parts:
        part.data.materials.append(material("upholstery"))
    dashboard_x = front - 0.22 * length
    dashboard = _block((dashboard_x, 0, sill - 0.10), (0.55, half_width * 1.9, 0.30), 0.09, 0.06)
    tub = _block(((front + rear) / 2, 0, floor), (length * 0.92, half_width * 1.9, 0.08), 0.02, 0.0)
    wheel = _steering_wheel((dashboard_x - 0.36, half_width * 0.5, sill - 0.01))
    for part in (dashboard, tub, wheel):
        part.data.materials.append(material("interior"))
    everything = [*parts, dashboard, tub, wheel]
    with bpy.context.temp_override(
        active_object=wheel, selected_editable_objects=everything, selected_objects=everything
    ):
        bpy.ops.object.join()
    wheel.name = "interior"
    return wheel


def _steering_wheel(center: tuple[float, float, float]) -> Object:
    bpy.ops.mesh.primitive_torus_add(
        major_radius=0.185,
        minor_radius=0.016,
        major_segments=40,
        minor_segments=10,
        location=center,
        rotation=(0, -1.15, 0),
    )
    return _with_transform_applied(bpy.context.object)


def add_seat(seat: Seat, material: Callable[[str], Material]) -> list[Object]:
    """Return the pieces of a seat with a headrest."""
    x, y, floor = seat.place
    pieces = _seat(x, y, seat.width, floor, floor + HEAD)
    for piece in pieces:
        piece.data.materials.append(material("upholstery"))
    return pieces


def _seat(x: float, y: float, width: float, floor: float, head_z: float) -> list[Object]:
    """Return a seat with raised sides, and a headrest on two posts."""
    pieces = _bench(x, y, 0.7 * width, floor)
    for side in (-1, 1):
        at = y + side * 0.4 * width
        pieces.append(_block((x + 0.19, at, floor + 0.34), (0.48, 0.2 * width, 0.2), 0.06, -0.12))
        pieces.append(_block((x - 0.12, at, floor + 0.58), (0.2, 0.2 * width, 0.5), 0.06, -0.22))
        post = (x - 0.25, y + side * 0.06, head_z - 0.1)
        pieces.append(_block(post, (0.014, 0.014, 0.2), 0.006, -0.2))
    pieces.append(_block((x - 0.25, y, head_z), (0.1, 0.26, 0.17), 0.045, -0.15))
    return pieces


def _bench(x: float, y: float, width: float, floor: float) -> list[Object]:
    cushion_z = floor + 0.32
    back = 0.62
    cushion = _block((x + 0.20, y, cushion_z), (0.52, width, 0.18), 0.07, -0.12)
    backrest = _block((x - 0.16, y, cushion_z + back / 2), (0.17, width * 0.96, back), 0.07, -0.22)
    return [cushion, backrest]


def _block(
    center: tuple[float, float, float],
    size: tuple[float, float, float],
    radius: float,
    pitch: float,
) -> Object:
    """Return a box with rounded edges, rotated about Y by `pitch` radians."""
    bpy.ops.mesh.primitive_cube_add(size=1, location=center, rotation=(0, pitch, 0))
    obj = bpy.context.object
    obj.scale = Vector(size)
    bpy.context.view_layer.update()
    _with_transform_applied(obj)
    bevel = obj.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments = radius, 4
    with bpy.context.temp_override(active_object=obj, object=obj):
        bpy.ops.object.modifier_apply(modifier="bevel")
    return obj


def _with_transform_applied(obj: Object) -> Object:
    obj.data.transform(obj.matrix_world)
    obj.matrix_world = Matrix.Identity(4)
    return obj
