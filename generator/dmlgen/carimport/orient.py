"""Find the orientation and the unit of a source model, to bring it into the car's frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dmldata.common.arrays import Floats
from dmldata.common.errors import InputError
from dmlgen.carimport.model import Model
from dmlgen.carimport.names import says, vocabulary, words

YAW_TO_FRONT = {"+X": 0.0, "-Y": 90.0, "-X": 180.0, "+Y": -90.0}
"""Forward axis -> degrees about Z that turn it to +X."""
ROLL_TO_UP = {
    **{"+Z": ("X", 0.0), "-Z": ("X", 180.0), "+Y": ("X", 90.0), "-Y": ("X", -90.0)},
    **{"+X": ("Y", -90.0), "-X": ("Y", 90.0)},
}
"""Up axis -> axis and degrees that turn it to +Z."""
UNITS = {"meters": 1.0, "centimeters": 0.01, "millimeters": 0.001}
LENGTHS = (2.0, 7.0)
"""Minimum and maximum length of a car, in meters."""
BINS = 24
"""Slices of a car in which its two halves are compared."""

_HEADS = vocabulary("front head headlight headlamp hood bonnet grille")
_TAILS = vocabulary("rear back tail taillight trunk boot exhaust muffler")


@dataclass(frozen=True)
class Facing:
    """The orientation of a source.

    Attributes:
        up: the axis that points up, as Blender reads the file.
        forward: the axis that the front points to, once up is +Z.
        doubt: what the user should check, or empty.
    """

    up: str
    forward: str
    doubt: str = ""


def turn_to_car_frame(up: str, forward: str) -> Floats:
    """Return the rotation [3, 3] that takes `up` to +Z and then `forward` to +X.

    All entries are -1, 0 or 1.

    >>> turn_to_car_frame("+Z", "-Y") @ [0, -1, 0]
    array([1., 0., 0.])
    """
    return np.round(_rotation("Z", YAW_TO_FRONT[forward]) @ _rotation(*ROLL_TO_UP[up])) + 0.0


def find_scale(length: float, requested_length: float | None) -> float:
    """Return the meters per unit of a source.

    Args:
        length: length of the model, in its units.
        requested_length: the length in meters that the user gave.

    Raises:
        InputError: in no unit is it as long as a car, or `requested_length` is no car's length.

    >>> find_scale(435.8, None), find_scale(10.0, 4.5)
    (0.01, 0.45)
    """
    if requested_length is not None:
        if not LENGTHS[0] <= requested_length <= LENGTHS[1]:
            raise InputError(
                f"--length {requested_length:g}: a car is {LENGTHS[0]:g} to {LENGTHS[1]:g} meters"
            )
        return requested_length / length
    for scale in UNITS.values():
        if LENGTHS[0] <= length * scale <= LENGTHS[1]:
            return scale
    raise InputError(
        f"the model is {length:.4g} units long, no car's length in meters, centimeters or "
        f"millimeters; give it: --length METERS"
    )


def find_facing(model: Model, up: str, forward: str, rear: frozenset[str] = frozenset()) -> Facing:
    """Find the axes that point up and forward, where the user says `auto`.

    The up axis is Blender's +Z unless the model is symmetric in that direction and not in
    another: a car's left and right are alike, its top and bottom are not.

    Args:
        rear: names of materials at the rear, such as those of red lamps.

    Raises:
        InputError: the car's length does not lie along the axis `forward`.
    """
    up = _find_up(model) if up == "auto" else up
    standing = model.moved(turn_to_car_frame(up, "+X"))
    long, wide = ("X", "Y") if standing.size[0] >= standing.size[1] else ("Y", "X")
    if forward != "auto":
        if forward[1] != long:
            raise InputError(
                f"--forward {forward}: the model is longer along {long} "
                f"({max(standing.size[:2]):.4g}) than along {wide} ({min(standing.size[:2]):.4g}); "
                f"valid: +{long}, -{long}, auto"
            )
        return Facing(up, forward)
    along = standing.centers[:, "XY".index(long)] / max(standing.size[:2])
    by_name = _sign_by_names(standing, along, rear)
    if by_name is not None:
        return Facing(up, f"{by_name}{long}")
    by_roof = _sign_by_roof(standing, "XY".index(long))
    opposite = {"+": "-", "-": "+"}[by_roof or "+"]
    reason = "taken from where the roof is" if by_roof else "unknown: assumed as in the file"
    doubt = (
        f"which end is the front ({reason}); if the preview's first picture shows the back: "
        f"--forward {opposite}{long}"
    )
    return Facing(up, f"{by_roof or '+'}{long}", doubt)


def _rotation(axis: str, degrees: float) -> Floats:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    first, second = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    turn = np.eye(3)
    turn[first, first] = turn[second, second] = cos
    turn[second, first], turn[first, second] = sin, -sin
    return turn


def _find_up(model: Model) -> str:
    long = int(model.size.argmax())
    odd = {axis: _oddness(model, axis) for axis in range(3) if axis != long}
    if long == 2:
        # The car stands on its nose or tail; the axis with the less symmetric sides points up.
        axis = max(odd, key=lambda a: odd[a])
    else:
        sideways = 1 - long
        axis = sideways if odd[2] < 0.1 and odd[sideways] > 2 * odd[2] + 0.1 else 2
    return f"{_sign_up(model, axis, long)}{'XYZ'[axis]}" if axis != 2 else "+Z"


def _oddness(model: Model, axis: int) -> float:
    """Return how differently the surface lies on both sides along an axis: 0 (alike) to 1."""
    low, high = _ends(model, axis)
    where = np.histogram(model.samples[:, axis], BINS, (low, high))[0]
    return float(np.abs(where - where[::-1]).sum() / 2 / where.sum())


def _sign_up(model: Model, axis: int, long: int) -> str:
    """Return the sign of the end that is the roof: it is shorter than the floor."""
    low, high = _ends(model, axis)
    along = model.samples[:, axis]
    ends = (along < low + (high - low) / 4, along > high - (high - low) / 4)
    lengths = [np.ptp(model.samples[end, long]) if end.any() else 0.0 for end in ends]
    return "+" if lengths[1] <= lengths[0] else "-"


def _ends(model: Model, axis: int) -> tuple[float, float]:
    return float(model.corners[..., axis].min()), float(model.corners[..., axis].max())


def _sign_by_names(model: Model, along: Floats, rear: frozenset[str]) -> str | None:
    materials = [
        ["rear"] if material.name in rear else words(material.name) for material in model.materials
    ]
    objects = [words(path) for path in model.paths]

    def mean_of(sought_words: frozenset[str]) -> float | None:
        meant = np.array([says(w, sought_words) for w in objects])[model.object]
        meant |= np.array([says(w, sought_words) for w in materials])[model.material]
        area = model.areas * meant
        return float(np.average(along, weights=area)) if area.sum() > 0 else None

    head, tail = mean_of(_HEADS), mean_of(_TAILS)
    if head is None and tail is None:
        return None
    ahead = (0.0 if head is None else head) - (0.0 if tail is None else tail)
    return None if abs(ahead) < 0.1 else "+" if ahead > 0 else "-"


def _sign_by_roof(model: Model, axis: int) -> str | None:
    """Return the sign of the front: a roof lies behind the middle of its car."""
    points = model.samples / model.size.max()
    roof = points[model.samples[:, 2] > 0.8 * model.size[2], axis]
    middle = (roof.min() + roof.max()) / 2 if len(roof) else 0.0
    return None if abs(middle) < 0.02 else "-" if middle > 0 else "+"
