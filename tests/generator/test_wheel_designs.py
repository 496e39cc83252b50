"""Wheels of derived models: round, as wide as asked for, on the ground, and each model's own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dmlgen.catalog.assets import car_mesh, project_names
from dmlgen.catalog.roles import ROLES
from dmlgen.derive.glb import CarFile
from dmlgen.derive.quads import box, lathe, smooth
from dmlgen.derive.wheel_designs import DESIGNS, FINISHES, wheel_faces
from dmlgen.derive.wheels import RIMS, choose, exchange_wheels

BASES = project_names("cars")
RADIUS, WIDTH = 0.33, 0.21


def pieces(name, rim=0.7, finish="silver"):
    faces = wheel_faces(name, RADIUS, WIDTH, FINISHES[finish], rim)
    return {role: smooth(quads, 32) for role, quads in faces.items()}


def facing(points, triangles):
    """Normals of triangles by the order of their corners, as long as twice their area."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def test_a_box_is_flat_and_a_cylinder_is_smooth():
    cube = smooth(box((-1, -1, -1), (1, 1, 1)), 32)
    assert (len(cube.points), len(cube.triangles)) == (24, 12)
    assert sorted(map(tuple, np.unique(np.round(cube.normals, 6), axis=0))) == sorted(
        tuple(sign * np.eye(3)[axis]) for axis in range(3) for sign in (-1, 1)
    )
    assert (cube.normals * cube.points).sum(axis=1) == pytest.approx(1)
    pipe = smooth(lathe(np.array([(1.0, 2.0), (-1.0, 2.0)]), 36), 32)
    assert len(pipe.points) == 2 * 36
    np.testing.assert_allclose(pipe.normals, pipe.points * (0.5, 0, 0.5), atol=1e-6)


def test_a_cone_has_no_triangles_without_area():
    cone = smooth(lathe(np.array([(1.0, 0.0), (0.0, 1.0)]), 12), 32)
    assert len(cone.triangles) == 12
    assert (np.linalg.norm(facing(cone.points, cone.triangles), axis=1) > 0.1).all()


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("rim", [min(RIMS), max(RIMS)])
def test_every_design_is_a_round_wheel_of_the_size_asked_for(name, rim):
    made = pieces(name, rim, "two_tone")
    assert set(made) <= set(ROLES)
    assert sum(len(mesh.triangles) for mesh in made.values()) < 12_000
    for role, mesh in made.items():
        assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1)
        along = facing(mesh.points, mesh.triangles)
        for corner in range(3):
            assert ((along * mesh.normals[mesh.triangles[:, corner]]).sum(axis=1) > 0).all()
        radii = np.hypot(mesh.points[:, 0], mesh.points[:, 2])
        assert np.abs(mesh.points[:, 1]).max() <= WIDTH / 2 + 1e-9
        if role == "tyre":
            assert radii.max() == pytest.approx(RADIUS)
            tread = mesh.points[radii > 0.9999 * RADIUS]
            assert len(np.unique(np.round(np.arctan2(tread[:, 0], tread[:, 2]), 4))) >= 72
            assert mesh.points[:, 2].min() == pytest.approx(-RADIUS)
        else:
            assert radii.max() < (rim + 0.02) * RADIUS


@pytest.mark.parametrize("name", DESIGNS)
def test_the_fronts_of_a_wheel_face_outwards(name):
    made = pieces(name)["rim"]
    along = facing(made.points, made.triangles)
    middle = made.points[made.triangles].mean(axis=1)
    front = (middle[:, 1] > 0.1 * WIDTH) & (np.hypot(middle[:, 0], middle[:, 2]) < 0.6 * RADIUS)
    assert along[front, 1].sum() > 0.05 * np.linalg.norm(along[front], axis=1).sum()
    assert (along[front, 1] > -1e-9).all()
    tyre = pieces(name)["tyre"]
    along = facing(tyre.points, tyre.triangles)
    middle = tyre.points[tyre.triangles].mean(axis=1) * (1, 0, 1)
    tread = np.linalg.norm(middle, axis=1) > 0.9 * RADIUS
    assert ((along * middle).sum(axis=1)[tread] > -1e-9).all()


@pytest.mark.parametrize("name", BASES)
def test_the_first_models_of_a_base_have_different_wheels(name):
    car = CarFile(car_mesh(name))
    chosen = [choose(car, number) for number in range(1, 16)]
    new = [choice for choice in chosen if choice is not None]
    assert len({choice[:3] for choice in new}) == len(new)
    assert len(chosen) - len(new) in (3, 4)
    assert chosen == [choose(car, number) for number in range(1, 16)]
    assert all(choose(car, number) != choose(car, number + 1) for number in range(1, 200))


@pytest.mark.parametrize("name", BASES)
def test_new_wheels_stand_where_the_old_ones_stood(name):
    base, car = CarFile(car_mesh(name)), CarFile(car_mesh(name))
    number = next(number for number in range(1, 9) if choose(car, number))
    exchange_wheels(car, number)
    for old, new in zip(base.wheels, car.wheels, strict=True):
        assert old.name == new.name
        np.testing.assert_array_equal(old.middle, new.middle)
        assert new.points[:, 2].min() + new.middle[2] == pytest.approx(0, abs=1e-9)
        assert new.points[:, 2].max() == pytest.approx(old.points[:, 2].max(), rel=0.02)
        side = np.sign(old.middle[1])
        before, after = (
            np.concatenate([part.points for part in node.of_role("tyre")])[:, 1] * side
            for node in (old, new)
        )
        assert after.max() == pytest.approx(before.max())
        assert after.min() >= before.min() - 1e-9
        assert (new.points[:, 1] * side).max() <= before.max() + 1e-9


def test_the_right_wheel_mirrors_the_left_one():
    car = CarFile(car_mesh("suv"))
    exchange_wheels(car, 1)
    wheels = {wheel.name: wheel for wheel in car.wheels}
    left, right = wheels["wheel_front_left"], wheels["wheel_front_right"]
    mirror = np.array([1, -1, 1])
    for left_part, right_part in zip(left.parts, right.parts, strict=True):
        assert left_part.material == right_part.material
        np.testing.assert_allclose(left_part.points * mirror, right_part.points, atol=1e-6)
        np.testing.assert_allclose(left_part.normals * mirror, right_part.normals, atol=1e-3)
        outwards = facing(right_part.points, right_part.triangles)
        assert ((outwards * right_part.normals[right_part.triangles[:, 0]]).sum(axis=1) > 0).all()


def test_no_two_designs_look_alike_from_the_side():
    """By where metal faces the side, in a picture of 96 x 96 pixels."""
    pictures = {}
    for name in DESIGNS:
        mesh = pieces(name)["rim"]
        along = facing(mesh.points, mesh.triangles)
        sideways = along[:, 1] > 0.5 * np.linalg.norm(along, axis=1)
        corners = mesh.points[mesh.triangles[sideways]]
        picture = np.zeros((96, 96), bool)
        for share in np.random.default_rng(1).dirichlet((1, 1, 1), 300):
            x, _, z = ((corners * share[:, None]).sum(axis=1) / RADIUS * 48 + 48).astype(int).T
            picture[x, z] = True
        pictures[name] = picture
    for first, second in itertools.combinations(pictures, 2):
        union = (pictures[first] | pictures[second]).sum()
        assert (pictures[first] ^ pictures[second]).sum() > 0.15 * union, (first, second)
