"""Derived models: smooth, whole, plausible, all different, and the same whenever they are made."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import trimesh
from car_content import content_of
from hypothesis import given, settings
from hypothesis import strategies as st

from dmldata import open_dataset
from dmldata.common.errors import InputError
from dmlgen.blender import call_in_blender
from dmlgen.catalog.assets import car_folder, car_mesh, concept_cars, project_names
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.derived_names import parse_derived
from dmlgen.derive.fittings import fit, fittings_of
from dmlgen.derive.glb import CarFile
from dmlgen.derive.models import (
    RANGES,
    derive,
    derived_car,
    is_plausible,
    measure,
    proportions,
)
from dmlgen.derive.panels import cut_panels
from dmlgen.derive.shape import shape_of
from dmlgen.derive.trims import ORIGINAL as ORIGINAL_TRIM
from dmlgen.derive.trims import choose as choose_trim
from dmlgen.derive.warp import ARCH, Proportions, Warp
from dmlgen.factors.registry import DEFAULTS, factor_catalog
from dmlgen.planning.draw import make_plan
from dmlgen.planning.recipe import load_recipe, resolve
from dmlgen.planning.recipe_file import RecipeFile, Sweep
from dmlgen.rendering.run import render

BASES = project_names("cars")
A_BASE = 21
"""Models of each base that the project's recipes take."""

any_proportions = st.builds(
    Proportions, **{name: st.floats(low, high) for name, (low, high) in RANGES.items()}
)


@pytest.fixture(scope="module")
def cars():
    return {name: measure(CarFile(car_mesh(name))) for name in BASES}


@pytest.mark.parametrize("name", BASES)
def test_proportions_that_change_nothing_leave_every_point_where_it_is(name, cars):
    points = CarFile(car_mesh(name)).body.points
    warp = Warp(cars[name], Proportions())
    middle = (cars[name].front_axle + cars[name].rear_axle) / 2
    np.testing.assert_allclose(warp.points(points) + np.array([middle, 0, 0]), points, atol=1e-6)


@settings(max_examples=40)
@given(to=any_proportions)
def test_arches_stay_round_and_wheels_stay_in_them(cars, to):
    for car in cars.values():
        warp = Warp(car, to)
        for axle in (car.front_axle, car.rear_axle):
            angle = np.linspace(0, np.pi, 40)
            arch = 1.1 * car.radius * np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
            arch += [axle, 0.9 * car.half_width, car.radius]
            arch = arch[arch[:, 2] < 1.9 * car.radius]
            middle = warp.wheel(np.array([axle, 0.9 * car.half_width, car.radius]))
            around = warp.points(arch) - middle
            radii = np.hypot(around[:, 0], around[:, 2] - to.ride)
            np.testing.assert_allclose(radii, 1.1 * car.radius, atol=0.004)
            assert ARCH > 1.1


@settings(max_examples=40)
@given(to=any_proportions)
def test_nothing_folds_and_normals_are_those_of_the_warped_surface(cars, to):
    rng = np.random.default_rng(0)
    for car in cars.values():
        warp = Warp(car, to)
        low = [car.rear, -car.half_width, 0.1]
        at = rng.uniform(low, [car.front, car.half_width, car.height], (200, 3))
        first, second = rng.normal(size=(2, 200, 3))
        normal = np.cross(first, second)
        step = 1e-5

        def edge(direction, at=at, warp=warp, step=step):
            return (warp.points(at + step * direction) - warp.points(at - step * direction)) / step

        expected = np.cross(edge(first), edge(second))
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        warped_normals = warp.normals(at, normal / np.linalg.norm(normal, axis=1, keepdims=True))
        # The maps are tabulated at 2 mm: their slopes are right to a little more than that allows.
        assert (np.einsum("nd,nd->n", warped_normals, expected) > 0.999).all()
        axes = np.eye(3)
        volume = np.linalg.det(np.stack([edge(np.tile(axis, (200, 1))) for axis in axes], axis=1))
        assert (volume > 0).all()


def test_models_are_plausible_and_no_two_of_a_base_are_alike(cars):
    low, high = np.array(list(RANGES.values())).T
    for car in cars.values():
        models = [proportions(car, number) for number in range(1, A_BASE + 1)]
        assert all(is_plausible(car, model) for model in models)
        for first, second in itertools.combinations([Proportions(), *models], 2):
            apart = np.abs(np.array(first) - np.array(second)) / (high - low)
            assert apart.max() > 0.3


def test_the_same_name_gives_the_same_car_and_another_name_another():
    base = car_mesh("fordFocus")
    third_model, again, fourth_model = (
        content_of(derived_car(base, number)) for number in (3, 3, 4)
    )
    assert third_model == again != fourth_model


