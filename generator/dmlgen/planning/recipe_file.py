"""What a recipe file holds, checked field by field as it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict, Field, field_validator, model_validator

from dmldata.common.errors import InputError, PrismError
from dmldata.common.strict import StrictModel
from dmldata.contract.factors import Value
from dmldata.contract.manifest import Line, SplitName
from dmlgen.catalog.derived_names import expand
from dmlgen.catalog.labels import CarLabel
from dmlgen.factors.registry import CAR_MODEL, check_value, factor_catalog, with_values

MAX_IMAGES = 1_000_000
"""Images of a dataset: its plan is made in memory."""
MAX_CARS = 100_000
"""Car models of a recipe, with those of its ranges."""
CATALOG_VALUES = "default"
"""Stands in a recipe for the set of values that the factor's declaration has."""
Values: TypeAlias = Literal["default"] | tuple[Value, ...] | dict[Value, float]


@dataclass(frozen=True)
class Sweep:
    """Base scenes, each rendered several times with only one group of factors changed."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    group: str
    scenes: Annotated[int, Field(ge=1)]
    variants: Annotated[int, Field(ge=1)]


class RecipeFile(StrictModel):
    """A recipe as it is written: its own fields, and the name of the recipe that it extends.

    Attributes:
        name: name of the dataset.
        title: one line for people.
        description: what the dataset is for, in the dataset card.
        extends: the recipe that this one changes: by name, or as a path from this file's folder.
            Of `vary` and `hold`, single factors are replaced; every other field as a whole.
        count: number of images of an independent dataset, unless the command sets it.
        sweep: makes this a recipe of controlled interventions instead.
        split: name of the one split; or split -> the car models that it alone shows, each about
            equally often. `car_model` is then not in `vary`.
        labels: labels that follow from the car model and are written beside it.
        vary: factor -> its values, equally likely (of cars also ranges, as in
            `derived:suv-001..014`); or value -> how often it is drawn, relative to
            the others; or `default` for the values of its declaration.
        hold: factor -> its one value. A factor in neither has the default of its declaration.
        assumptions: what is not known from a source and was decided here, one line each.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)
    title: Line
    description: str
    extends: str | None = None
    count: int = Field(default=1000, ge=1, le=MAX_IMAGES)
    sweep: Sweep | None = None
    split: SplitName | dict[SplitName, tuple[str, ...]] = "test"
    labels: tuple[CarLabel, ...] = ()
    vary: dict[str, Values] = Field(default={})
    hold: dict[str, Value] = Field(default={})
    assumptions: tuple[str, ...] = ()

    @property
    def car_splits(self) -> dict[str, tuple[str, ...]] | None:
        """Split -> its car models, where every split has its own; else None."""
        return self.split if isinstance(self.split, dict) else None

    @field_validator("sweep")
    @classmethod
    def _check_sweep(cls, sweep: Sweep | None) -> Sweep | None:
        if sweep is not None:
            try:
                factor_catalog().group(sweep.group)
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
        expanded = {name: _expand_cars(cars) for name, cars in split.items()}
        _check_values(CAR_MODEL, tuple(car for cars in expanded.values() for car in cars))
        return expanded

    @field_validator("vary")
    @classmethod
    def _check_vary(cls, vary: dict[str, Values]) -> dict[str, Values]:
        cars = vary.get(CAR_MODEL)
        if isinstance(cars, tuple):
            vary = {**vary, CAR_MODEL: _expand_cars(cars)}
        return {key: _check_values(key, values) for key, values in vary.items()}

    @field_validator("hold")
    @classmethod
    def _check_hold(cls, hold: dict[str, Value]) -> dict[str, Value]:
        for key, value in hold.items():
            _check_values(key, (value,))
        return hold

    @model_validator(mode="after")
    def _check_whole(self) -> RecipeFile:
        # What extends another recipe is checked when it is merged with it.
        return self if self.extends is not None else self._checked()

    def _checked(self) -> RecipeFile:
        """Return this recipe if its fields go together; ValueError for pydantic."""
        twice = next((key for key in self.hold if key in self.vary), None)
        if twice is not None:
            raise ValueError(f"hold: '{twice}' stands in vary as well; valid: one of the two")
        splits = self.car_splits
        if "seen_base" in self.labels and (splits is None or set(splits) != {"train", "test"}):
            raise ValueError(
                "labels: 'seen_base' needs split with the car models of train and test"
            )
        if splits is not None and (CAR_MODEL in self.vary or CAR_MODEL in self.hold):
            raise ValueError(
                f"split: says which cars there are; {CAR_MODEL} can't be varied or held"
            )
        return self

    def extend(self, base: RecipeFile) -> RecipeFile:
        """Return `base` with the fields of this recipe in place of its own.

        A factor that one of them holds the other may vary.

        Raises:
            ValueError: the fields of both don't go together.
        """
        names_cars = CAR_MODEL in self.vary or CAR_MODEL in self.hold
        names_split = "split" in self.model_fields_set
        if base.car_splits is not None and self.car_splits is None and names_cars != names_split:
            field = "vary" if CAR_MODEL in self.vary else "hold" if names_cars else "split"
            missing = "split" if names_cars else f"{CAR_MODEL} in vary or hold"
            raise ValueError(
                f"{field}: '{base.name}' says which cars each split "
                f"has; what replaces it needs {missing} as well"
            )
        fields = {field: getattr(self, field) for field in self.model_fields_set}
        replaced = {CAR_MODEL} if self.car_splits is not None else set()
        vary = {k: v for k, v in base.vary.items() if k not in {*self.hold, *replaced}} | self.vary
        hold = {k: v for k, v in base.hold.items() if k not in {*self.vary, *replaced}} | self.hold
        fields |= {"vary": vary, "hold": hold, "extends": None}
        return base.model_copy(update=fields)._checked()


def _expand_cars(cars: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the car models with ranges of derived ones written out; ValueError for pydantic."""
    expanded: dict[Any, None] = {}
    try:
        for car in cars:
            models = expand(car) if isinstance(car, str) else [car]
            repeated = next((model for model in models if model in expanded), None)
            if repeated is not None:
                raise ValueError(f"car '{repeated}' stands twice, the second time as '{car}'")
            expanded |= dict.fromkeys(models)
            if len(expanded) > MAX_CARS:
                raise ValueError(f"more than {MAX_CARS:,} car models")
    except InputError as error:
        raise ValueError(str(error)) from error
    return tuple(expanded)


def _check_values(key: str, values: Values) -> Values:
    """Return `values` with the keys of a mapping as numbers where the factor is numeric.

    Raises:
        ValueError: for pydantic; an unknown factor, or values that do not fit it.
    """
    try:
        factor = factor_catalog().factor(key)
        if values == CATALOG_VALUES:
            return values
        if isinstance(values, dict):
            if min(values.values(), default=1) <= 0:
                raise InputError(f"factor '{key}': how often a value is drawn has to be above 0")
            if factor.is_numeric:
                values = _with_numbers(key, values)
        for value in values:
            check_value(key, value)
        with_values(factor, tuple(values))
    except PrismError as error:
        raise ValueError(str(error)) from error
    return values


def _with_numbers(key: str, weights: dict[Value, float]) -> dict[Value, float]:
    try:
        return {float(value): weight for value, weight in weights.items()}
    except ValueError as error:
        raise InputError(f"values of factor '{key}' have to be numbers") from error
