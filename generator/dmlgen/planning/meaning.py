"""Which factors mean something where: a backdrop's color means nothing outdoors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from dmldata.contract.factors import Factor, Value
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.places import load_environment
from dmlgen.factors.registry import (
    CAR_MODEL,
    DECLARATIONS,
    DEFAULTS,
    ENVIRONMENT,
    INAPPLICABLE,
    NEEDS,
)
from dmlgen.planning.images import Column


def meaningful(factors: Mapping[str, Factor]) -> dict[str, Factor]:
    """Return the factors that mean something in an environment, and for a car, of the recipe."""
    nowhere = {k for k, need in NEEDS.items() if need.value not in factors[need.factor].values}
    for key, meaningless in MEANINGLESS_IN.items():
        nowhere |= frozenset.intersection(*map(meaningless, factors[key].values))
    return {key: factor for key, factor in factors.items() if key not in nowhere}


def where_it_applies(
    key: str, columns: Mapping[str, Column], meaningless_in: Mapping[str, list[frozenset[str]]]
) -> Column:
    """Return a drawn column with None for what does not apply, like a backdrop's color outdoors.

    A car that a factor does not change has the value that changes no car.

    Args:
        meaningless_in: what means nothing with each value of the columns of these factors.
    """
    column = columns[key]
    null = np.zeros(len(column.codes), bool)
    for where, meaningless in meaningless_in.items():
        if where == CAR_MODEL and tuple(column.values) == (DEFAULTS[key],):
            continue
        null |= np.array([key in keys for keys in meaningless])[columns[where].codes]
    if key in NEEDS:
        needed = columns[NEEDS[key].factor]
        lacks_it = [value != NEEDS[key].value for value in needed.values]
        null |= np.array(lacks_it)[needed.codes]
    if not null.any():
        return column
    return Column.of((*column.values, None), np.where(null, len(column.values), column.codes))


def without_meaningless(
    values: Mapping[str, Value], meaningless: frozenset[str]
) -> list[Value | None]:
    """Return the swept factors' values, None for what means nothing in a scene or with them."""
    for key in values.keys() & MEANINGLESS_IN.keys():
        meaningless |= MEANINGLESS_IN[key](values[key])
    meaningless |= {
        key for key, need in NEEDS.items() if values.get(need.factor, need.value) != need.value
    }
    return [None if key in meaningless else value for key, value in values.items()]


def _in_place(environment: Value | None) -> frozenset[str]:
    """Return the keys of the factors that mean nothing in an environment."""
    return INAPPLICABLE[load_environment(str(environment)).kind]


def _for_car(car: Value | None) -> frozenset[str]:
    """Return the keys of the factors that change nothing of a car.

    Without wheels of its own, which say where its arches are, its proportions stay as well.
    """
    spec = load_car(str(car))
    return frozenset(spec.fixed) | (frozenset() if spec.wheels else _NEED_WHEELS)


_NEED_WHEELS = frozenset(
    key for key, factor in DECLARATIONS.items() if factor.group in {"shape", "wheels"}
)
MEANINGLESS_IN: Mapping[str, Callable[[Value | None], frozenset[str]]] = {
    ENVIRONMENT: _in_place,
    CAR_MODEL: _for_car,
}
"""Factor -> the factors that mean nothing with a value of it."""
