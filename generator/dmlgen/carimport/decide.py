"""Decide what car.yaml will say, from the content of a file and the choices of its user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from dmldata.common.arrays import Floats
from dmldata.common.errors import InputError, UnknownNameError
from dmlgen.carimport.cabin import has_interior, inside_cabin
from dmlgen.carimport.extras import coarser_levels, far_away, overlapping
from dmlgen.carimport.guess import looks_like_paint
from dmlgen.carimport.model import Model
from dmlgen.carimport.orient import Facing, find_facing, find_scale, turn_to_car_frame
from dmlgen.carimport.table import (
    MaterialRole,
    check_roles,
    faces_of,
    first_rows,
    known_material,
    overrides_of,
    placed_rows,
)
from dmlgen.carimport.wheels import Wheels, find_wheels, glob_of
from dmlgen.catalog.car_edits import Override

MANY_TRIANGLES = 500_000
FLAT = 0.05
"""Minimum of a car's smallest extent, as a share of its largest one."""
NEEDS_ROLE = {
    "number_plate": ("plate",),
    "lights_on": ("lamp_clear", "lamp_red", "lamp_orange"),
}
"""Factor -> roles, of which a car needs one for the factor to change something."""


class PaintError(InputError):
    """The paint cannot be distinguished; `materials` lists all materials, to show them."""

    def __init__(self, message: str, materials: tuple[MaterialRole, ...]) -> None:
        super().__init__(message)
        self.materials = materials


@dataclass(frozen=True)
class Choices:
    """The choices of the user for a file.

    Attributes:
        paint: materials that are the paint.
        up, forward: an axis or `auto`.
        length: length of the car in meters, or None to find the file's unit.
        roles: material, or `MATERIAL@OBJECTS` for the part of it that is in objects that a glob
            names, -> role; stronger than guesses.
        wheels: globs of objects or materials.
        ignore: globs of objects that are not part of the car.
    """

    paint: tuple[str, ...] = ()
    up: str = "auto"
    forward: str = "auto"
    length: float | None = None
    roles: dict[str, str] = field(default_factory=dict)
    wheels: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """The result of all decisions about a file, from which car.yaml is written.

    Attributes:
        scale: meters per unit.
        size: length, width and height in meters.
        open_edges: shares of edges with one face, and with more than two.
        left_out: objects that are not part of the car.
        doubts: what could not be decided, one line per doubt.
    """

    materials: tuple[MaterialRole, ...]
    scale: float
    facing: Facing
    wheels: Wheels
    overrides: tuple[Override, ...]
    interior: Literal["own", "generic"]
    size: tuple[float, float, float]
    triangles: int
    open_edges: tuple[float, float]
    left_out: tuple[str, ...]
    doubts: tuple[str, ...]


def decide(model: Model, choices: Choices) -> Decision:
    """Decide everything that car.yaml needs.

    Raises:
        PaintError: no paint is named, or it cannot be distinguished from other materials.
        InputError: the file cannot become a car, or a choice does not fit the file.
    """
    coarser = coarser_levels(model)
    model = model.without(coarser)
    far = far_away(model)
    model = model.without(far)
    if model.size.min() <= FLAT * model.size.max() or model.areas.sum() == 0:
        raise InputError(
            f"flat ({_extents(model.size)} units): a picture or a floor, not a car; objects that "
            f"are no part of a car can be left out with --ignore"
        )
    check_roles(model, choices.roles)
    rows = first_rows(model, choices.paint, choices.roles)
    _check_paint(model, rows, choices)
    rear = frozenset(m.name for m in rows if m.role == "lamp_red")
    facing = find_facing(model, choices.up, choices.forward, rear)
    turn = turn_to_car_frame(facing.up, facing.forward)
    standing = model.moved(turn)
    try:
        scale = find_scale(float(standing.size[0]), choices.length)
    except InputError as error:
        raise InputError(f"{error}{_hint_of_extras(model)}") from None
    car = model.moved(turn * scale)
    wheels = find_wheels(car, choices.wheels)
    glass = faces_of(car, rows, "glass", "glass_dark")
    paint = faces_of(car, rows, "paint")
    inside = inside_cabin(car, glass) & ~paint
    rows = placed_rows(car, rows, choices.roles, wheels, inside)
    furnished = has_interior(car, inside) or not glass.any()
    return Decision(
        rows,
        scale,
        facing,
        wheels,
        overrides_of(car, rows, wheels),
        "own" if furnished else "generic",
        (float(car.size[0]), float(car.size[1]), float(car.size[2])),
        len(car.areas),
        car.open_edges(),
        tuple(model.objects[index] for index in sorted(coarser | far)),
        (*_left_out(model, coarser, far), *_doubts(car, rows, facing, wheels)),
    )


def fixed_of(materials: tuple[MaterialRole, ...]) -> tuple[str, ...]:
    """Return the factors that change nothing of a car, as it has no part of the roles they need."""
    roles = {material.role for material in materials}
    return tuple(factor for factor, needed in NEEDS_ROLE.items() if not roles & set(needed))


