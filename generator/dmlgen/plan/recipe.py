"""A recipe: which factors vary, over which values, and what the rest are held at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field, field_validator, model_validator

from dmldata.common.documents import load_document
from dmldata.common.errors import InputError, PrismError
from dmldata.common.strict import StrictModel
from dmldata.contract.factors import Factor, Value
from dmldata.contract.manifest import SplitName
from dmlgen.catalog.assets import environment_names, real_car, recipe_file
from dmlgen.catalog.derived_names import expand
from dmlgen.catalog.labels import CarLabel
from dmlgen.factors.catalogue import CONSTANTS, catalogue, find_factor, find_group, range_of

MAX_IMAGES = 1_000_000
"""In a dataset: its plan is made in memory."""
MAX_CARS = 100_000
"""Car models of a recipe, with those of its ranges."""
MAX_EXTENDS = 16
"""Recipes in a chain, each of which extends the next."""
_CATALOGUE_VALUES = "default"
_CAR = "car_model"
Values: TypeAlias = Literal["default"] | tuple[Value, ...] | dict[Value, float]


@dataclass(frozen=True)
class Sweep:
    """Base scenes, each rendered several times with only one group of factors changed."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    group: str
    scenes: Annotated[int, Field(ge=1)]
    variants: Annotated[int, Field(ge=1)]


class Recipe(StrictModel):
    """What a recipe file holds.

    Attributes:
        name: of the dataset.
        title: one line for people.
        description: what the dataset is for, in the dataset card.
        extends: the recipe that this one changes: by name, or as a path from this file's folder.
            Of `vary` and `hold`, single factors are replaced; every other field as a whole.
        count: images of an independent dataset, where the command does not say.
        sweep: makes this a recipe of controlled interventions instead.
        split: name of the one split; or split -> the car models that it alone shows, each about
            equally often. `car_model` is then not in `vary`.
        labels: what follows from the car model and is written beside it.
        vary: factor -> its values, equally likely (of cars also ranges, as in
            `derived:suv-001..014`); or value -> how often it is drawn, relative to
            the others; or `default` for the catalogue's.
        hold: factor -> its one value. A factor in neither stands at
            `dmlgen.factors.catalogue.CONSTANTS`.
        assumptions: what is not known from a source and was decided here, one line each.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)
    title: str
    description: str
    extends: str | None = None
    count: int = Field(default=1000, ge=1, le=MAX_IMAGES)
    sweep: Sweep | None = None
    split: SplitName | dict[SplitName, tuple[str, ...]] = "test"
    labels: tuple[CarLabel, ...] = ()
    vary: dict[str, Values] = Field(default={})
    hold: dict[str, Value] = Field(default={})
    assumptions: tuple[str, ...] = ()

    @field_validator("sweep")
    @classmethod
    def _check_sweep(cls, sweep: Sweep | None) -> Sweep | None:
        if sweep is not None:
            try:
                find_group(sweep.group)
            except PrismError as error:
                raise ValueError(str(error)) from error
        return sweep

    @field_validator("split")
    @classmethod
    def _expand_split(
        cls, split: str | dict[str, tuple[str, ...]]
    ) -> str | dict[str, tuple[str, ...]]:
        if isinstance(split, str):
            return split
        for name, cars in split.items():
            if not cars:
                raise ValueError(f"'{name}' has no car models")
        expanded = {name: _expanded(cars) for name, cars in split.items()}
        _checked(_CAR, tuple(car for cars in expanded.values() for car in cars))
        return expanded

    @model_validator(mode="after")
    def _check_splits(self) -> Recipe:
        splits = self.car_splits
        if "seen_base" in self.labels and (splits is None or set(splits) != {"train", "test"}):
            raise ValueError(
                "labels: 'seen_base' needs split with the car models of train and test"
            )
        if splits is None:
            return self
        if _CAR in self.vary or _CAR in self.hold:
            raise ValueError(f"split: says which cars there are; {_CAR} can't be varied or held")
        return self

    @property
    def car_splits(self) -> dict[str, tuple[str, ...]] | None:
        """Split -> its car models, where every split has its own; else None."""
        return self.split if isinstance(self.split, dict) else None

    def split_of(self, car: Value) -> str:
        """The split of an image of this car."""
        if isinstance(self.split, str):
            return self.split
        return next(name for name, cars in self.split.items() if car in cars)

    @field_validator("vary")
    @classmethod
    def _check_vary(cls, vary: dict[str, Values]) -> dict[str, Values]:
        cars = vary.get(_CAR)
        if isinstance(cars, tuple):
            vary = {**vary, _CAR: _expanded(cars)}
        return {key: _typed(_checked(key, values), values) for key, values in vary.items()}

    @field_validator("hold")
    @classmethod
    def _check_hold(cls, hold: dict[str, Value]) -> dict[str, Value]:
        for key, value in hold.items():
            _checked(key, (value,))
        return hold

    def images(self) -> int:
        """How many images it makes where the command does not say."""
        return self.count if self.sweep is None else self.sweep.scenes * self.sweep.variants

    def weights(self, factor: Factor) -> tuple[float, ...] | None:
        """How often each value of a factor is drawn, summing to 1; None where all are alike."""
        values = self.vary.get(factor.key)
        if not isinstance(values, dict) or not set(factor.values) <= values.keys():
            return None
        weights = [values[value] for value in factor.values]
        return tuple(weight / sum(weights) for weight in weights)

    def factors(self) -> dict[str, Factor]:
        """All factors with the values they take in this recipe; one value means constant."""
        found = {}
        for key in catalogue():
            if key == _CAR and self.car_splits is not None:
                cars = tuple(car for some in self.car_splits.values() for car in some)
                found[key] = _checked(key, cars)
            elif key in self.vary:
                found[key] = _checked(key, self.vary[key])
            else:
                found[key] = _checked(key, (self.hold.get(key, CONSTANTS[key]),))
        return found


def _expanded(cars: tuple[Any, ...]) -> tuple[Any, ...]:
    expanded: dict[Any, None] = {}
    try:
        for car in cars:
            models = expand(car) if isinstance(car, str) else [car]
            twice = next((model for model in models if model in expanded), None)
            if twice is not None:
                raise ValueError(f"car '{twice}' stands twice, the second time as '{car}'")
            expanded |= dict.fromkeys(models)
            if len(expanded) > MAX_CARS:
                raise ValueError(f"more than {MAX_CARS:,} car models")
    except InputError as error:
        raise ValueError(str(error)) from error
    return tuple(expanded)


def _checked(key: str, values: Values) -> Factor:
    """The factor `key` with `values`; ValueError, for pydantic, where they don't fit."""
    try:
        factor = find_factor(key)
        if values == _CATALOGUE_VALUES:
            return factor
        if isinstance(values, dict) and min(values.values(), default=1) <= 0:
            raise InputError(f"factor '{key}': how often a value is drawn has to be above 0")
        return with_values(factor, tuple(_typed(factor, values)))
    except PrismError as error:
        raise ValueError(str(error)) from error


