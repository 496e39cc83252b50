"""The table of roles: which role each material has, and where; it is printed and applied."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dmldata.common.arrays import Bools
from dmldata.common.errors import InputError, UnknownNameError
from dmlgen.carimport.guess import guess_role
from dmlgen.carimport.model import Model, ModelMaterial
from dmlgen.carimport.wheels import Wheels, corner_of, glob_of
from dmlgen.catalog.car_edits import Override
from dmlgen.catalog.roles import ROLES

WHEEL_ROLES = ("tyre", "rim", "rim_dark", "brake")
IMAGE_ROLES = (
    *WHEEL_ROLES[:3],
    *("lamp_clear", "lamp_red", "lamp_orange", "interior", "upholstery", "plastic"),
)
"""Roles that keep the image of the source instead of a plain color."""
_ON_WHEELS = {
    **{"rubber": "tyre", "plastic": "rim_dark", "gloss_black": "rim_dark"},
    **{"chrome": "rim", "metal_dark": "rim_dark"},
}
"""The role on a wheel of a material that is named after a substance."""
WHEELS = "on the wheels"
_MOSTLY = 0.8


@dataclass(frozen=True)
class MaterialRole:
    """One row: a material, or a part of one, and its role.

    Attributes:
        share: share of the surface, 0..1.
        reason: `name`, `look`, `given`, `none` if there is no evidence, or the place.
        place: empty for the whole material or all that no other row names, WHEELS, or a glob of
            objects.
    """

    name: str
    share: float
    role: str
    reason: str
    place: str = ""


def check_roles(model: Model, roles: dict[str, str]) -> None:
    """Check the roles that the user gives to materials.

    Raises:
        InputError: a material, an object or a role does not exist.
    """
    for named, role in roles.items():
        name, glob = _material_and_glob(model, named)
        objects = [o for o in model.objects if fnmatch.fnmatchcase(o, glob or "*")]
        if not objects:
            raise UnknownNameError("object", glob, model.objects, f"--role {named}={role}")
        if glob and not _part(model, name, glob).any():
            raise InputError(f"--role {named}={role}: '{name}' is not on {', '.join(objects[:5])}")
        if role not in ROLES:
            raise UnknownNameError("role", role, ROLES, f"--role {named}={role}")


def known_material(model: Model, name: str) -> str:
    """Return the material that a user means; Blender truncates very long names.

    Raises:
        InputError: several truncated names match.
    """
    names = [material.name for material in model.materials]
    if name in names:
        return name
    cut = [n for n in names if len(n.encode()) >= 59 and name.startswith(_uncounted(n))]
    if len(cut) > 1:
        raise InputError(f"material '{name}': Blender cuts its name; valid: {', '.join(cut)}")
    return cut[0] if cut else name


def first_rows(
    model: Model, paint: tuple[str, ...], roles: dict[str, str]
) -> tuple[MaterialRole, ...]:
    """Return one row per material that has faces, the largest first: its given or guessed role."""
    shares = model.shares()
    whole = {
        known_material(model, n): r for n, r in roles.items() if not _material_and_glob(model, n)[1]
    }
    whole |= {known_material(model, name): "paint" for name in paint}
    rows = []
    for index in np.argsort(-shares, kind="stable"):
        material, share = model.materials[index], float(shares[index])
        if share <= 0:
            continue
        if material.name in whole:
            rows.append(MaterialRole(material.name, share, whole[material.name], "given"))
        else:
            guess = guess_role(material, _objects_of(model, int(index)))
            rows.append(MaterialRole(material.name, share, guess.role, guess.reason))
    return tuple(rows)


def placed_rows(
    car: Model,
    rows: tuple[MaterialRole, ...],
    roles: dict[str, str],
    wheels: Wheels,
    inside: Bools,
) -> tuple[MaterialRole, ...]:
    """Return the whole table: also parts that the user names, and faces on wheels or in the cabin.

    Args:
        car: in the car's frame, meters.
        roles: the user's roles, some of them for a part of a material.
        inside: [T] bool, faces in the cabin.
    """
    table: list[MaterialRole] = []
    said = np.zeros(len(car.areas), bool)
    for named, role in roles.items():
        name, glob = _material_and_glob(car, named)
        if glob:
            faces = _part(car, name, glob)
            table.append(MaterialRole(name, _share(car, faces), role, "given", glob))
            said |= faces
    for row in rows:
        faces = (car.material == index_of(car, row.name)) & ~said
        if faces.any():
            table += _with_places(car, row, faces, wheels.faces, inside)
    return tuple(table)


def overrides_of(
    car: Model, rows: tuple[MaterialRole, ...], wheels: Wheels
) -> tuple[Override, ...]:
    """Return the overrides that car.yaml needs beyond one role per material."""
    overrides = []
    for row in rows:
        keep = car.materials[index_of(car, row.name)].image and row.role in IMAGE_ROLES
        texture: Literal["keep", "drop"] = "keep" if keep else "drop"
        material = glob_of(row.name)
        if row.place == WHEELS:
            for selector in wheels.selectors:
                if fnmatch.fnmatchcase(row.name, selector.material):
                    fields = selector.model_dump() | {"material": material}
                    overrides.append(Override(**fields, role=row.role, texture=texture))
        elif row.place:
            overrides.append(
                Override(object=row.place, material=material, role=row.role, texture=texture)
            )
    # The first match counts, so parts come before whole materials.
    whole = [
        Override(material=glob_of(row.name), role=row.role, texture="keep")
        for row in rows
        if not row.place
        and row.role in IMAGE_ROLES
        and car.materials[index_of(car, row.name)].image
    ]
    return (*overrides, *whole)


def roles_of(rows: tuple[MaterialRole, ...]) -> dict[str, str]:
    """Return the role of each material; of one that has only rows for its parts, the last role."""
    parts = {row.name: row.role for row in rows if row.place}
    return parts | {row.name: row.role for row in rows if not row.place}


def faces_of(model: Model, rows: tuple[MaterialRole, ...], *roles: str) -> Bools:
    """Return which faces [T], bool, belong to materials with one of some roles."""
    return np.isin(model.material, [index_of(model, r.name) for r in rows if r.role in roles])


def index_of(model: Model, name: str) -> int:
    """Return the index of a material in the model."""
    return next(i for i, material in enumerate(model.materials) if material.name == name)


def _with_places(
    car: Model, row: MaterialRole, faces: Bools, on_wheels: Bools, inside: Bools
) -> list[MaterialRole]:
    """Return the rows that one material becomes."""
    row = replace(row, share=_share(car, faces))
    if row.reason == "given":
        return [row]
    material = car.materials[index_of(car, row.name)]
    turning, rest = faces & on_wheels, faces & ~on_wheels
    area = float(car.areas[faces].sum())
    wheel = _wheel_row(car, row, material, on_wheels)
    unsure = row.reason in ("look", "none") and row.role != "glass"
    if turning.any() and (not rest.any() or (unsure and car.areas[turning].sum() > _MOSTLY * area)):
        return [wheel]
    body = row
    if (
        unsure
        and row.role in ("plastic", "gloss_black")
        and car.areas[faces & inside].sum() > area / 2
    ):
        body = replace(row, role="interior", reason="in the cabin")
    if not turning.any() or wheel.role == body.role:
        return [body]
    return [
        replace(body, share=_share(car, rest)),
        replace(wheel, share=_share(car, turning), place=WHEELS),
    ]


def _wheel_row(
    car: Model, row: MaterialRole, material: ModelMaterial, on_wheels: Bools
) -> MaterialRole:
    if row.role in WHEEL_ROLES:
        return row
    if row.reason == "name" and row.role in _ON_WHEELS:
        return replace(row, role=_ON_WHEELS[row.role])
    if not material.color_known and material.metallic <= 0.5:
        outermost = _is_outermost(
            car, (car.material == index_of(car, row.name)) & on_wheels, on_wheels
        )
        return replace(row, role="tyre" if outermost else "rim", reason="none")
    if material.metallic > 0.5:
        role = "rim" if max(material.color) > 0.1 else "rim_dark"
    else:
        role = "tyre" if max(material.color) < 0.12 else "rim"
    return replace(row, role=role, reason=WHEELS)


def _is_outermost(car: Model, faces: Bools, on_wheels: Bools) -> bool:
    """Return whether some faces reach the tread of their wheel."""
    corners = corner_of(car.centers)
    for corner in range(4):
        wheel, part = (chosen & (corners == corner) for chosen in (on_wheels, faces))
        if part.any():
            wheel_points = car.corners[wheel].reshape(-1, 3)[:, [0, 2]]
            middle = (wheel_points.min(axis=0) + wheel_points.max(axis=0)) / 2
            part_points = car.corners[part].reshape(-1, 3)[:, [0, 2]]
            reach = [np.linalg.norm(p - middle, axis=1).max() for p in (part_points, wheel_points)]
            if reach[0] > 0.97 * reach[1]:
                return True
    return False


def _material_and_glob(model: Model, named: str) -> tuple[str, str]:
    """Split `MATERIAL` or `MATERIAL@OBJECTS` into material and glob; the glob is empty for all.

    Raises:
        InputError: the material does not exist.
    """
    names = [material.name for material in model.materials]
    part, _, glob = named.rpartition("@")
    if named not in names and part and known_material(model, part) in names:
        return known_material(model, part), glob
    if known_material(model, named) in names:
        return known_material(model, named), ""
    raise UnknownNameError("material", named, names, "--role")


def _part(model: Model, material: str, glob: str) -> Bools:
    """Return which faces [T], bool, of a material are in the objects that a glob names."""
    named = np.array([fnmatch.fnmatchcase(name, glob) for name in model.objects])
    return named[model.object] & (model.material == index_of(model, material))


def _objects_of(model: Model, material: int) -> tuple[str, ...]:
    """Return the object that nearly all of a material belongs to, with its parents' names."""
    area = np.bincount(model.object, model.areas * (model.material == material))
    main = int(area.argmax())
    return (model.paths[main],) if area[main] > _MOSTLY * area.sum() else ()


def _share(model: Model, faces: Bools) -> float:
    return float(model.areas[faces].sum() / max(model.areas.sum(), 1e-30))


def _uncounted(name: str) -> str:
    head, dot, tail = name.rpartition(".")
    return head if dot and len(tail) == 3 and tail.isdigit() else name
