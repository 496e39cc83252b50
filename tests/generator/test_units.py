"""Cutting a plan: every row is rendered, by exactly one worker or slice."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmldata.common.errors import InputError
from dmlgen.planning.images import PlannedImage
from dmlgen.rendering.units import MAX_UNIT_ROWS, Slice, cut, parse_slice, take_slice


def plan_of(cars):
    return [
        PlannedImage(f"{i:06d}", "test", i, 0, 0, {"environment": "street", "car_model": car})
        for i, car in enumerate(cars)
    ]


plans = st.lists(st.sampled_from(["suv", "van", "smart-car"]), min_size=1, max_size=90).map(plan_of)


@given(plans, st.integers(1, 8))
def test_units_hold_every_row_once_and_none_is_too_long(images, workers):
    units = cut(images, workers)
    assert sorted(image.key for unit in units for image in unit) == [i.key for i in images]
    assert all(1 <= len(unit) <= MAX_UNIT_ROWS for unit in units)


@given(plans)
def test_rows_of_a_car_follow_each_other(images):
    cars = [image.values["car_model"] for unit in cut(images, 2) for image in unit]
    changes = sum(a != b for a, b in itertools.pairwise(cars))
    assert changes == len(set(cars)) - 1


@given(plans, st.integers(1, 7))
def test_slices_share_the_plan_out(images, of):
    parts = [take_slice(images, Slice(number, of)) for number in range(1, of + 1)]
    assert sorted(image.key for part in parts for image in part) == [i.key for i in images]


def test_slices_are_about_as_long_as_each_other():
    images = plan_of(["suv", "van"] * 100)
    lengths = [len(take_slice(images, Slice(number, 4))) for number in range(1, 5)]
    assert max(lengths) - min(lengths) <= 6


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0/4", "1/4 to 4/4"),
        ("5/4", "1/4 to 4/4"),
        ("2", "such as 3/100"),
        ("a/b", "such as 3/100"),
    ],
)
def test_a_slice_that_is_none_is_refused_with_what_would_be_one(text, says):
    with pytest.raises(InputError, match=says):
        parse_slice(text)
