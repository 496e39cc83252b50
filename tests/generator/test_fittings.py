"""Fittings: lamps, grilles, handles and rims are whole, on the surface, and each model's own."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from car_content import content_of

from dmlgen.catalog.assets import car_mesh, project_names
from dmlgen.catalog.car_edits import Fittings, Panel
from dmlgen.catalog.roles import ROLES
from dmlgen.derive.fittings import KINDS, choose, fit, fittings_of
from dmlgen.derive.glb import CarFile, Part
from dmlgen.derive.grilles import RAISED
from dmlgen.derive.models import derive
from dmlgen.derive.panels import cut_panels
from dmlgen.derive.panes import SEALS, pane
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


def test_a_pane_keeps_its_glass_inside_a_seal_of_even_width():
    (patch,) = patches(disc())
    parts = pane(patch, "wide_seal")
    inner = np.cos(np.pi / 48) * 0.1 - SEALS["wide_seal"]
    assert area(parts, "lamp_clear") == pytest.approx(np.pi * inner**2, rel=0.05)
    assert area(parts, "lamp_clear") + area(parts, "rubber") == pytest.approx(
        area([patch.part], "lamp_clear")
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
    assert content_of(derive(CarFile(path), None)) == content_of(CarFile(path))


def plate_of_paint(x=2.0):
    """A painted wall of 2 x 1 m across the front of a car, of two triangles."""
    points = np.array([[x, y, z] for y in (-1.0, 1.0) for z in (0.0, 1.0)])
    normals = np.tile([np.sign(x), 0.0, 0.0], (4, 1))
    return Part("paint", points, normals, np.array([[0, 2, 3], [0, 3, 1]]))


def a_car(*parts):
    car = CarFile(car_mesh("suv"))
    car.body.parts = list(parts)
    return car


def test_a_panel_is_cut_out_of_the_paint_on_both_sides_and_lies_behind_it():
    car = a_car(plate_of_paint(), plate_of_paint(-2.0))
    lamp = Panel(view="front", points=((0.6, 0.5),), rounding=0.1, role="lamp_red", depth=0.03)
    cut_panels(car, (lamp,))
    discs = 2 * np.pi * 0.1**2
    assert area(car.body.parts, "paint") == pytest.approx(4 - discs, rel=0.01)
    front, walls = car.body.of_role("lamp_red")[0::2], car.body.of_role("lamp_red")[1::2]
    assert area(front, "lamp_red") == pytest.approx(discs, rel=0.03)
    assert {round(float(part.points[:, 0].max()), 6) for part in front} == {1.97}
    assert {float(np.ptp(part.points[:, 0]).round(6)) for part in walls} == {0.03}
    assert {np.sign(part.points[0, 1]) for part in front} == {1, -1}


def test_a_panel_across_the_middle_is_one_and_the_first_of_two_panels_counts():
    car = a_car(plate_of_paint())
    corners = ((-0.1, 0.2), (0.4, 0.2), (0.4, 0.4), (-0.1, 0.4))
    grille, rest = (Panel(view="front", points=corners, patch=p) for p in ("grille", None))
    cut_panels(car, (grille, rest))
    (part,) = (part for part in car.body.parts if part.material == "plastic.grille")
    assert len(patches(part)) == 1
    assert area(car.body.parts, "plastic") == pytest.approx(area([part], "plastic"), rel=0.01)
    assert area([part], "plastic") == pytest.approx(0.8 * 0.2, rel=0.01)


def test_a_panel_stands_out_of_the_surface_that_it_names():
    bumper = plate_of_paint()
    bumper.material = "plastic"
    car = a_car(bumper, plate_of_paint())
    end = Panel(view="front", points=((0.2, 0.5),), rounding=0.1, role="chrome", depth=-0.02)
    cut_panels(car, (end.model_copy(update={"out_of": "plastic"}),))
    assert area(car.body.parts, "paint") == pytest.approx(2)
    assert area(car.body.parts, "plastic") == pytest.approx(2 - 2 * np.pi * 0.1**2, rel=0.01)
    assert max(part.points[:, 0].max() for part in car.body.of_role("chrome")) == 2.02


def test_a_panel_of_a_side_takes_no_paint_that_faces_forward():
    car = a_car(plate_of_paint())
    cut_panels(car, (Panel(view="side", points=((1.5, 0.1), (2.5, 0.1), (2.5, 0.9))),))
    assert not car.body.of_role("plastic")
