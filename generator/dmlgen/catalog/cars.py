"""car.yaml: where a car comes from, who made it, and which of its materials plays which role."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from dmldata.common.strict import StrictModel
from dmldata.contract.manifest import Credit, Line
from dmlgen.catalog.assets import NAME, car_folder, load_scene_file
from dmlgen.catalog.car_edits import (
    Face,
    Fittings,
    Liners,
    Override,
    Plate,
    Retouch,
    Seam,
    Seat,
    Selector,
    Subdivision,
    known_role,
)
from dmlgen.catalog.derived_names import parse_derived

Axis = Literal["+X", "-X", "+Y", "-Y"]
UpAxis = Literal["+Z", "-Z", "+Y", "-Y", "+X", "-X"]
UNKNOWN_LICENSE = "unknown license: do not publish"

MAX_SCALE = 1e6
"""Meters per unit of a model: beyond it single precision overflows."""


class Source(StrictModel):
    """The file a car is converted from: one in a published archive, or a user's own.

    Args:
        member: path in the archive, or the name of the user's file.
        sha256: of that file.
    """

    package: str | None = None
    archive: str | None = None
    archive_sha256: str | None = None
    member: str
    sha256: str

    @model_validator(mode="after")
    def _whole(self) -> Source:
        archive_fields = [self.package, self.archive, self.archive_sha256]
        if None in archive_fields and any(archive_fields):
            raise ValueError("package, archive and archive_sha256 go together")
        if not _is_file_name(self.member if self.archive is None else self.archive):
            raise ValueError("has to name a file by its name alone, without folders")
        return self

    def describe(self) -> str:
        """Return where the car comes from, in one line."""
        places = (self.package, self.archive, self.member)
        return ", ".join(place for place in places if place is not None)


class CarSpec(StrictModel):
    """What car.yaml holds.

    Args:
        scale: meters per unit of the source.
        up: the axis that points up as Blender reads the source.
        forward: the axis of the source, with Z up, that the car's front points to.
        ignore: globs of the source's objects that are no part of the car: a ground, a backdrop.
        smooth_angle: edges sharper than this many degrees stay sharp.
        drop: faces that are left out.
        roles: source material -> role.
        overrides: roles of selected faces, stronger than `roles`; the first that matches counts.
        wheels: faces of the four wheels; each goes to the wheel it is nearest to. A plain string
            is the glob of an object. None at all where they cannot be told from the body.
        retouch: places of the source's images that are painted over.
        subdivide: objects that are made smooth.
        seams: shut lines that the source lacks.
        plates: number plates, which take the place of the source's.
        liners: wheel housings that the source lacks.
        seats: seats in place of the source's.
        interior: `own` where the source has one, `generic` to add seats and a dashboard.
        fittings: lamps, grille, rims and handles that are built when the car is loaded.
        fixed: factors that change nothing of the car: of its proportions, or of parts it lacks.
    """

    name: str = Field(pattern=NAME)
    title: Line
    body_type: Line
    author: Line
    license: Line
    license_url: Line
    credit: Line
    source: Source
    scale: float = Field(gt=0, le=MAX_SCALE)
    up: UpAxis = "+Z"
    forward: Axis
    ignore: tuple[str, ...] = ()
    smooth_angle: float = Field(default=40, ge=0, le=180)
    drop: tuple[Selector, ...] = ()
    roles: dict[str, str]
    overrides: tuple[Override, ...] = ()
    wheels: tuple[str | Selector, ...]
    retouch: tuple[Retouch, ...] = ()
    subdivide: tuple[Subdivision, ...] = Field(default=(), max_length=100)
    seams: tuple[Seam, ...] = Field(default=(), max_length=100)
    plates: tuple[Plate, ...] = Field(default=(), max_length=100)
    liners: Liners | None = None
    seats: tuple[Seat, ...] = Field(default=(), max_length=20)
    interior: Literal["own", "generic"] = "own"
    fittings: Fittings = Fittings()
    fixed: tuple[Literal["front_overhang", "rear_overhang", "number_plate", "lights_on"], ...] = ()

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, roles: dict[str, str]) -> dict[str, str]:
        for role in roles.values():
            known_role(role)
        if "paint" not in roles.values():
            raise ValueError("no material has the role 'paint'; its color could not be set")
        return roles

    @field_validator("overrides")
    @classmethod
    def _known_override_roles(cls, overrides: tuple[Override, ...]) -> tuple[Override, ...]:
        for override in overrides:
            known_role(override.role)
        return overrides

    @model_validator(mode="after")
    def _retouchable(self) -> CarSpec:
        if self.retouch and self.source.archive is None:
            raise ValueError("retouch: only for sources in an archive; change your own image files")
        return self

    def asks_for_pieces(self) -> bool:
        """Return whether any selector selects connected pieces."""
        selectors = (*self.drop, *self.overrides, *self.wheels)
        return any(isinstance(s, Selector) and s.pieces is not None for s in selectors)

    def dropped(self, face: Face) -> bool:
        """Return whether a face is left out."""
        return any(selector.matches(face) for selector in self.drop)

    def role_of(self, face: Face) -> Override | None:
        """Return the role of a face and how it is treated, None where no override matches."""
        for override in self.overrides:
            if override.matches(face):
                return override
        role = self.roles.get(face.material)
        return None if role is None else Override(role=role)

    def is_wheel(self, face: Face) -> bool:
        """Return whether a face belongs to a wheel."""
        return any(
            (Selector(object=wheel) if isinstance(wheel, str) else wheel).matches(face)
            for wheel in self.wheels
        )

    def to_credit(self) -> Credit:
        """Return the credit that is written to every dataset that shows this car.

        All models that are derived from one car share one credit.
        """
        removed = "" if self.source.archive is None else "logos removed, "
        added = "" if self.fittings == Fittings() else "some parts modeled anew, "
        changes = f"Materials replaced, {removed}{added}scaled and converted to GLB by dml-prism."
        derived = parse_derived(self.name)
        if derived is not None:
            changes += " Proportions, wheels, lamps and trim changed."
        stem = self.name if derived is None else f"{derived.base}-derived"
        return Credit(
            id=f"car-{stem.replace(':', '-')}",
            title=self.title,
            author=self.author,
            license=self.license,
            license_url=self.license_url,
            source=self.source.describe(),
            changes=changes,
        )


def _is_file_name(name: str) -> bool:
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def read_car(folder: Path) -> CarSpec:
    """Read the car.yaml in a car's folder, which has the name of the car.

    Raises:
        InputError: not there, not valid (file, line, field), or another name than the folder's.
    """
    return load_scene_file(CarSpec, folder / "car.yaml")


def load_car(name: str) -> CarSpec:
    """Return the car.yaml of a car, with the name that recipes call the car by.

    That of a derived model is its base's, with a title that says so.

    Raises:
        InputError: unknown car, or a file that is not valid (file, line, field).
    """
    base = read_car(car_folder(name))
    derived = parse_derived(name)
    title = base.title if derived is None else f"{base.title}, models derived from it"
    return base.model_copy(update={"name": name, "title": title})
