"""A factor's bins are the indices of its values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dmldata.common.errors import InputError, UnknownNameError
from dmldata.contract.factors import Factor

numbers = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=12, unique=True).map(
    tuple
)


def factor(**changes: object) -> Factor:
    given = {
        "key": "camera_height",
        "group": "pose",
        "kind": "linear",
        "meaning": "camera above ground",
        "values": (0.5, 1.0, 1.5),
    }
    return Factor.model_validate(given | changes)


@given(numbers)
def test_every_value_has_its_own_index_as_bin(values: tuple[float, ...]) -> None:
    described = factor(values=values)
    assert [described.bin_of(value) for value in values] == list(range(len(values)))


@given(numbers, st.floats(allow_nan=True))
def test_any_other_number_is_refused(values: tuple[float, ...], other: float) -> None:
    described = factor(values=values)
    if other not in values:
        with pytest.raises(InputError, match="camera_height"):
            described.bin_of(other)


@given(numbers)
def test_bins_survive_json(values: tuple[float, ...]) -> None:
    described = factor(values=values)
    again = Factor.model_validate_json(described.model_dump_json())
    assert again == described
    assert [again.bin_of(value) for value in values] == list(range(len(values)))


def test_none_has_no_bin() -> None:
    assert factor().bin_of(None) is None


def test_an_unknown_name_lists_the_values() -> None:
    cars = factor(kind="categorical", values=("coupe", "van"))
    with pytest.raises(UnknownNameError, match=r"'coup'.*did you mean 'coupe'.*valid: coupe, van"):
        cars.bin_of("coup")


def test_a_name_is_not_a_number() -> None:
    with pytest.raises(InputError, match="which are numbers"):
        factor().bin_of("0.5")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "cyclic"}, "period"),
        ({"period": 1.0}, "period"),
        ({"kind": "cyclic", "period": 1.0}, "full period"),
        ({"kind": "cyclic", "period": -1.0}, "above 0"),
        ({"values": ()}, "at least 1"),
        ({"values": (1.0, 1.0)}, "more than once"),
        ({"values": ("a", "b")}, "numbers"),
        ({"kind": "categorical", "values": ("a", 1.0)}, "mix"),
        ({"values": (1.0, float("nan"))}, "finite"),
        ({"values": (True,)}, "values"),
        ({"key": "seed"}, "another column"),
        ({"key": "paint_bin"}, "another column"),
        ({"key": "Paint.Hue"}, "pattern"),
        ({"meaning": "two\nlines"}, "pattern"),
        ({"colour": 1}, "Extra"),
    ],
)
def test_a_factor_that_makes_no_sense_is_refused(changes: dict, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        factor(**changes)
