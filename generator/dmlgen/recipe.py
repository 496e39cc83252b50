"""A recipe: which factors vary, over which values, and what the rest are held at."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from dmldata.errors import InputError, PrismError
from dmldata.factors import Factor, Value
from dmldata.strict import StrictModel
from dmlgen.assets import car_names, environment_names, recipe_file
from dmlgen.documents import load_document
from dmlgen.factors import CONSTANTS, catalogue, find_factor

_CATALOGUE_VALUES = "default"


class Recipe(StrictModel):
    """What a recipe file holds.

    Attributes:
        name: of the dataset.
        title: one line for people.
        description: what the dataset is for, in the dataset card.
        count: images of an independent dataset, where the command does not say.
        split: name of the one split.
        vary: factor -> its values, or `default` for the catalogue's.
        hold: factor -> its one value. A factor in neither stands at `dmlgen.factors.CONSTANTS`.
        assumptions: what is not known from a source and was decided here, one line each.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    description: str
    count: int = Field(ge=1)
    split: str = Field(default="test", pattern=r"^[a-z][a-z0-9_]*$")
    vary: dict[str, Literal["default"] | tuple[Value, ...]]
    hold: dict[str, Value] = Field(default={})
    assumptions: tuple[str, ...] = ()

    @field_validator("vary")
    @classmethod
    def _check_vary(
        cls, vary: dict[str, Literal["default"] | tuple[Value, ...]]
    ) -> dict[str, Literal["default"] | tuple[Value, ...]]:
        for key, values in vary.items():
            _checked(key, values)
        return vary

    @field_validator("hold")
    @classmethod
    def _check_hold(cls, hold: dict[str, Value]) -> dict[str, Value]:
        for key, value in hold.items():
            _checked(key, (value,))
        return hold

    def factors(self) -> dict[str, Factor]:
        """All factors with the values they take in this recipe; one value means constant."""
        found = {}
        for key in catalogue():
            if key in self.vary:
                found[key] = _checked(key, self.vary[key])
            else:
                found[key] = _checked(key, (self.hold.get(key, CONSTANTS[key]),))
        return found


def _checked(key: str, values: Literal["default"] | tuple[Value, ...]) -> Factor:
    """The factor `key` with `values`; ValueError, for pydantic, where they don't fit."""
    try:
        factor = find_factor(key)
        if values == _CATALOGUE_VALUES:
            return factor
        return with_values(factor, tuple(values))
    except PrismError as error:
        raise ValueError(str(error)) from error


def with_values(factor: Factor, values: tuple[Value, ...]) -> Factor:
    """`factor` taking `values` instead of its own.

    Raises:
        InputError: values of the wrong type or range, or names that don't exist.
    """
    typed = tuple(float(v) if not isinstance(v, str) else v for v in values)
    for value in typed:
        _check_value(factor, value)
    return Factor.model_validate({**factor.model_dump(), "values": typed})


_RANGES: dict[str, tuple[float, float]] = {
    "car_rotation": (0.0, 360.0),
    "sun_rotation": (0.0, 360.0),
    "camera_height": (0.1, 20.0),
    "camera_distance": (3.5, 50.0),
    "sun_elevation": (1.0, 90.0),
    "focal_length": (10.0, 300.0),
    "exposure": (-5.0, 5.0),
}
"""What can be rendered; factors not named here take 0..1."""


def _check_value(factor: Factor, value: Value) -> None:
    if isinstance(value, str) or not factor.is_numeric:
        names = {"car_model": car_names, "environment": environment_names}
        valid = names[factor.key]() if factor.key in names else list(catalogue()[factor.key].values)
        if value not in valid:
            listed = ", ".join(str(v) for v in valid)
            raise InputError(f"unknown value '{value}' of factor '{factor.key}'; valid: {listed}")
        return
    low, high = _RANGES.get(factor.key, (0.0, 1.0))
    if not low <= value <= high:
        unit = f" {factor.unit}" if factor.unit else ""
        raise InputError(f"factor '{factor.key}': {value} is outside {low:g} to {high:g}{unit}")


def load_recipe(name: str) -> Recipe:
    """A recipe of the project by name, or a user's own by the path of its YAML file.

    Raises:
        InputError: unknown name, or a file that is not valid (file, line, field).
    """
    return load_document(Recipe, recipe_file(name))
