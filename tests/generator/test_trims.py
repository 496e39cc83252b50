"""Trims: paint is cut along clean curves and nothing of the surface is lost or moved."""

import numpy as np
import pytest
from car_content import content_of

from dmlgen.catalog.assets import car_mesh, project_names
from dmlgen.derive.cut import CHORD, cut
from dmlgen.derive.fittings import KINDS
from dmlgen.derive.fittings import choose as choose_fitting
from dmlgen.derive.glb import CarFile, Part
from dmlgen.derive.models import derive, measure
from dmlgen.derive.outline import outline
from dmlgen.derive.trims import (
    CLADDINGS,
    NO_ROOF,
    ORIGINAL,
    RAILED,
    STRIPED,
    UNTINTED,
    choose,
    cladding,
    exchange_trim,
    roof,
)
from dmlgen.derive.wheels import choose as choose_wheels

BASES = project_names("cars")


def area(part):
    a, b, c = (part.points[part.triangles[:, corner]] for corner in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2


def square():
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    normals = np.tile([0.0, 0.0, 1.0], (4, 1))
    return Part("paint", points, normals, np.array([[0, 1, 2], [0, 2, 3]]), points[:, :2])


def test_a_square_is_cut_along_a_circle():
    inside, outside = cut(square(), lambda p: 0.5 - np.hypot(p[:, 0], p[:, 1]), chord=0.01)
    assert area(inside) == pytest.approx(np.pi / 16, rel=1e-3)
    assert area(inside) + area(outside) == pytest.approx(1.0, abs=1e-12)
    # Image coordinates follow the surface.
    np.testing.assert_allclose(inside.uv, inside.points[:, :2], atol=1e-12)
    distance = np.hypot(*outside.points[:, :2].T)
    assert distance.min() > 0.499


def test_a_cut_that_misses_leaves_one_side_empty():
    inside, outside = cut(square(), lambda p: p[:, 0] - 2)
    assert (area(inside), area(outside)) == (0, 1)


@pytest.mark.parametrize("name", BASES)
def test_the_surface_of_a_car_stays_as_it_is_and_both_sides_alike(name):
    car = CarFile(car_mesh(name))
    measures = measure(car)
    car_outline = outline(car, measures)
    for level in (
        *(cladding(car_outline, measures, around=around) for around in (False, True)),
        *([] if name in NO_ROOF else [roof(car_outline, measures)]),
    ):
        parts = [cut(part, level) for part in car.body.of_role("paint")]
        before = sum(area(part) for part in car.body.of_role("paint"))
        inside = sum(area(inner) for inner, _ in parts)
        after = inside + sum(area(outer) for _, outer in parts)
        assert after == pytest.approx(before, rel=1e-6)
        assert 0.003 * before < inside < 0.4 * before
        left, right = (sum(area(_half(inner, side)) for inner, _ in parts) for side in (1.0, -1.0))
        assert left == pytest.approx(right, rel=0.1)
        for inner, outer in parts:
            # Chords of a curve: off by a millimeter, and at its corners by half their length.
            for beyond in (-level(inner.points), level(outer.points)):
                assert np.percentile(beyond, 95) < 1e-3 if len(beyond) else True
                assert beyond.max(initial=0) < CHORD / 2


def _half(part, side):
    middle = part.points[part.triangles].mean(axis=1)[:, 1]
    return Part(part.material, part.points, part.normals, part.triangles[middle * side > 0])


@pytest.mark.parametrize("name", BASES)
def test_models_of_a_base_take_all_combinations_in_turn(name):
    car = CarFile(car_mesh(name))
    with_stripes = (car.body.of_role("chrome"), name not in UNTINTED)
    striped = 2 ** sum(map(bool, with_stripes))
    every = 3 * striped * 2 ** sum((name not in NO_ROOF, name in RAILED))
    every += striped if name in STRIPED else 0
    trims = [choose(car, number) for number in range(1, every + 1)]
    assert len(set(trims)) == every
    assert {trim.cladding for trim in trims} == set(CLADDINGS)
    assert ORIGINAL in trims


@pytest.mark.parametrize("name", BASES)
def test_no_two_of_22_models_in_a_row_have_the_same_wheels_lamps_and_trim(name):
    car = CarFile(car_mesh(name))
    tags = {part.material.split(".")[-1] for part in car.body.parts} & set(KINDS)
    choices = [
        (
            choose(car, number),
            choose_wheels(car, number),
            *(choose_fitting(car, kind, number) for kind in sorted(tags)),
        )
        for number in range(1, 45)
    ]
    for first in range(len(choices) - 21):
        assert len(set(choices[first : first + 22])) == 22


@pytest.mark.parametrize("name", BASES)
def test_every_trim_makes_a_whole_car(name):
    for number in range(1, 7):
        car = derive(CarFile(car_mesh(name)), number)
        for part in car.body.parts:
            assert np.isfinite(part.points).all()
            lengths = np.linalg.norm(part.normals[np.unique(part.triangles)], axis=1)
            assert np.abs(lengths - 1).max() < 1e-3
            assert part.triangles.min(initial=0) >= 0
            assert part.triangles.max(initial=0) < len(part.points)


def test_the_own_trim_changes_nothing():
    name = BASES[0]
    number = next(n for n in range(1, 200) if choose(CarFile(car_mesh(name)), n) == ORIGINAL)
    car, same = CarFile(car_mesh(name)), CarFile(car_mesh(name))
    exchange_trim(car, measure(car), number)
    assert content_of(car) == content_of(same)
