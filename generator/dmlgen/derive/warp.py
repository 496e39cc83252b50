"""A smooth warp of a car's body, written as car dimensions.

Lengths, heights and widths are each mapped by a separate function; around the wheels, lengths
and heights are not scaled, so that arches stay round. The upper body may also lean and taper.
Normals follow exactly, by the warp's Jacobian, so highlights run as smoothly as on the base car.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

STEP = 0.002
"""Meters between the nodes of a map."""
SOFT = 0.12
"""Meters over which the scale of a map passes from one zone to the next, to each side."""
ARCH = 1.3
"""Distance to each side of an axle that is not scaled, in radii of the wheel."""


@dataclass(frozen=True)
class Measures:
    """Dimensions of a car in meters; x from the middle to the front, z from the ground.

    Attributes:
        front, rear: x of the bumpers.
        front_axle, rear_axle: x of the wheels' middles.
        radius: radius of the wheels.
        height: height of the roof.
        belt: height of the lower edge of the windows.
        half_width: half the width of the painted body; mirrors hardly count.
    """

    front: float
    rear: float
    front_axle: float
    rear_axle: float
    radius: float
    height: float
    belt: float
    half_width: float


class Proportions(NamedTuple):
    """The changes of a warp; scales of 1 and other values of 0 leave a car unchanged.

    Attributes:
        front_overhang, rear_overhang: scales from an arch to the bumper.
        bonnet, cabin: scales of the front third and of the rest of the length between the arches.
        lower, upper: scales of the height from the arches to the belt, and from there to the roof.
        width: scale.
        ride: meters that the body is lifted above the wheels.
        taper: share of the width that the roof is wider (above 0) or narrower at its top.
        lean: meters that the roof goes forward (above 0) or back.
    """

    front_overhang: float = 1.0
    rear_overhang: float = 1.0
    bonnet: float = 1.0
    cabin: float = 1.0
    lower: float = 1.0
    upper: float = 1.0
    width: float = 1.0
    ride: float = 0.0
    taper: float = 0.0
    lean: float = 0.0


class _Map:
    """A smooth function with a given slope in each zone, and 0 at `origin`."""

    def __init__(self, edges: Sequence[float], slopes: Sequence[float], origin: float) -> None:
        """Build the map from edges, ascending, and one more slope than edges."""
        margin = 1.0
        self._at = np.arange(edges[0] - margin, edges[-1] + margin, STEP)
        slope = np.full(len(self._at), slopes[0])
        for edge, before, after in zip(edges, slopes[:-1], slopes[1:], strict=True):
            slope += (after - before) * _smoothstep((self._at - edge) / SOFT)
        self._slope = slope
        middle = (slope[1:] + slope[:-1]) / 2 * STEP
        self._value = np.concatenate([[0.0], np.cumsum(middle)])
        self._value -= np.interp(origin, self._at, self._value)

    def value(self, at: Values) -> Values:
        """Return the mapped values; beyond the nodes the map is linear."""
        inside = np.clip(at, self._at[0], self._at[-1])
        beyond = np.where(at > inside, self._slope[-1], self._slope[0]) * (at - inside)
        return np.interp(inside, self._at, self._value) + beyond

    def slope(self, at: Values) -> Values:
        return np.interp(at, self._at, self._slope)


class Warp:
    """Maps the points of a car to those of the warped car. The ground stays in place."""

    def __init__(self, car: Measures, to: Proportions) -> None:
        arch = ARCH * car.radius
        between = (car.rear_axle + arch, car.front_axle - arch)
        cowl = between[1] - (between[1] - between[0]) / 3
        # Zones meet within their soft edges, which lie inside the zone that may stretch.
        self._length = _Map(
            (
                car.rear_axle - arch - SOFT,
                between[0] + SOFT,
                cowl,
                between[1] - SOFT,
                car.front_axle + arch + SOFT,
            ),
            (to.rear_overhang, 1.0, to.cabin, to.bonnet, 1.0, to.front_overhang),
            (car.front_axle + car.rear_axle) / 2,
        )
        top = min(2 * car.radius + SOFT, car.belt - SOFT)
        self._height = _Map((top, car.belt), (1.0, to.lower, to.upper), 0.0)
        self._car, self._to = car, to

    def points(self, points: Values) -> Values:
        """Return the warped points [V, 3] of body or wheels, in meters.

        Wheels are moved by their middles and not lifted.
        """
        x, y, z = points.T
        upper = self._upper(z)
        return np.stack(
            [
                self._length.value(x) + self._to.lean * upper,
                y * (self._to.width + self._to.taper * upper),
                self._height.value(z) + self._to.ride,
            ],
            axis=1,
        )

    def wheel(self, middle: Values) -> Values:
        """Return where the middle [3] of a wheel moves to."""
        x, y, z = middle
        return np.array([float(self._length.value(np.array(x))), y * self._to.width, z])

    def normals(self, points: Values, normals: Values) -> Values:
        """Return the warped normals of a surface at points [V, 3] before the warp.

        They follow from the inverse transpose of the warp's Jacobian.
        """
        _, y, z = points.T
        upper, grows = self._upper(z), self._upper_slope(z)
        width = self._to.width + self._to.taper * upper
        # The Jacobian is [[a, 0, d], [0, b, e], [0, 0, c]].
        a, b, c = self._length.slope(points[:, 0]), width, self._height.slope(z)
        d, e = self._to.lean * grows, self._to.taper * grows * y
        nx, ny, nz = normals.T
        turned = np.stack([nx / a, ny / b, (nz - nx * d / a - ny * e / b) / c], axis=1)
        length = np.linalg.norm(turned, axis=1, keepdims=True)
        return turned / np.where(length > 0, length, 1.0)

    def _upper(self, z: Values) -> Values:
        """Return 0 at the belt and below, rising to 1 at the roof."""
        return _ramp(self._share(z))

    def _upper_slope(self, z: Values) -> Values:
        return _ramp_slope(self._share(z)) / (self._car.height - self._car.belt)

    def _share(self, z: Values) -> Values:
        return np.clip((z - self._car.belt) / (self._car.height - self._car.belt), 0.0, 1.2)


def _smoothstep(t: Values) -> Values:
    """Return a smooth step from 0 at -1 to 1 at 1, flat at both ends."""
    u = (np.clip(t, -1.0, 1.0) + 1) / 2
    return u * u * (3 - 2 * u)


def _ramp(share: Values) -> Values:
    """Return a ramp from 0, flat, to a slope of 1 at share 1: quadratic at first, then straight."""
    return np.where(share < 0.5, share**2, share - 0.25) / 0.75


def _ramp_slope(share: Values) -> Values:
    return np.where(share < 0.5, 2 * share, 1.0) / 0.75
