"""car.yaml: where a car comes from, who made it, and which of its materials plays which role."""

from __future__ import annotations

import fnmatch
from functools import cache
from typing import Literal

from pydantic import Field, field_validator

from dmldata.errors import UnknownNameError
from dmldata.manifest import Credit
from dmldata.strict import StrictModel
from dmlgen.assets import car_folder
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


class Selector(StrictModel):
    """Faces of a source model: objects and materials by glob pattern (`*` matches anything)."""

    object: str = "*"
    material: str = "*"

    def matches(self, object_name: str, material_name: str) -> bool:
        """Whether faces of this object and material are meant."""
        return fnmatch.fnmatchcase(object_name, self.object) and fnmatch.fnmatchcase(
            material_name, self.material
        )


class Override(Selector):
    """A role for selected faces, stronger than the role of their material."""

    role: str


class CarSpec(StrictModel):
    """What car.yaml holds.

    Args:
        scale: metres per unit of the source.
        forward: the axis of the source, with Z up, that the car's front points to.
        smooth_angle: edges sharper than this many degrees stay sharp.
        wheels: object globs of the four wheels; each object goes to the wheel it is nearest to.
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
    wheels: tuple[str, ...]
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

    def dropped(self, object_name: str, material_name: str) -> bool:
        """Whether faces of this object and material are left out."""
        return any(selector.matches(object_name, material_name) for selector in self.drop)

    def role_of(self, object_name: str, material_name: str) -> str | None:
        """The role of faces of this object and material, None if car.yaml does not say."""
        for override in self.overrides:
            if override.matches(object_name, material_name):
                return override.role
        return self.roles.get(material_name)

    def is_wheel(self, object_name: str) -> bool:
        """Whether the object belongs to a wheel."""
        return any(fnmatch.fnmatchcase(object_name, pattern) for pattern in self.wheels)

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