def _check_paint(model: Model, materials: tuple[MaterialRole, ...], choices: Choices) -> None:
    names = {material.name for material in model.materials}
    used = [material.name for material in materials]
    for name in (known_material(model, paint) for paint in choices.paint):
        if name not in names:
            raise PaintError(
                str(UnknownNameError("material", name, used, "--paint-material")), materials
            )
        if name not in used:
            raise PaintError(
                f"no separable paint: material '{name}' has no faces; valid: {', '.join(used)}",
                materials,
            )
    if "paint" in choices.roles.values():
        return
    if len(used) == 1 or all(material.role == "paint" for material in materials):
        raise PaintError(
            f"no separable paint: everything is {' and '.join(repr(n) for n in used)}; windows and "
            f"tyres have to be materials of their own",
            materials,
        )
    if not any(material.role == "paint" for material in materials):
        named = [m.name for m in model.materials if looks_like_paint(m) and m.name in used]
        likely = ", ".join(f"'{name}'" for name in (named or used)[:3])
        raise PaintError(
            f"which material is the paint? give it: --paint-material NAME (likely: {likely})",
            materials,
        )


def _left_out(model: Model, coarser: frozenset[int], far: frozenset[int]) -> list[str]:
    doubts = []
    for objects, what in ((coarser, "coarser levels of detail"), (far, "far away from the car")):
        names = [f"'{model.objects[index]}'" for index in sorted(objects)]
        if names:
            more = f" and {len(names) - 10} more" if names[10:] else ""
            doubts.append(f"what was left out, being {what}: {', '.join(names[:10])}{more}")
    return doubts


def _doubts(
    car: Model, materials: tuple[MaterialRole, ...], facing: Facing, wheels: Wheels
) -> tuple[str, ...]:
    doubts = [facing.doubt] if facing.doubt else []
    doubts += [f"what cannot be used: {note}" for note in car.notes]
    by_role: dict[str, list[str]] = {}
    for row in materials:
        if row.reason == "none":
            by_role.setdefault(row.role, []).append(f"'{row.name}'")
    for role, names in by_role.items():
        doubts.append(f"what {', '.join(names)} is (made {role}): --role MATERIAL=ROLE")
    for first, second in overlapping(car):
        doubts.append(
            f"whether '{first}' and '{second}', which fill the same space, are both the car: "
            f"--ignore '{glob_of(second)}'"
        )
    if not wheels.selectors:
        doubts.append(
            "which faces are the wheels: they stay part of the body, so they neither steer nor "
            "change their style; name their objects or materials with --wheels"
        )
    roles = {material.role for material in materials}
    if not roles & {"glass", "glass_dark"}:
        doubts.append("where the windows are: no material looks like glass")
    lacking = fixed_of(materials)
    if lacking:
        doubts.append(
            f"what of it {' and '.join(lacking)} would change: no material is "
            f"{' or '.join('/'.join(NEEDS_ROLE[factor]) for factor in lacking)}, so images have no "
            "value of it"
        )
    paint = sum(material.share for material in materials if material.role == "paint")
    if paint < 0.05:
        doubts.append(f"whether the paint is complete: it covers {paint:.1%} of the surface")
    length, width, height = car.size
    if not (1.4 < length / width < 3.5 and 1.3 < length / height < 5):
        doubts.append(
            f"whether this is a car alone: {_extents(car.size)} m is an unusual "
            f"shape{_hint_of_extras(car)}"
        )
    if not _is_straight(car):
        doubts.append(
            "whether it stands straight: it seems turned between two axes; turn it in the program "
            "that it comes from"
        )
    if len(car.areas) > MANY_TRIANGLES:
        doubts.append(f"{len(car.areas):,} triangles: rendering will be slow to start")
    return tuple(doubts)


def _is_straight(car: Model) -> bool:
    """Return whether no rotated rectangle fits the outline much more tightly than the axes do."""
    from trimesh.bounds import oriented_bounds_2D

    closest = oriented_bounds_2D(car.samples[:, :2])[1]
    return float(np.prod(closest)) > 0.85 * float(np.prod(car.size[:2]))


def _hint_of_extras(model: Model) -> str:
    """Return a hint that names the largest object, which may be a ground, if it is very long."""
    spans = []
    for index in range(len(model.objects)):
        points = model.corners[model.object == index].reshape(-1, 3)
        spans.append(float(np.ptp(points, axis=0).max()) if len(points) else 0.0)
    order = np.argsort(spans)
    if len(spans) < 2 or spans[order[-1]] < 1.3 * spans[order[-2]]:
        return ""
    name = model.objects[order[-1]]
    return f"; if object '{name}' is no part of the car: --ignore '{glob_of(name)}'"


def _extents(size: Floats) -> str:
    return " x ".join(f"{extent:.4g}" for extent in size)
