"""From what a file holds and what its user says to what car.yaml will say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from dmldata.errors import InputError, UnknownNameError
from dmlgen.cars.cabin import has_interior, inside_cabin
from dmlgen.cars.edits import Override, Selector
from dmlgen.cars.guess import Guess, guess_role, looks_like_paint
from dmlgen.cars.model import Model, ModelMaterial
from dmlgen.cars.orient import Facing, find_facing, find_scale, turn_to_car_frame
from dmlgen.cars.wheels import Wheels, find_wheels
from dmlgen.roles import ROLES

MANY_TRIANGLES = 500_000
FLAT = 0.05
"""Least share of the largest extent that the smallest one of a car has."""
_WHEEL_ROLES = ("tyre", "rim", "rim_dark", "brake")
_IMAGE_ROLES = (
    *("tyre", "rim", "rim_dark", "lamp_clear", "lamp_red", "lamp_orange"),
    *("interior", "upholstery", "plastic"),
)
"""Roles that keep the image of the source in place of a plain colour."""


class PaintError(InputError):
    """The paint cannot be told apart; holds the materials that there are, to show them."""

    def __init__(self, message: str, materials: tuple[MaterialRole, ...]) -> None:
        super().__init__(message)
        self.materials = materials


@dataclass(frozen=True)
class Choices:
    """What the user says about a file.

    Attributes:
        paint: materials that are the paint.
        up, forward: an axis or `auto`.
        length: of the car in metres, None to take the file's unit.
        roles: material -> role, stronger than guesses.
        wheels: globs of objects or materials.
        ignore: globs of objects that are no part of the car.
    """

    paint: tuple[str, ...] = ()
    up: str = "auto"
    forward: str = "auto"
    length: float | None = None
    roles: dict[str, str] = field(default_factory=dict)
    wheels: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class MaterialRole:
    """A material, its share of the surface (0..1), its role and why it has it."""

    name: str
    share: float
    role: str
    reason: str


@dataclass(frozen=True)
class Decision:
    """What a file will be converted to.

    Attributes:
        scale: metres per unit.
        size: length, width and height in metres.
        open_edges: shares of edges with one face, and with more than two.
        doubts: what could not be decided, one line each.
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
    doubts: tuple[str, ...]


def materials_of(model: Model, choices: Choices) -> tuple[MaterialRole, ...]:
    """The materials that have faces, the largest first, each with its role.

    Raises:
        InputError: a material or a role that does not exist.
    """
    names = [material.name for material in model.materials]
    for name in choices.roles:
        if name not in names:
            raise UnknownNameError("material", name, names, "--role")
    for name, role in choices.roles.items():
        if role not in ROLES:
            raise UnknownNameError("role", role, ROLES, f"--role {name}={role}")
    shares = model.shares()
    found = [
        _role_of(model, index, float(shares[index]), choices)
        for index in np.argsort(-shares, kind="stable")
        if shares[index] > 0
    ]
    return tuple(found)


def decide(model: Model, choices: Choices) -> Decision:
    """Everything that car.yaml needs.

    Raises:
        PaintError: no paint was named, or none that can be set apart.
        InputError: what no car can be made of, or a choice that does not fit the file.
    """
    if model.size.min() <= FLAT * model.size.max() or model.areas.sum() == 0:
        raise InputError(
            f"flat ({_extents(model.size)} units): a picture or a floor, not a car; objects that "
            f"are no part of a car can be left out with --ignore"
        )
    materials = materials_of(model, choices)
    _check_paint(model, materials, choices)
    rear = frozenset(m.name for m in materials if m.role == "lamp_red")
    facing = find_facing(model, choices.up, choices.forward, rear)
    turn = turn_to_car_frame(facing.up, facing.forward)
    standing = model.moved(turn)
    try:
        scale = find_scale(float(standing.size[0]), choices.length)
    except InputError as error:
        raise InputError(f"{error}{_hint_of_extras(model)}") from None
    car = model.moved(turn * scale)
    wheels = find_wheels(car, choices.wheels)
    glass, paint = (_faces_of(car, materials, role) for role in ("glass", "paint"))
    inside = inside_cabin(car, glass) & ~paint
    materials = tuple(_after_place(car, material, wheels, inside) for material in materials)
    furnished = has_interior(car, inside) or not glass.any()
    return Decision(
        materials,
        scale,
        facing,
        wheels,
        _overrides(car, materials, wheels),
        "own" if furnished else "generic",
        (float(car.size[0]), float(car.size[1]), float(car.size[2])),
        len(car.areas),
        car.open_edges(),
        _doubts(car, materials, facing, wheels),
    )


def _role_of(model: Model, index: int, share: float, choices: Choices) -> MaterialRole:
    material = model.materials[index]
    if material.name in choices.paint:
        return MaterialRole(material.name, share, "paint", "given")
    if material.name in choices.roles:
        return MaterialRole(material.name, share, choices.roles[material.name], "given")
    guess = guess_role(material, _objects_of(model, index))
    return MaterialRole(material.name, share, guess.role, guess.reason)


