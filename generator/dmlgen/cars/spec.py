"""car.yaml: where a car comes from, who made it, and which of its materials plays which role."""

from __future__ import annotations

from functools import cache
from typing import Literal

from pydantic import Field, field_validator

from dmldata.errors import UnknownNameError
from dmldata.manifest import Credit
from dmldata.strict import StrictModel
from dmlgen.assets import car_folder
from dmlgen.cars.edits import Face, Liners, Override, Plate, Retouch, Seam, Selector, Subdivision
from dmlgen.documents import load_document
from dmlgen.roles import ROLES

Axis = Literal["+X", "-X", "+Y", "-Y"]


class Source(StrictModel):
    """The file a car is converted from."""

    package: str
    archive: str
    archive_sha256: str
    member: str
    sha256: str


class CarSpec(StrictModel):
    """What car.yaml holds.

    Args:
        scale: metres per unit of the source.
        forward: the axis of the source, with Z up, that the car's front points to.
        smooth_angle: edges sharper than this many degrees stay sharp.
        drop: faces that are left out.
        roles: source material -> role.
        overrides: roles of selected faces, stronger than `roles`; the first that matches counts.
        wheels: faces of the four wheels; each goes to the wheel it is nearest to. A plain string
            is the glob of an object.
        retouch: places of the source's images that are painted over.
        subdivide: objects that are made smooth.
        seams: shut lines that the source lacks.
        plates: number plates that the source lacks.
        liners: wheel housings that the source lacks.
        interior: `own` where the source has one, `generic` to add seats and a dashboard.
    """

    name: str
    title: str
    body_type: str
    author: str
    license: str
    license_url: str
    credit: str
    source: Source
    scale: float = Field(gt=0)
    forward: Axis
    smooth_angle: float = Field(default=40, ge=0, le=180)
    drop: tuple[Selector, ...] = ()
    roles: dict[str, str]
    overrides: tuple[Override, ...] = ()
    wheels: tuple[str | Selector, ...]
    retouch: tuple[Retouch, ...] = ()
    subdivide: tuple[Subdivision, ...] = ()
    seams: tuple[Seam, ...] = ()
    plates: tuple[Plate, ...] = ()
    liners: Liners | None = None
    interior: Literal["own", "generic"] = "own"

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, roles: dict[str, str]) -> dict[str, str]:
        for role in roles.values():
            _check_role(role)
        if "paint" not in roles.values():
            raise ValueError("no material has the role 'paint'; its colour could not be set")
        return roles

    @field_validator("overrides")
    @classmethod
    def _known_override_roles(cls, overrides: tuple[Override, ...]) -> tuple[Override, ...]:
        for override in overrides:
            _check_role(override.role)
        return overrides

    def dropped(self, face: Face) -> bool:
        """Whether a face is left out."""
        return any(selector.matches(face) for selector in self.drop)

    def role_of(self, face: Face) -> Override | None:
        """The role of a face and how it is treated, None if car.yaml does not say."""
        for override in self.overrides:
            if override.matches(face):
                return override
        role = self.roles.get(face.material)
        return None if role is None else Override(role=role)

    def is_wheel(self, face: Face) -> bool:
        """Whether a face belongs to a wheel."""
        return any(
            (Selector(object=wheel) if isinstance(wheel, str) else wheel).matches(face)
            for wheel in self.wheels
        )

    def to_credit(self) -> Credit:
        """The credit that travels with every dataset that shows this car."""
        return Credit(
            id=f"car-{self.name}",
            title=self.title,
            author=self.author,
            license=self.license,
            license_url=self.license_url,
            source=f"{self.source.package}, {self.source.archive}, {self.source.member}",
            changes="Materials replaced, logos removed, scaled and converted to GLB by dml-prism.",
        )


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ValueError(str(UnknownNameError("role", role, ROLES)))


@cache
def load_car(name: str) -> CarSpec:
    """The car.yaml of a car.

    Raises:
        InputError: unknown car, or a file that is not valid (file, line, field).
    """
    return load_document(CarSpec, car_folder(name) / "car.yaml")
