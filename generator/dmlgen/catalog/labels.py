"""Labels that follow from the car model, are written beside it and scored like any property.

They are never drawn: two rows with the same car have the same labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.derived_names import parse_derived

CarLabel = Literal["body_type", "car_base", "seen_base"]
"""Kind of body; base car that a model is derived from (a base car itself for one); and whether a
class of the test split has a base that also gives classes of the training split."""

BODY_TYPE: CarLabel = "body_type"


class LabelColumn(Factor):
    """A factor that follows from `car_model`.

    Attributes:
        of_car: car -> value, None where the label does not apply.
    """

    of_car: dict[str, str | None]

    def factor(self) -> Factor:
        """Return the column as it is written to a manifest."""
        return Factor(**self.model_dump(exclude={"of_car"}))


def label_columns(
    labels: Sequence[CarLabel], cars: Sequence[Value], splits: Mapping[str, Sequence[str]] | None
) -> list[LabelColumn]:
    """Return the columns of the labels for these cars.

    Args:
        splits: split -> its cars, where every split has cars of its own; `seen_base` needs them.
    """
    names = [str(car) for car in cars]
    columns: list[LabelColumn] = []
    if "body_type" in labels:
        types = {car: load_car(car).body_type for car in names}
        columns.append(_column("body_type", "body_type", "kind of body of the car model", types))
    if "car_base" in labels:
        bases = {car: base_of(car) for car in names}
        meaning = "the real car that the car model is derived from"
        columns.append(_column("car_base", "model", meaning, bases))
    if "seen_base" in labels and splits is not None:
        train = {base_of(car) for car in splits["train"]}
        test = [car for car in names if car in splits["test"]]
        for key, seen, which in (
            ("seen_base", True, "some training class is derived from the same real car"),
            ("unseen_base", False, "no training class is derived from the same real car"),
        ):
            classes = [car for car in test if (base_of(car) in train) == seen]
            if classes:
                of_car = {car: car if car in classes else None for car in names}
                columns.append(_column(key, "model", f"car model of test, where {which}", of_car))
    return columns


def base_of(car: str) -> str:
    """Return the base car that a model is derived from; of a base car, its own name."""
    derived = parse_derived(car)
    return car if derived is None else derived.base


def _column(key: str, group: str, meaning: str, of_car: Mapping[str, str | None]) -> LabelColumn:
    values = tuple(dict.fromkeys(value for value in of_car.values() if value is not None))
    return LabelColumn(
        key=key,
        group=group,
        kind="categorical",
        meaning=meaning,
        values=values,
        of_car=dict(of_car),
    )