@pytest.mark.parametrize("name", BASES)
def test_the_warp_moves_the_body_and_wheels_keep_their_radius_and_the_ground(name):
    base = CarFile(car_mesh(name))
    # With the base's trim: no part is cut but for panels.
    cut_panels(base, fittings_of(base).panels)
    number = next(number for number in range(1, 200) if choose_trim(base, number) == ORIGINAL_TRIM)
    fit(base, number)
    made = derived_car(car_mesh(name), number)
    for before, after in zip(base.nodes, made.nodes, strict=True):
        assert before.name == after.name
        for new in after.parts:
            assert np.isfinite(new.points).all()
            np.testing.assert_allclose(np.linalg.norm(new.normals, axis=1), 1, atol=1e-3)
        if before.is_wheel:
            assert before.middle[2] == after.middle[2]
            radii = [np.hypot(*node.points[:, [0, 2]].T).max() for node in (before, after)]
            assert radii[0] == pytest.approx(radii[1], rel=0.02)
            assert (after.points + after.middle)[:, 2].min() == pytest.approx(0, abs=1e-3)
            continue
        for old, new in zip(before.parts, after.parts, strict=True):
            assert not np.array_equal(old.points, new.points)
            assert np.array_equal(old.triangles, new.triangles)


@pytest.mark.parametrize("number", [None, 5])
@pytest.mark.parametrize("name", BASES)
def test_no_wheel_stands_out_of_its_wing(name, number):
    car = derive(CarFile(car_mesh(name)), number)
    skin = np.concatenate([part.points for part in car.body.of_role("paint", "plastic")])
    for wheel in car.wheels:
        x, y, radius = wheel.middle
        above = (skin[:, 2] > radius) & (skin[:, 2] < 2.2 * radius)
        wing = skin[above & (np.abs(skin[:, 0] - x) < radius) & (skin[:, 1] * y > 0)]
        outer = np.abs(wheel.points[:, 1] + y).max()
        assert outer < np.percentile(np.abs(wing[:, 1]), 99.5), wheel.name


@pytest.mark.parametrize("name", BASES)
def test_a_car_is_read_where_another_reader_sees_it(name):
    scene = trimesh.load(car_mesh(name))
    car = CarFile(car_mesh(name))
    points = np.concatenate([node.points + node.middle for node in car.nodes])
    (rear, right, bottom), (front, left, top) = points.min(axis=0), points.max(axis=0)
    # The file's axes: front, up, right.
    expected = [[rear, bottom, -left], [front, top, -right]]
    np.testing.assert_allclose(scene.bounds, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("derived:fordFocus", "has to be like derived:fordFocus-017"),
        ("derived:fordFocus-000", "from 001 to 999"),
        ("derived:fordFocus-1000", "has to be like"),
        ("derived:fordFokus-001", "unknown car 'derived:fordFokus-001'"),
        ("derived:../x-001", "has to be like"),
    ],
)
def test_names_that_are_no_model_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        car_folder(name)
    text = {"name": "x", "title": "x", "description": "x", "vary": {"car_model": (name, "suv")}}
    with pytest.raises(ValueError, match=message):
        RecipeFile.model_validate(text)


def test_a_car_of_the_users_own_is_no_base(tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "car.yaml").touch()
    monkeypatch.setenv("DML_PRISM_CARS", str(tmp_path))
    assert car_folder("mine") == tmp_path / "mine"
    with pytest.raises(InputError, match="unknown car 'derived:mine-001'"):
        car_folder("derived:mine-001")


def test_a_concept_car_is_named_as_one_and_shown_only_where_a_recipe_names_it():
    spec = load_car("concept:sedan-02")
    assert car_mesh("concept:sedan-02") == car_folder("concept:sedan-02") / "sedan-02.glb"
    assert (spec.name, spec.to_credit().id) == ("concept:sedan-02", "car-concept-sedan-02")
    text = {"name": "x", "title": "x", "description": "x"}
    RecipeFile.model_validate({**text, "vary": {"car_model": ("concept:sedan-02", "suv")}})
    assert not set(concept_cars()) & set(factor_catalog().factors["car_model"].values)
    with pytest.raises(InputError, match="did you mean 'concept:sedan-02'"):
        car_folder("concept:sedan-2")
    with pytest.raises(InputError, match="has to be like derived:fordFocus-017"):
        car_folder("derived:concept:sedan-02-001")


def test_the_credit_of_the_base_travels_with_its_models():
    base, derived = load_car("seat_leon").to_credit(), load_car("derived:seat_leon-012").to_credit()
    assert (derived.author, derived.license, derived.source) == (
        base.author,
        base.license,
        base.source,
    )
    assert derived.id == "car-seat_leon-derived"
    assert derived.changes.endswith("Proportions, wheels, lamps and trim changed.")
    assert parse_derived("seat_leon") is None