def _typed(factor: Factor, values: Values) -> Values:
    """`values` with numbers in place of their text, as which the keys of a mapping come."""
    if not isinstance(values, dict) or not factor.is_numeric:
        return values
    try:
        return {float(value): weight for value, weight in values.items()}
    except ValueError as error:
        raise InputError(f"values of factor '{factor.key}' have to be numbers") from error


def with_values(factor: Factor, values: tuple[Value, ...]) -> Factor:
    """`factor` taking `values` instead of its own.

    Raises:
        InputError: values of the wrong type or range, or names that don't exist.
    """
    typed = tuple(float(v) if not isinstance(v, str) else v for v in values)
    for value in typed:
        _check_value(factor, value)
    return Factor.model_validate({**factor.model_dump(), "values": typed})


def _check_value(factor: Factor, value: Value) -> None:
    if isinstance(value, str) or not factor.is_numeric:
        if factor.key == "car_model":
            real_car(str(value))
            return
        environments = factor.key == "environment"
        valid = environment_names() if environments else list(catalogue()[factor.key].values)
        if value not in valid:
            listed = ", ".join(str(v) for v in valid)
            raise InputError(f"unknown value '{value}' of factor '{factor.key}'; valid: {listed}")
        return
    low, high = range_of(factor)
    if not low <= value <= high:
        unit = f" {factor.unit}" if factor.unit else ""
        raise InputError(f"factor '{factor.key}': {value} is outside {low:g} to {high:g}{unit}")


def load_recipe(name: str) -> Recipe:
    """A recipe of the project by name, or a user's own by the path of its YAML file.

    What it extends is merged in: the recipe that comes back extends nothing.

    Raises:
        InputError: unknown name, a file that is not valid (file, line, field), or recipes that
            extend each other in a circle.
    """
    return _load(recipe_file(name), ())


def _load(file: Path, below: tuple[Path, ...]) -> Recipe:
    if file.resolve() in below:
        chain = " -> ".join(path.name for path in (*below, file))
        raise InputError(f"{below[0]}: extends itself ({chain})")
    if len(below) == MAX_EXTENDS:
        raise InputError(f"{below[0]}: extends {MAX_EXTENDS} others in a chain; valid: fewer")
    recipe = load_document(Recipe, file)
    if recipe.extends is None:
        return recipe
    beside = file.parent / recipe.extends
    is_name = not beside.suffix or not beside.exists()
    base_file = recipe_file(recipe.extends if is_name else str(beside))
    return _merged(_load(base_file, (*below, file.resolve())), recipe)


def _merged(base: Recipe, recipe: Recipe) -> Recipe:
    """`base` with what `recipe` sets in its place; a factor that one holds the other may vary."""
    own = {field: getattr(recipe, field) for field in recipe.model_fields_set}
    own["vary"] = {k: v for k, v in base.vary.items() if k not in recipe.hold} | recipe.vary
    own["hold"] = {k: v for k, v in base.hold.items() if k not in recipe.vary} | recipe.hold
    if recipe.car_splits is not None:
        own["vary"].pop(_CAR, None)
        own["hold"].pop(_CAR, None)
    return base.model_copy(update={**own, "extends": None})