def _objects_of(model: Model, material: int) -> tuple[str, ...]:
    """The object that nearly all of a material belongs to, with its parents' names."""
    area = np.bincount(model.object, model.areas * (model.material == material))
    main = int(area.argmax())
    return (model.paths[main],) if area[main] > 0.8 * area.sum() else ()


def _check_paint(model: Model, materials: tuple[MaterialRole, ...], choices: Choices) -> None:
    names = {material.name for material in model.materials}
    used = [material.name for material in materials]
    for name in choices.paint:
        if name not in names:
            raise PaintError(
                str(UnknownNameError("material", name, used, "--paint-material")), materials
            )
        if name not in used:
            raise PaintError(
                f"no separable paint: material '{name}' has no faces; valid: {', '.join(used)}",
                materials,
            )
    if len(used) == 1 or set(used) <= set(choices.paint):
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


def _after_place(
    car: Model, material: MaterialRole, wheels: Wheels, inside: np.ndarray
) -> MaterialRole:
    """What has no telling name gets its role from the wheels, or the cabin, that it is in."""
    if material.reason not in ("look", "none") or material.role == "glass":
        return material
    index = _index(car, material.name)
    area = car.areas * (car.material == index)
    if area[wheels.faces].sum() > 0.8 * area.sum():
        role = _wheel_role(car.materials[index])
        return replace(material, role=role, reason="on the wheels")
    if material.role in ("plastic", "gloss_black") and area[inside].sum() > 0.5 * area.sum():
        return replace(material, role="interior", reason="in the cabin")
    return material


def _overrides(
    car: Model, materials: tuple[MaterialRole, ...], wheels: Wheels
) -> tuple[Override, ...]:
    """Faces of wheels whose material is something else on the body; images that are kept."""
    found = []
    for selector in wheels.selectors:
        for material in materials:
            index = _index(car, material.name)
            if material.role in _WHEEL_ROLES or material.reason == "given":
                continue
            if not (wheels.faces & (car.material == index)).any():
                continue
            role = _wheel_role(car.materials[index])
            fields = selector.model_dump() | {"material": _glob(material.name)}
            if Selector(material=selector.material).material in ("*", fields["material"]):
                found.append(Override(**fields, role=role))
    for material in materials:
        look = car.materials[_index(car, material.name)]
        if look.image and material.role in _IMAGE_ROLES:
            found.append(
                Override(material=_glob(material.name), role=material.role, texture="keep")
            )
    return tuple(found)


def _wheel_role(material: ModelMaterial) -> str:
    if material.metallic > 0.5:
        return "rim" if max(material.color) > 0.1 else "rim_dark"
    return "tyre" if max(material.color) < 0.12 else "rim"


def _doubts(
    car: Model, materials: tuple[MaterialRole, ...], facing: Facing, wheels: Wheels
) -> tuple[str, ...]:
    doubts = [facing.doubt] if facing.doubt else []
    unknown = [f"'{m.name}'" for m in materials if m.reason == Guess("", "none").reason]
    if unknown:
        doubts.append(f"what {', '.join(unknown)} is (made plastic): --role MATERIAL=ROLE")
    if not wheels.selectors:
        doubts.append(
            "which faces are the wheels: they stay part of the body, so they neither steer nor "
            "change their style; name their objects or materials with --wheels"
        )
    roles = {material.role for material in materials}
    if "glass" not in roles:
        doubts.append("where the windows are: no material looks like glass")
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
    """Whether no turned rectangle holds the outline much closer than one along the axes."""
    from trimesh.bounds import oriented_bounds_2D

    closest = oriented_bounds_2D(car.samples[:, :2])[1]
    return float(np.prod(closest)) > 0.85 * float(np.prod(car.size[:2]))


def _hint_of_extras(model: Model) -> str:
    """Names the largest object, which may be a ground, where it is much longer than the others."""
    spans = []
    for index in range(len(model.objects)):
        points = model.corners[model.object == index].reshape(-1, 3)
        spans.append(float(np.ptp(points, axis=0).max()) if len(points) else 0.0)
    order = np.argsort(spans)
    if len(spans) < 2 or spans[order[-1]] < 1.3 * spans[order[-2]]:
        return ""
    name = model.objects[order[-1]]
    return f"; if object '{name}' is no part of the car: --ignore '{name}'"


def _faces_of(model: Model, materials: tuple[MaterialRole, ...], role: str) -> np.ndarray:
    named = [_index(model, material.name) for material in materials if material.role == role]
    return np.isin(model.material, named)


def _index(model: Model, name: str) -> int:
    return next(i for i, material in enumerate(model.materials) if material.name == name)


def _glob(name: str) -> str:
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _extents(size: np.ndarray) -> str:
    return " x ".join(f"{extent:.4g}" for extent in size)
