"""All declarations of factors, and the catalog that is built of them once per process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from dmldata.common.errors import InputError, UnknownNameError
from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.labels import BODY_TYPE
from dmlgen.catalog.places import PLACE_KINDS, PlaceKind
from dmlgen.factors import (
    background,
    camera,
    color,
    finish,
    illumination,
    lights,
    model,
    occlusion,
    place,
    pose,
    shape,
    wheels,
)
from dmlgen.factors.declaration import FactorDeclaration, Needed

CAR_MODEL = "car_model"
ENVIRONMENT = "environment"

DECLARATIONS: dict[str, FactorDeclaration] = {
    declaration.key: declaration
    for declaration in (
        *model.FACTORS,
        *shape.FACTORS,
        *pose.FACTORS,
        *color.FACTORS,
        *finish.FACTORS,
        *wheels.FACTORS,
        *lights.FACTORS,
        *illumination.FACTORS,
        *place.FACTORS,
        *occlusion.FACTORS,
        *background.FACTORS,
        *camera.FACTORS,
    )
}
"""Key -> declaration, in the order of the columns in plans and tables."""

DEFAULTS: dict[str, Value] = {key: factor.default for key, factor in DECLARATIONS.items()}
"""Key -> value of a factor that a recipe neither varies nor holds."""

INAPPLICABLE: dict[PlaceKind, frozenset[str]] = {
    kind: frozenset(key for key, factor in DECLARATIONS.items() if kind not in factor.applies_in)
    for kind in PLACE_KINDS
}
"""Kind of place -> keys of the factors that mean nothing there."""

NEEDS: dict[str, Needed] = {
    key: factor.needs for key, factor in DECLARATIONS.items() if factor.needs is not None
}
"""Key -> the value of another factor without which this one means nothing."""


@dataclass(frozen=True)
class FactorCatalog:
    """The factors with the names of the cars and places that come with the project.

    Attributes:
        factors: key -> factor with its default set of values, in the order of the columns.
    """

    factors: Mapping[str, Factor]

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the factor groups, each of which a sweep can change."""
        return (*dict.fromkeys(factor.group for factor in self.factors.values()), BODY_TYPE)

    def factor(self, key: str) -> Factor:
        """Return the factor `key`.

        Raises:
            UnknownNameError: no such factor; lists the factors.
        """
        if key not in self.factors:
            members = [factor.key for factor in self.factors.values() if factor.group == key]
            hint = f"'{key}' is a group of factors: {', '.join(members)}" if members else ""
            raise UnknownNameError("factor", key, self.factors, hint=hint)
        return self.factors[key]

    def group(self, name: str) -> list[Factor]:
        """Return the factors of a group.

        Raises:
            UnknownNameError: no such group; lists the groups.
        """
        if name not in self.groups:
            hint = self._group_meant_by(name)
            raise UnknownNameError("factor group", name, self.groups, hint=hint)
        if name == BODY_TYPE:
            # A body type follows from the car.
            return [self.factors[CAR_MODEL]]
        return [factor for factor in self.factors.values() if factor.group == name]

    def _group_meant_by(self, name: str) -> str:
        """Return a hint for a name that is a factor's, or part of one."""
        group_of = {factor.key: factor.group for factor in self.factors.values()}
        if name in group_of:
            return f"'{name}' is a factor of the group '{group_of[name]}'"
        closest = get_close_matches(name, [*self.groups, *group_of], n=1)
        if closest and closest[0] in self.groups:
            return ""
        close = get_close_matches(name, group_of, n=1) or [key for key in group_of if name in key]
        return f"did you mean '{group_of[close[0]]}', the group of '{close[0]}'?" if close else ""


@cache
def factor_catalog() -> FactorCatalog:
    """Return the catalog of all factors; the folders of the project are listed once."""
    return FactorCatalog({key: factor.factor() for key, factor in DECLARATIONS.items()})


def with_values(factor: Factor, values: tuple[Value, ...]) -> Factor:
    """Return `factor` with a set of values that is known to be valid in place of its own."""
    typed = tuple(value if isinstance(value, str) else float(value) for value in values)
    return Factor.model_validate({**factor.model_dump(), "values": typed})


def check_value(key: str, value: Value) -> None:
    """Make sure that a factor can be rendered with a value.

    Raises:
        InputError: a number out of range, or an unknown name; says what is valid.
    """
    declaration = DECLARATIONS[key]
    factor = factor_catalog().factors[key]
    if isinstance(value, str) or not factor.is_numeric:
        if declaration.check_name is not None:
            declaration.check_name(str(value))
        elif value not in factor.values and value not in declaration.user_values():
            valid = ", ".join(map(str, (*factor.values, *declaration.user_values())))
            raise InputError(f"unknown value '{value}' of factor '{key}'; valid: {valid}")
        return
    low, high = declaration.range
    if not low <= value <= high:
        unit = f" {declaration.unit}" if declaration.unit else ""
        raise InputError(f"factor '{key}': {value} is outside {low:g} to {high:g}{unit}")