PICTURES = """
from pathlib import Path
from dmlgen.factors.registry import DEFAULTS, factor_catalog
from dmlgen.planning.presets import Engine
from dmlgen.scene import stage as stages
from dmlgen.scene.picture import Photographer

stages.MAX_CARS = {most}
stage = stages.Stage(Engine("draft", 64, "cpu"))
folder = Path({folder!r})
photographer = Photographer(folder)
for number, car in enumerate({names} * 2):
    stage.set({{**DEFAULTS, "car_model": car}}, seed=1)
    (folder / f"{{number}}.jpg").write_bytes(stage.photograph(photographer).jpg)
"""


def test_pictures_do_not_depend_on_how_many_cars_stay_loaded(tmp_path):
    names = ["fordFocus", "derived:fordFocus-001", "derived:suv-002"]
    pictures = []
    for most in (24, 1):
        folder = tmp_path / str(most)
        folder.mkdir()
        code = PICTURES.format(most=most, folder=str(folder), names=names)
        call_in_blender(exec, tmp_path / "log", code)
        pictures.append([(folder / f"{number}.jpg").read_bytes() for number in range(6)])
    assert pictures[0] == pictures[1]
    assert pictures[0][:3] == pictures[0][3:]
    assert len(set(pictures[0])) == 3


def outer(name, **shape):
    """Smallest and largest x and z of the body, and the wheelbase, in meters."""
    parsed = parse_derived(name)
    proportions = shape_of({**DEFAULTS, **shape})
    car = derive(CarFile(car_mesh(name)), None if parsed is None else parsed.number, proportions)
    x, _, z = car.body.points.T
    axles = [wheel.middle[0] for wheel in car.wheels]
    return np.array([x.min(), x.max(), z.min(), z.max(), max(axles) - min(axles)])


@pytest.mark.parametrize("name", ["fordFocus", "derived:suv-003"])
def test_each_factor_of_shape_changes_what_its_name_says(name):
    base = outer(name)
    rear, front, bottom, top, wheelbase = range(5)
    longer = outer(name, wheelbase=1.08)
    assert longer[wheelbase] > 1.03 * base[wheelbase]
    assert longer[[bottom, top]] == pytest.approx(base[[bottom, top]], abs=1e-6)
    assert outer(name, bonnet_length=1.12)[wheelbase] > base[wheelbase]
    nose = outer(name, front_overhang=1.12)
    assert nose[wheelbase] == pytest.approx(base[wheelbase], abs=1e-6)
    assert nose[front] - nose[rear] > base[front] - base[rear]
    tail = outer(name, rear_overhang=1.25)
    assert tail[front] - tail[rear] > base[front] - base[rear]
    assert outer(name, roof_height=1.16)[top] > base[top] + 0.03
    lifted = outer(name, ride_height=0.05)
    assert lifted[[bottom, top]] == pytest.approx(base[[bottom, top]] + 0.05, abs=0.02)


@pytest.mark.parametrize("name", [*project_names("cars"), "derived:smart-car-001"])
def test_overhangs_that_do_not_change_are_those_that_car_yaml_names(name):
    car = CarFile(car_mesh(name))
    points, measures = car.body.points, measure(car)
    moved = {
        key: np.ptp((Warp(measures, Proportions(**{key: 1.2})).points(points) - points)[:, 0])
        for key in ("front_overhang", "rear_overhang")
    }
    assert {key for key, meters in moved.items() if meters < 0.01} == set(load_car(name).fixed)


def test_shape_factors_are_seen_and_nothing_but_the_car_changes(engine, tmp_path):
    mini = load_recipe("mini")
    vary = {"wheelbase": (1.0, 1.08), "roof_height": (0.88, 1.0, 1.16)}
    changes = {"vary": vary, "hold": {"car_model": "fordFocus"}}
    recipe = resolve(mini.document.model_copy(update=changes))
    render(make_plan(recipe, seed=1, sweep=Sweep("shape", 1, 6)), engine, tmp_path / "out")
    items = list(open_dataset(str(tmp_path / "out")).samples_iter())
    masks = {item.mask.tobytes() for item in items}
    assert len(masks) == 6
    for item in items:
        assert {item.row[key] for key in ("car_model", "car_rotation", "paint_hue")} == {
            *(items[0].row[key] for key in ("car_model", "car_rotation", "paint_hue"))
        }


def test_a_dataset_of_derived_models_has_their_names_and_credits(engine, tmp_path):
    mini = load_recipe("mini")
    names = ("fordFocus", "derived:fordFocus-001")
    document = mini.document
    vary = {**document.vary, "car_model": names}
    recipe = resolve(document.model_copy(update={"vary": vary}))
    manifest = render(make_plan(recipe, seed=1, count=4), engine, tmp_path / "out")
    assert {credit.id for credit in manifest.credits} == {"car-fordFocus", "car-fordFocus-derived"}
    assert set(open_dataset(str(tmp_path / "out")).values("car_model")) == set(names)
