"""Bars on a car's surface: door handles and roof rails."""

from __future__ import annotations

import numpy as np

from dmlgen.derive.glb import CarFile, Part, Values
from dmlgen.derive.quads import smooth

LENGTH, HEIGHT, REACH = 0.19, 0.03, 0.032
"""Length and height of a grip, and how far it stands out, in meters."""
RAIL = (0.015, 0.02)
"""Radius of a roof rail and its height above the roof, in meters."""
STATIONS = 13
CREASE = 60.0


def add_handles(car: CarFile, places: tuple[tuple[float, float], ...], role: str) -> None:
    """Add a grip of `role` at each place (x and z in meters), left and right, where paint is."""
    triangles = _painted(car)
    for x, z in places:
        for side in (1.0, -1.0):
            along = x + np.linspace(-0.5, 0.5, STATIONS) * LENGTH
            at = np.array([outermost(triangles, 1, (at, z), side) for at in along])
            if np.isfinite(at).all():
                car.body.parts += [_grip(along, at, z, side, role), _hollow(along, at, z, side)]


def add_rails(car: CarFile, ends: tuple[float, float], role: str) -> None:
    """Add a rail of `role` along each edge of the roof, between two x, in meters."""
    triangles = np.concatenate([part.points[part.triangles] for part in car.body.parts])
    points = triangles.reshape(-1, 3)
    top = outermost(triangles, 2, (sum(ends) / 2, 0.2), 1.0)
    roof = points[np.abs(points[:, 2] - top + 0.04) < 0.06]
    edge = 0.86 * float(np.percentile(np.abs(roof[:, 1]), 98))
    x = np.linspace(*ends, STATIONS)
    share = np.linspace(-1.0, 1.0, STATIONS)
    for side in (1.0, -1.0):
        z = np.array([outermost(triangles, 2, (at, side * edge), 1.0) for at in x])
        if np.isfinite(z).all():
            middle = z - RAIL[0] + (RAIL[1] + RAIL[0]) * np.clip(6 * (1 - np.abs(share)), 0.0, 1.0)
            angle = np.linspace(0.0, 2 * np.pi, 13)
            ring = [x[:, None], side * (edge + RAIL[0] * np.cos(angle)), 0.0]
            ring[2] = middle[:, None] + RAIL[0] * np.sin(angle)
            car.body.parts.append(_sheet(np.stack(np.broadcast_arrays(*ring), axis=2), role, side))


def outermost(triangles: Values, axis: int, at: tuple[float, float], side: float) -> float:
    """Return where triangles [T, 3, 3] are farthest along an axis, on one side (1 or -1).

    Args:
        at: the other two coordinates, in their order.

    Returns:
        The coordinate, NaN where there is no triangle.
    """
    others = [index for index in range(3) if index != axis]
    a, b, c = (triangles[:, corner][:, others] for corner in range(3))
    size = _cross(b - a, c - a)
    point = np.array(at)
    with np.errstate(divide="ignore", invalid="ignore"):
        second, third = _cross(point - a, c - a) / size, _cross(b - a, point - a) / size
        hit = (second >= 0) & (third >= 0) & (second + third <= 1) & (np.abs(size) > 1e-12)
    if not hit.any():
        return float("nan")
    reach = triangles[hit, :, axis]
    first = 1 - second[hit] - third[hit]
    depth = (first * reach[:, 0] + second[hit] * reach[:, 1] + third[hit] * reach[:, 2]) * side
    return float(depth.max() * side)


def _painted(car: CarFile) -> Values:
    return np.concatenate([part.points[part.triangles] for part in car.body.of_role("paint")])


def _cross(first: Values, second: Values) -> Values:
    result: Values = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return result


def _grip(x: Values, surface: Values, z: float, side: float, role: str) -> Part:
    """Return a bar that bows away from the surface and ends in it."""
    share = np.linspace(-1.0, 1.0, len(x))
    out = REACH * np.clip(1.35 * (1 - share**4), 0.0, 1.0) - 0.004
    angle = np.linspace(0.0, 2 * np.pi, 13)
    height = 0.5 * HEIGHT * (1 - 0.25 * share**2)
    ring_y = (surface + side * out)[:, None] + side * 0.008 * np.cos(angle)
    ring_z = z + height[:, None] * np.sin(angle)
    points = np.stack(np.broadcast_arrays(x[:, None], ring_y, ring_z), axis=2)
    return _sheet(points, role, side)


def _hollow(x: Values, surface: Values, z: float, side: float) -> Part:
    """Return the shadow of the hollow behind a grip: a dark ellipse just above the paint."""
    share = np.linspace(-1.0, 1.0, len(x))
    half = 0.032 * np.sqrt(np.clip(1 - share**2, 0.0, 1.0))
    middle = x.mean() + 0.62 * (x - x.mean())
    across = np.linspace(-1.0, 1.0, 3)
    y = np.interp(middle, x, surface) + side * 0.0015
    points = np.stack(
        np.broadcast_arrays(middle[:, None], y[:, None], z + half[:, None] * across), axis=2
    )
    return _sheet(points, "rubber", -side)


def _sheet(points: Values, role: str, side: float) -> Part:
    """Return the faces between rows of points [N, K, 3]."""
    a, b = points[:-1], points[1:]
    quads = np.stack([a[:, :-1], b[:, :-1], b[:, 1:], a[:, 1:]], axis=2).reshape(-1, 4, 3)
    mesh = smooth(quads if side > 0 else quads[:, ::-1], CREASE)
    return Part(role, mesh.points, mesh.normals, mesh.triangles)
