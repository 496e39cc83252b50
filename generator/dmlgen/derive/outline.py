"""The curves on a car's sides that trims follow: arches, window line, edge of the roof."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dmlgen.derive.glb import CarFile, Part, Values
from dmlgen.derive.warp import Measures

SIDE = 0.7
"""Distance from the middle beyond which points belong to the car's side, in half widths."""
STEPS = np.linspace(0.0, 1.0, 12)
"""Shares of an edge at which its points are sampled."""


@dataclass(frozen=True)
class Arch:
    """The arch of a wheel seen from the side: x and z of its middle and its radius, in meters."""

    x: float
    z: float
    radius: float


@dataclass(frozen=True)
class Outline:
    """The outline of a car seen from the side, in meters.

    Attributes:
        arches: of the front and the rear wheels, as the paint ends there.
        sill: height of the paint's lower end between the arches.
        windows: x of the rear and the front end of the side windows.
        belt, edge: heights of the side windows' lower and upper ends as polynomials of x.
    """

    arches: tuple[Arch, Arch]
    sill: float
    windows: tuple[float, float]
    belt: Values
    edge: Values


def outline(car: CarFile, measures: Measures) -> Outline:
    """Return the outline of `car`, whose measures are `measures`."""
    half = SIDE * measures.half_width
    paint = np.concatenate([part.points for part in car.body.of_role("paint")])
    side = paint[np.abs(paint[:, 1]) > half]
    arches = [_arch(side, x, measures.radius) for x in (measures.front_axle, measures.rear_axle)]
    front, rear = arches
    between = (side[:, 0] < front.x - 1.3 * front.radius) & (
        side[:, 0] > rear.x + 1.3 * rear.radius
    )
    sill = float(np.percentile(side[between, 2], 1))
    windows = np.concatenate([_beside(part) for part in car.body.of_role("glass")])
    windows = windows[np.abs(windows[:, 1]) > 0.4 * measures.half_width]
    ends = (float(windows[:, 0].min()), float(windows[:, 0].max()))
    bins = np.linspace(ends[0] + 0.1 * np.ptp(ends), ends[1] - 0.25 * np.ptp(ends), 13)
    which = np.digitize(windows[:, 0], bins)
    lowest, highest, at = [], [], []
    for index in range(1, len(bins)):
        here = windows[which == index, 2]
        if len(here):
            at.append((bins[index - 1] + bins[index]) / 2)
            lowest.append(here.min())
            highest.append(here.max())
    return Outline((front, rear), sill, ends, np.polyfit(at, lowest, 1), np.polyfit(at, highest, 2))


def _arch(side: Values, x: float, radius: float) -> Arch:
    """Return the circle through the paint that is nearest to the wheel, fitted by least squares."""
    at = side[:, [0, 2]] - [x, radius]
    distance, angle = np.hypot(*at.T), np.degrees(np.arctan2(at[:, 1], at[:, 0]))
    nearest = []
    for start in range(15, 165, 10):
        here = (angle >= start) & (angle < start + 10)
        here &= (distance > 0.9 * radius) & (distance < 1.6 * radius)
        if here.any():
            nearest.append(at[here][distance[here].argmin()])
    points = np.array(nearest)
    # |p|^2 = 2 p.m + (r^2 - |m|^2) is linear in the middle m and in the bracket.
    solved = np.linalg.lstsq(
        np.column_stack([2 * points, np.ones(len(points))]), (points**2).sum(axis=1), rcond=None
    )[0]
    middle = solved[:2]
    return Arch(
        x + float(middle[0]),
        radius + float(middle[1]),
        float(np.sqrt(solved[2] + middle @ middle)),
    )


def _beside(part: Part) -> Values:
    """Return points on the edges of the triangles that face to the sides."""
    facing = np.abs(part.normals[part.triangles].mean(axis=1)[:, 1]) > 0.5
    at = part.points[part.triangles[facing]]
    ends = np.roll(at, -1, axis=1)
    return (at[:, :, None] + STEPS[:, None] * (ends - at)[:, :, None]).reshape(-1, 3)
