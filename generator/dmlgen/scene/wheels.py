"""Objects of wheels that replace a car's own: a design fitted to a radius and width."""

from __future__ import annotations

from bpy.types import Object

from dmlgen.derive.wheel_designs import wheel_faces
from dmlgen.scene.materials import CarMaterials
from dmlgen.scene.props.shape import Shape


def build_wheel(
    style: str, radius: float, width: float, left: bool, materials: CarMaterials
) -> Object:
    """Build a wheel about its own y axis, in no collection yet.

    Args:
        style: a key of `DESIGNS`.
        radius, width: meters.
        left: whether its outer side faces +y.
    """
    shape = Shape(f"wheel:{style}")
    for role, quads in wheel_faces(style, radius, width).items():
        shape.quads(quads, materials[role])
    wheel = shape.finish(smooth_angle=32)
    if not left:
        wheel.data.transform(_HALF_TURN)
    return wheel


_HALF_TURN = ((-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
