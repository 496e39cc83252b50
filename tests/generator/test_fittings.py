"""Fittings: lamps, grilles, handles and rims are whole, on the surface, and each model's own."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from dmlgen.catalog.assets import car_mesh, project_names
from dmlgen.catalog.car_edits import Fittings
from dmlgen.catalog.roles import ROLES
from dmlgen.derive.fittings import KINDS, choose, fit, fittings_of
from dmlgen.derive.glb import CarFile, Part
from dmlgen.derive.grilles import RAISED
from dmlgen.derive.models import derive
from dmlgen.derive.patches import patches
from dmlgen.derive.wheel_designs import DESIGNS

FITTED = [
    name for name in project_names("cars") if fittings_of(CarFile(car_mesh(name))) != Fittings()
]


def disc(radius=0.1, count=48):
    """A round lens at the front of a car, facing forward."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    rim = np.stack([0 * angle, np.cos(angle), np.sin(angle)], axis=1) * radius
    points = np.concatenate([np.zeros((1, 3)), rim]) + np.array([2.0, 0.6, 0.7])
    ring = np.arange(1, count + 1)
    triangles = np.stack([0 * ring, ring, np.roll(ring, -1)], axis=1)
    return Part("lamp_clear", points, np.tile([1.0, 0.0, 0.0], (count + 1, 1)), triangles)


def area(parts, role):
    total = 0.0
    for part in parts:
        if part.role == role:
            a, b, c = (part.points[part.triangles[:, corner]] for corner in range(3))
            total += np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    return total


def test_a_patch_knows_its_border_and_the_circle_inside_it():
    (patch,) = patches(disc())
    assert len(patch.edges) == 48
    np.testing.assert_allclose(patch.outward, [1, 0, 0], atol=1e-9)
    (circle,) = patch.circles(3, 0.05)
    np.testing.assert_allclose(circle.center, [2.0, 0.6, 0.7], atol=1e-9)
    assert circle.radius == pytest.approx(0.1 * np.cos(np.pi / 48))


def test_two_lenses_of_one_part_are_two_patches():
    lens, other = disc(), disc()
    points = np.concatenate([lens.points, other.points * [1, -1, 1]])
    triangles = np.concatenate([lens.triangles, other.triangles + len(lens.points)])
    both = Part("lamp_clear", points, np.tile([1.0, 0, 0], (len(points), 1)), triangles)
    assert [np.sign(patch.part.points[0, 1]) for patch in patches(both)] == [1, -1]


@pytest.mark.parametrize(("kind", "design"), [(k, d) for k in KINDS for d in KINDS[k].designs])
def test_a_fitting_covers_its_patch_and_stays_behind_it_but_for_the_bars_of_a_grille(kind, design):
    (patch,) = patches(disc())
    parts = KINDS[kind].build(patch, design)
    assert {part.role for part in parts} <= set(ROLES)
    for part in parts:
        assert np.isfinite(part.points).all()
        assert np.linalg.norm(part.normals, axis=1) == pytest.approx(1, abs=1e-3)
        assert part.points[:, 0].max() < 2.0 + (RAISED if kind == "grille" else 0) + 1e-6
    if kind == "head_lamp":
        assert area(parts, "lamp_clear") >= area([patch.part], "lamp_clear") * (1 - 1e-9)
    elif kind == "grille":
        assert area(parts, "underbody") == pytest.approx(area([patch.part], "lamp_clear"))
    elif kind == "tail_lamp":
        front = [part for part in parts if np.allclose(part.points[:, 0], 2.0)]
        assert (
            sum(area(front, part.role) for part in front)
            >= area([patch.part], "lamp_clear") * 0.999
        )


def test_car_yaml_can_name_every_design_and_no_other():
    for kind, (_, designs) in KINDS.items():
        literal = get_args(Fittings.model_fields[kind].annotation)[0]
        assert set(get_args(literal)) == set(designs)
    rims = {fittings_of(CarFile(car_mesh(name))).rims for name in FITTED} - {None}
    assert rims <= set(DESIGNS)


@pytest.mark.parametrize("name", FITTED)
def test_both_sides_of_a_fitted_car_are_alike_and_no_patch_is_left(name):
    car = CarFile(car_mesh(name))
    fit(car, 1)
    assert not [part for part in car.body.parts if part.material.split(".")[-1] in KINDS]
    own = fittings_of(car)
    for role in ("lamp_clear", "lamp_red"):
        points = np.concatenate([p.points for p in car.body.of_role(role)] or [np.zeros((1, 3))])
        assert points[:, 1].max() == pytest.approx(-points[:, 1].min(), abs=0.01)
    if own.handles:
        before = len(CarFile(car_mesh(name)).body.of_role("rubber"))
        assert len(car.body.of_role("rubber")) == before + 2 * len(own.handles)


def test_models_of_a_base_take_all_designs_of_a_kind_in_turn():
    car = CarFile(car_mesh("suv"))
    for kind, (_, designs) in KINDS.items():
        assert {choose(car, kind, n) for n in range(1, len(set(designs)) + 1)} == set(designs)


def test_a_car_without_car_yaml_beside_it_has_nothing_fitted(tmp_path):
    path = tmp_path / "suv.glb"
    path.write_bytes(car_mesh("suv").read_bytes())
    assert derive(CarFile(path), None).to_bytes() == CarFile(path).to_bytes()
