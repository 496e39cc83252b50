"""Derived models: the proportions that a number stands for, and the mesh."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmldata.common.errors import InputError
from dmlgen.catalog.car_edits import Fittings
from dmlgen.catalog.derived_names import MAX_NUMBER
from dmlgen.derive.fittings import fit, fittings_of
from dmlgen.derive.glb import CarFile
from dmlgen.derive.panels import cut_panels
from dmlgen.derive.shape import together
from dmlgen.derive.trims import exchange_trim
from dmlgen.derive.warp import Measures, Proportions, Warp
from dmlgen.derive.wheels import exchange_wheels, tuck_wheels

RANGES = {
    "front_overhang": (0.86, 1.16),
    "rear_overhang": (0.72, 1.38),
    "bonnet": (0.82, 1.28),
    "cabin": (0.86, 1.2),
    "lower": (0.9, 1.14),
    "upper": (0.84, 1.24),
    "width": (0.95, 1.06),
    "ride": (-0.02, 0.08),
    "taper": (-0.1, 0.04),
    "lean": (-0.12, 0.1),
}
"""Minimum and maximum of the fields of `Proportions` in derived models."""
UNCHANGED = Proportions()
USUAL_BELT = 0.6
"""Height of the lower edge of side windows, as a share of the car's, where there are none."""


def derived_car(base: Path, number: int | None, shape: Proportions = UNCHANGED) -> CarFile:
    """Return model `number` of the car in the GLB file `base`.

    Without a number it is the car itself with its fittings, changed by `shape` alone.

    Raises:
        InputError: the car has no wheels of its own, and another shape is asked for.
    """
    car = CarFile(base)
    if number is None and shape == UNCHANGED and fittings_of(car) == Fittings():
        return car
    if not car.wheels and (number is not None or shape != UNCHANGED):
        raise InputError(f"{base}: its shape can't be changed: it has no wheels of its own")
    return derive(car, number, shape)


def derive(car: CarFile, number: int | None, shape: Proportions = UNCHANGED) -> CarFile:
    """Turn `car` into its model `number`, in place; if it is None, only change it by `shape`."""
    measures = measure(car)
    model_shape = UNCHANGED
    cut_panels(car, fittings_of(car).panels)
    if number is not None:
        model_shape = proportions(measures, number)
        exchange_trim(car, measures, number)
    fit(car, number)
    if (change := together(model_shape, shape)) != UNCHANGED:
        warp = Warp(measures, change)
        for wheel in car.wheels:
            wheel.middle = warp.wheel(wheel.middle)
        for part in car.body.parts:
            part.normals = warp.normals(part.points, part.normals)
            part.points = warp.points(part.points)
    exchange_wheels(car, number)
    tuck_wheels(car)
    return car


def measure(car: CarFile) -> Measures:
    """Return the measures of a car."""
    body = car.body

    def points_of(role: str) -> NDArray[np.float64]:
        parts = [part.points for part in body.of_role(role)]
        return np.concatenate(parts) if parts else np.zeros((0, 3))

    def axle(place: str) -> float:
        return float(np.mean([wheel.middle[0] for wheel in car.wheels if place in wheel.name]))

    everything, windows = body.points, points_of("glass")
    if not len(windows):
        windows = points_of("glass_dark")
    height = float(np.percentile(everything[:, 2], 99))
    half_width = float(np.percentile(np.abs(points_of("paint")[:, 1]), 99.5))
    beside = windows[np.abs(windows[:, 1]) > 0.6 * half_width]
    return Measures(
        front=float(everything[:, 0].max()),
        rear=float(everything[:, 0].min()),
        front_axle=axle("front"),
        rear_axle=axle("rear"),
        radius=float(np.mean([wheel.middle[2] for wheel in car.wheels])),
        height=height,
        belt=float(np.percentile(beside[:, 2], 10)) if len(beside) else USUAL_BELT * height,
        half_width=half_width,
    )


def proportions(car: Measures, number: int) -> Proportions:
    """Return the proportions of model `number`.

    They are the `number`-th plausible point of a sequence that fills the ranges evenly.

    The sequence is Roberts' additive recurrence (2018), whose points keep their distance from each
    other however many are taken.
    """
    return _sequence(car, number)[number - 1]


@cache
def _sequence(car: Measures, count: int) -> list[Proportions]:
    plausible: list[Proportions] = []
    for candidate in _candidates():
        if is_plausible(car, candidate):
            plausible.append(candidate)
            if len(plausible) == count:
                return plausible
    raise AssertionError("the sequence does not end")


def _candidates() -> Iterator[Proportions]:
    dimensions = len(RANGES)
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = root ** -np.arange(1.0, dimensions + 1)
    low, high = np.array(list(RANGES.values())).T
    for index in range(1, 100 * MAX_NUMBER):
        share = (0.5 + index * steps) % 1.0
        yield Proportions(*(low + share * (high - low)).tolist())


def is_plausible(car: Measures, to: Proportions) -> bool:
    """Return whether the warped car has the proportions of a real one.

    The ranges cover cars on the road, from coupe to van: wheelbase 0.54 to 0.74 of the length,
    height 0.25 to 0.62 of the length and 0.56 to 1.4 of the width; 0.3 m or more before and behind
    the axles; and windows that take 0.24 to 0.5 of the height.
    """
    warp = Warp(car, to)
    ends = np.array([[x, 0.0, z] for x, z in _outline(car)])
    (front, _, _), (rear, _, _), (_, _, roof), (_, _, belt) = warp.points(ends)
    axles = [float(warp.wheel(np.array([x, 0.0, 0.0]))[0]) for x in (car.front_axle, car.rear_axle)]
    length, wheelbase = front - rear, axles[0] - axles[1]
    width = 2 * car.half_width * to.width
    return bool(
        0.54 <= wheelbase / length <= 0.74
        and 0.25 <= roof / length <= 0.62
        and 0.56 <= roof / width <= 1.4
        and min(front - axles[0], axles[1] - rear) >= 0.3
        and 0.24 <= (roof - belt) / roof <= 0.5
        and _strength(to) > 0.25
    )


def _outline(car: Measures) -> list[tuple[float, float]]:
    return [(car.front, 0.4), (car.rear, 0.4), (0.0, car.height), (0.0, car.belt)]


def _strength(to: Proportions) -> float:
    """Return the largest distance of a dimension from the base car, in halves of its range."""
    low, high = np.array(list(RANGES.values())).T
    unchanged = np.array(Proportions())
    return float(np.abs((np.array(to) - unchanged) / ((high - low) / 2)).max())
