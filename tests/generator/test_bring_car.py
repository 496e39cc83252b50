"""Bring your own car: a user's file becomes a car, or is refused in one line and leaves nothing."""

import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
import trimesh
import yaml
from PIL import Image
from toy_cars import box, bring, toy_car, with_blender, write_glb, write_obj

from dmldata.common.errors import InputError
from dmlgen.blender import call_in_blender
from dmlgen.carimport.decide import Choices, decide
from dmlgen.carimport.guess import guess_role
from dmlgen.carimport.importer import convert_again
from dmlgen.carimport.model import Model, ModelMaterial
from dmlgen.carimport.user_car import CarCredit, check_file, read_model
from dmlgen.catalog.assets import car_folder, names, project_names, user_folder
from dmlgen.catalog.cars import load_car
from dmlgen.derive.models import derived_car
from dmlgen.derive.warp import Proportions
from dmlgen.factors.registry import factor_catalog
from dmlgen.planning.draw import make_plan
from dmlgen.planning.presets import Engine
from dmlgen.planning.recipe import load_recipe
from dmlgen.planning.recipe_file import Sweep
from dmlgen.rendering.finished import finished
from dmlgen.rendering.run import render

PREVIEWED = "test_a_glb_becomes_a_car_that_recipes_can_name"
"""The test that looks at the eight rendered pictures of a preview; others save their time."""


@pytest.fixture(autouse=True)
def no_preview(request, monkeypatch):
    if request.node.name != PREVIEWED:
        monkeypatch.setattr(
            "dmlgen.carimport.user_car.show_car", lambda name, file, *_: file.touch()
        )


def test_a_glb_becomes_a_car_that_recipes_can_name(dmlgen, home, tmp_path):
    file = write_glb(tmp_path / "My car.glb", toy_car())
    code, out, err = bring(dmlgen, file)
    assert code == 0, err
    folder = home / "My-car"
    assert {p.name for p in folder.iterdir()} == {
        *("car.yaml", "My-car.glb", "preview.png", "recipe.yaml")
    }
    assert "4.4" in out
    assert f"next: dmlgen render {folder / 'recipe.yaml'}" in out
    assert "My-car" in names("cars")
    assert car_folder("My-car") == folder
    with Image.open(folder / "preview.png") as sheet:
        assert sheet.size == (64, 32)

    made = trimesh.load(folder / "My-car.glb", force="scene")
    assert {"body", "wheel_front_left", "wheel_rear_right"} <= set(made.geometry)
    assert made.extents == pytest.approx((4.4, 1.5, 1.8), abs=0.03)
    roles = {m.visual.material.name for m in made.dump()}
    assert {"role:paint", "role:glass", "role:tyre", "role:lamp_red"} <= roles

    code, out, _ = dmlgen("cars", "list")
    row = next(line for line in out.splitlines() if line.startswith("My-car"))
    assert row.endswith("you")
    assert "unknown license: do not publish" in row


def test_an_own_car_renders_and_its_credit_travels(dmlgen, home, tmp_path):
    file = write_glb(tmp_path / "mine.glb", toy_car())
    said = ("--title", "Toy", "--author", "Ann", "--license", "cc-by-nc-4.0")
    assert bring(dmlgen, file, *said)[0] == 0
    (tmp_path / "toy.yaml").write_text(
        "name: toy\ntitle: t\ndescription: d\nextends: paper\nhold: {car_model: mine}\n"
    )
    plan = make_plan(load_recipe(str(tmp_path / "toy.yaml")), seed=1, count=1)
    manifest = render(plan, Engine("draft", 64, "cpu"), tmp_path / "out")
    credit = next(c for c in manifest.credits if c.id == "car-mine")
    assert (credit.author, credit.license) == ("Ann", "CC-BY-NC-4.0")
    assert credit.source == "mine.glb"
    assert manifest.license == "CC-BY-NC-4.0"
    assert manifest.images == 1
    # Corrected, it makes another dataset.
    assert set(manifest.own_files) == {"cars/mine/car.yaml", "cars/mine/mine.glb"}
    assert finished(plan, Engine("draft", 64, "cpu"), tmp_path / "out") == manifest
    assert bring(dmlgen, file, *said, "--force", "--role", "Scheibe=plastic")[0] == 0
    with pytest.raises(InputError, match=r"own_files\.cars/mine/car\.yaml was \w+, is \w+"):
        finished(plan, Engine("draft", 64, "cpu"), tmp_path / "out")


def test_a_dataset_that_shows_a_car_of_unknown_license_claims_none(dmlgen, home, tmp_path):
    assert bring(dmlgen, write_glb(tmp_path / "mine.glb", toy_car()))[0] == 0
    file = home / "mine" / "recipe.yaml"
    plan = make_plan(load_recipe(str(file)), seed=1, count=1)
    manifest = render(plan, Engine("draft", 64, "cpu"), tmp_path / "out")
    assert manifest.license == "LicenseRef-unknown-do-not-publish"


def test_a_license_that_is_none_is_refused_before_the_file_is_read(dmlgen, home, tmp_path):
    code, _, err = bring(dmlgen, junk(tmp_path / "mine.glb"), "--license", "Sketchfab Editorial")
    assert code == 2
    assert "license 'Sketchfab Editorial' is not known; valid: an SPDX identifier" in err


def test_a_file_name_becomes_a_name_that_a_car_can_have(home, tmp_path):
    assert check_file(junk(tmp_path / "Mon Auto (1).obj"), CarCredit(), False) == "Mon-Auto-1"


def test_a_model_without_seats_gets_some_and_one_with_seats_keeps_its_own(home, tmp_path):
    bare = decide(read_model(write_glb(tmp_path / "a.glb", toy_car())), Choices(paint=("Lack",)))
    assert bare.interior == "generic"
    seats = (box((1.0, 1.0, 0.3), (-0.3, 0, 1.1)), "M1")
    file = write_glb(tmp_path / "b.glb", toy_car() | {"Thing": seats})
    furnished = decide(read_model(file), Choices(paint=("Lack",)))
    assert furnished.interior == "own"
    assert next(m for m in furnished.materials if m.name == "M1").role == "interior"


def test_a_car_stands_on_its_wheels_whatever_else_is_of_glass(dmlgen, home, tmp_path):
    """Lamp covers in the material of the windows are no part of the cabin."""
    covers = (box((0.05, 1.4, 0.1), (2.2, 0, 0.4)), "Scheibe")
    assert bring(dmlgen, write_glb(tmp_path / "mine.glb", toy_car() | {"Covers": covers}))[0] == 0
    made = trimesh.load(home / "mine" / "mine.glb", force="scene")
    assert made.extents == pytest.approx((4.43, 1.5, 1.8), abs=0.03)


@pytest.mark.parametrize("glass", ["glass_dark", "plastic"])
def test_a_car_without_clear_windows_has_a_shape_that_can_change(dmlgen, home, tmp_path, glass):
    file = write_glb(tmp_path / "mine.glb", toy_car())
    assert bring(dmlgen, file, "--role", f"Scheibe={glass}")[0] == 0
    longer = derived_car(home / "mine" / "mine.glb", None, Proportions(cabin=1.1))
    assert np.ptp(longer.body.points[:, 0]) > 4.45


def test_factors_that_change_nothing_of_a_car_have_no_values_for_it(dmlgen, home, tmp_path):
    code, out, _ = bring(dmlgen, write_glb(tmp_path / "mine.glb", toy_car()))
    assert code == 0
    assert "what of it number_plate would change: no material is plate" in out
    assert load_car("mine").fixed == ("number_plate",)
    (tmp_path / "r.yaml").write_text(
        "name: r\ntitle: t\ndescription: d\nextends: photo\n"
        "vary: {number_plate: default, car_model: [mine]}\n"
    )
    plan = make_plan(load_recipe(str(tmp_path / "r.yaml")), seed=1, count=3)
    assert "number_plate" in plan.meaningless


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--wheels", "*"), "--wheels *: matches the whole car; valid: its wheels alone"),
        (("--size", 4096), "--size 4096: has to be at most 2048 pixels"),
        (("--role", "Lack=glass"), "--role Lack=glass: --paint-material says it is paint"),
    ],
)
def test_choices_that_cannot_be_are_refused_before_the_car_is_converted(
    dmlgen, home, tmp_path, options, message
):
    code, _, err = bring(dmlgen, write_glb(tmp_path / "mine.glb", toy_car()), *options)
    assert code == 2
    assert message in err
    assert "converting" not in err


def test_paint_may_be_a_material_on_some_objects(home, tmp_path):
    model = read_model(write_glb(tmp_path / "a.glb", toy_car()))
    decision = decide(model, Choices(roles={"Lack@Chassis*": "paint"}))
    assert any(row.role == "paint" for row in decision.materials)


def test_own_cars_do_not_change_what_default_means(dmlgen, home, tmp_path):
    before = factor_catalog().factors["car_model"].values
    assert bring(dmlgen, write_glb(tmp_path / "mine.glb", toy_car()))[0] == 0
    assert factor_catalog().factors["car_model"].values == before == project_names("cars")
    (tmp_path / "r.yaml").write_text(
        "name: r\ntitle: t\ndescription: d\nvary: {car_model: [mine, suv], car_rotation: default}"
    )
    assert load_recipe(str(tmp_path / "r.yaml")).factors["car_model"].values == ("mine", "suv")


def test_obj_fbx_and_blend_give_the_same_car_as_glb(home, tmp_path):
    parts = toy_car()
    glb = write_glb(tmp_path / "car.glb", parts)
    files = [
        glb,
        write_obj(tmp_path / "car.obj", parts),
        with_blender(tmp_path / "car.fbx", glb),
        with_blender(tmp_path / "car.blend", glb),
    ]
    for file in files:
        decided = decide(read_model(file), Choices(paint=("Lack",)))
        assert decided.size == pytest.approx((4.42, 1.8, 1.5), abs=0.03), file
        assert (decided.facing.up, decided.facing.forward) == ("+Z", "+X"), file
        assert {m.name: m.role for m in decided.materials} == {
            **{"Lack": "paint", "Scheibe": "glass", "Gummi": "tyre", "taillight": "lamp_red"}
        }, file
        assert decided.wheels.found_by == "shape", file


def test_unit_direction_and_up_axis_are_found(home, tmp_path):
    rotate = trimesh.transformations.rotation_matrix
    upright = rotate(np.pi / 2, (0, 0, 1)) @ trimesh.transformations.scale_matrix(100)
    on_its_side = rotate(np.pi / 2, (1, 0, 0)) @ trimesh.transformations.scale_matrix(1000)
    turned = decide(
        read_model(write_glb(tmp_path / "cm.glb", toy_car(), upright)), Choices(paint=("Lack",))
    )
    assert (turned.scale, turned.facing.up, turned.facing.forward) == (0.01, "+Z", "+Y")
    tilted = decide(
        read_model(write_glb(tmp_path / "mm.glb", toy_car(), on_its_side)), Choices(paint=("Lack",))
    )
    assert (tilted.scale, tilted.facing.up, tilted.facing.forward) == (0.001, "-Y", "+X")
    assert tilted.size == pytest.approx((4.42, 1.8, 1.5), abs=0.03)


def test_a_car_that_stands_between_the_axes_is_pointed_out(home, tmp_path):
    askew = trimesh.transformations.rotation_matrix(0.5, (0, 0, 1))
    for change, expected in ((askew, True), (np.eye(4), False)):
        file = write_glb(tmp_path / "a.glb", toy_car(), change)
        decided = decide(read_model(file), Choices(paint=("Lack",)))
        assert any("stands straight" in doubt for doubt in decided.doubts) == expected


def test_wheels_inside_one_object_are_found_by_shape(dmlgen, home, tmp_path):
    parts = toy_car()
    whole = trimesh.util.concatenate([m for m, look in parts.values() if look != "Scheibe"])
    file = write_glb(tmp_path / "one.glb", {"All": (whole, "Lack"), "Cabin": parts["Cabin"]})
    code, out, err = bring(dmlgen, file)
    assert code == 0, err
    assert "wheels: found by shape" in out
    made = trimesh.load(home / "one" / "one.glb", force="scene")
    names = [name for name in made.geometry if name.startswith("wheel_")]
    assert len(names) >= 4
    assert len(load_car("one").wheels[0].pieces) == 4


def test_a_car_without_wheels_is_one_body_and_that_is_said(dmlgen, home, tmp_path):
    parts = {n: p for n, p in toy_car().items() if not n.startswith("Disk")}
    code, out, err = bring(dmlgen, write_glb(tmp_path / "sled.glb", parts))
    assert code == 0, err
    assert "wheels: none found" in out
    assert "they stay part of the body" in out
    made = trimesh.load(home / "sled" / "sled.glb", force="scene")
    assert not [name for name in made.geometry if name.startswith("wheel")]
    # What its wheels would decide has no value, and the others can be rendered.
    (tmp_path / "r.yaml").write_text(
        "name: r\ntitle: t\ndescription: d\nextends: paper\n"
        "vary: {car_model: [sled, suv], roof_height: [0.9, 1.1], steering_angle: [10, 20]}\n"
    )
    recipe = load_recipe(str(tmp_path / "r.yaml"))
    plan = make_plan(recipe, seed=1, count=2)
    rows = {image.values["car_model"]: image.values for image in plan.images}
    assert [rows["sled"][key] for key in ("roof_height", "steering_angle")] == [None, None]
    assert None not in [rows["suv"][key] for key in ("roof_height", "steering_angle")]
    assert render(plan, Engine("draft", 32, "cpu"), tmp_path / "out").images == 2
    swept = make_plan(recipe, seed=1, sweep=Sweep("wheels", 6, 2))
    assert {image.values["car_model"] for image in swept.images} == {"suv"}
    code, _, err = dmlgen("plan", home / "sled" / "recipe.yaml", "--factor", "shape")
    assert "group shape: means nothing with the car_model of this recipe (sled)" in err
    assert code == 2


def test_what_cannot_be_decided_is_listed(dmlgen, home, tmp_path):
    parts = toy_car() | {"Thing": (box((0.5, 0.5, 0.2), (0.5, 0, 1.0)), "Material.001")}
    del parts["Lamp"]
    _, out, _ = bring(dmlgen, write_glb(tmp_path / "a.glb", parts))
    assert "what 'Material.001' is (made plastic): --role MATERIAL=ROLE" in out
    assert "which end is the front (taken from where the roof is)" in out
    assert "must not be published" in out


def test_choices_are_stronger_than_guesses(dmlgen, home, tmp_path):
    file = write_glb(tmp_path / "a.glb", toy_car())
    said = ("--role", "taillight=chrome", "--wheels", "Disk_*", "--forward", "-X", "--length", 4)
    assert bring(dmlgen, file, *said, "--name", "b")[0] == 0
    spec = load_car("b")
    assert spec.roles["taillight"] == "chrome"
    assert spec.wheels[0].object == "Disk_*"
    assert spec.forward == "-X"
    assert spec.scale == pytest.approx(4 / 4.425, abs=0.01)


def test_a_ground_in_the_file_is_named_and_can_be_left_out(dmlgen, home, tmp_path):
    floor = (box((30, 30, 0.02), (0, 0, 0)), "Floor")
    file = write_glb(tmp_path / "a.glb", toy_car() | {"Stage": floor})
    code, _, err = bring(dmlgen, file)
    assert code == 2
    assert not home.exists()
    assert bring(dmlgen, file, "--ignore", "Stage")[0] == 0, err
    assert load_car("a").ignore == ("Stage",)


def test_an_own_car_is_converted_again_from_its_car_yaml(dmlgen, home, tmp_path):
    file = write_glb(tmp_path / "mine [1].glb", toy_car())
    assert bring(dmlgen, file, "--name", "mine")[0] == 0
    glb = home / "mine" / "mine.glb"
    before = glb.read_bytes()
    path = home / "mine" / "car.yaml"
    for option in (("--role", "a=b"), ("--license", "CC0-1.0"), ("--force",), ("--length", 5)):
        code, _, err = dmlgen("cars", "import", "mine", "--source", tmp_path, *option)
        assert code == 2
        assert f"{option[0]}: not with --source; car.yaml of the car says it" in err
    for option in (("--size", 64), ("--device", "cpu")):
        code, _, err = dmlgen("cars", "import", "mine", "--source", tmp_path, *option)
        assert code == 2
        assert f"{option[0]}: not with --source, which renders no preview" in err
    path.write_text(path.read_text().replace("taillight: lamp_red", "taillight: chrome"))
    assert dmlgen("cars", "import", "mine", "--source", tmp_path)[0] == 0
    assert glb.read_bytes() != before
    write_glb(file, toy_car(body="Other"))
    with pytest.raises(InputError, match="sha256 differs"):
        convert_again("mine", file)


def picture(path):
    flat = (box((4, 2, 0.001), (0, 0, 0)), "Lack")
    return write_glb(path, {"a": flat, "b": (box((4, 2, 0.001), (0, 0, 0)), "Glass")})


def junk(path):
    path.write_bytes(b"nothing that a program wrote")
    return path


REFUSALS = {
    "missing": (lambda p: p / "no.glb", (), "no such file"),
    "format": (
        lambda p: junk(p / "a.3ds"),
        (),
        "not a format that can be read; valid: .glb, .gltf, .obj, .fbx, .blend",
    ),
    "broken glb": (
        lambda p: junk(p / "a.glb"),
        (),
        "a.glb: cannot be read (does not begin",
    ),
    "broken fbx": (lambda p: junk(p / "a.fbx"), (), "a.fbx: cannot be read (does not"),
    "broken blend": (lambda p: junk(p / "a.blend"), (), "a.blend: cannot be read ("),
    "empty": (lambda p: junk(p / "a.obj"), (), "a.obj: holds no faces"),
    "size": (
        lambda p: write_glb(p / "a.glb", toy_car(), trimesh.transformations.scale_matrix(4)),
        (),
        "the model is 17.7 units long, no car's length in meters, centimeters or millimeters",
    ),
    "length": (lambda p: write_glb(p / "a.glb", toy_car()), ("--length", 44), "--length 44: a car"),
    "paint": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--paint-material", "Lacc"),
        "unknown material 'Lacc' in --paint-material (did you mean 'Lack'?); valid: Lack",
    ),
    "one material": (
        lambda p: write_glb(p / "a.glb", {n: (m, "Lack") for n, (m, _) in toy_car().items()}),
        (),
        "no separable paint: everything is 'Lack'",
    ),
    "flat": (lambda p: picture(p / "a.glb"), (), "a picture or a floor, not a car"),
    "role": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--role", "Gummi=tire"),
        "unknown role 'tire' in --role Gummi=tire (did you mean 'tyre'?); valid: paint",
    ),
    "role of what": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--role", "Gumi=tyre"),
        "unknown material 'Gumi' in --role (did you mean 'Gummi'?)",
    ),
    "role form": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--role", "Gummi"),
        "--role Gummi: has to be MATERIAL=ROLE",
    ),
    "forward": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--forward", "+Y"),
        "--forward +Y: the model is longer along X",
    ),
    "axis": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--forward", "north"),
        "--forward north: valid: +X, -X, +Y, -Y, auto",
    ),
    "wheels": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--wheels", "Rad*"),
        "--wheels 'Rad*': no such object or material; objects: Chassis_1",
    ),
    "some wheels": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--wheels", "Disk_0"),
        "--wheels Disk_0: no faces at front right, rear left, rear right",
    ),
    "name": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--name", "my/car"),
        "--name 'my/car': has to consist of letters, digits",
    ),
    "name of ours": (
        lambda p: write_glb(p / "a.glb", toy_car()),
        ("--name", "suv"),
        "--name suv: a car of the project has that name",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_work_is_refused_in_one_line_and_leaves_nothing(dmlgen, home, tmp_path, case):
    make, options, message = REFUSALS[case]
    code, _, err = bring(dmlgen, make(tmp_path), *options)
    assert code == 2, err
    assert message in err
    assert err.count("\n") == 1
    assert not home.exists() or list(home.iterdir()) == []


def test_a_paint_without_faces_is_refused_with_the_materials_that_have_some(home, tmp_path):
    model = read_model(write_glb(tmp_path / "a.glb", toy_car()))
    spare = replace(model, materials=(*model.materials, ModelMaterial("Spare")))
    with pytest.raises(InputError, match=r"'Spare' has no faces; valid: Lack, Scheibe, Gummi"):
        decide(spare, Choices(paint=("Spare",)))


def test_without_a_paint_the_materials_are_shown_and_a_likely_one_named(dmlgen, home, tmp_path):
    names = {"Lack": "body_paint"}
    parts = {n: (mesh, names.get(look, look)) for n, (mesh, look) in toy_car().items()}
    code, out, err = dmlgen("cars", "import", write_glb(tmp_path / "a.glb", parts))
    assert code == 2
    assert "give it: --paint-material NAME (likely: 'body_paint')" in err
    assert "Scheibe" in out
    assert "glass" in out


def test_a_taken_name_needs_force_and_a_failed_replacement_keeps_the_old(
    dmlgen, home, tmp_path, monkeypatch
):
    file = write_glb(tmp_path / "mine.glb", toy_car())
    assert bring(dmlgen, file)[0] == 0
    before = (home / "mine" / "mine.glb").read_bytes()
    code, _, err = bring(dmlgen, file)
    assert code == 2
    assert f"taken by {home / 'mine'}" in err
    # Nothing but the car itself is ever replaced.
    for inside in ("notes.txt", "mine.fbx"):
        (home / "mine" / inside).write_text("of the user")
        code, _, err = bring(dmlgen, file, "--force")
        assert code == 2
        assert f"would replace {home / 'mine'}, which holds {inside}; move that elsewhere" in err
        (home / "mine" / inside).unlink()
    (home / "toy").mkdir()
    inside = write_glb(home / "toy" / "toy.glb", toy_car())
    kept = inside.read_bytes()
    for options in ((), ("--force",)):
        code, _, err = bring(dmlgen, inside, *options)
        assert code == 2
        assert f"would replace {home / 'toy'}, which holds toy.glb" in err
    assert inside.read_bytes() == kept
    shutil.rmtree(home / "toy")
    longer = ("--force", "--length", "5")

    def fail(*_):
        raise InputError("no light")

    with monkeypatch.context() as broken:
        broken.setattr("dmlgen.carimport.user_car.show_car", fail)
        assert bring(dmlgen, file, *longer)[0] == 2
    assert (home / "mine" / "mine.glb").read_bytes() == before
    assert [p.name for p in home.iterdir()] == ["mine"]
    assert bring(dmlgen, file, *longer)[0] == 0
    assert (home / "mine" / "mine.glb").read_bytes() != before
    assert load_car("mine").scale == pytest.approx(5 / 4.425, abs=0.01)


def test_a_script_in_a_blend_file_is_not_run(home, tmp_path):
    glb = write_glb(tmp_path / "car.glb", toy_car())
    mark = tmp_path / "ran"
    path = tmp_path / "car.blend"
    code = (
        "import bpy\nbpy.ops.wm.read_factory_settings(use_empty=True)\n"
        f"bpy.ops.import_scene.gltf(filepath={str(glb)!r})\n"
        "text = bpy.data.texts.new('run.py')\n"
        f"text.write({f'open({str(mark)!r}, chr(119)).close()'!r})\ntext.use_module = True\n"
        f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})"
    )
    call_in_blender(exec, tmp_path / "log", code)
    assert len(read_model(path).objects) == len(toy_car())
    assert not mark.exists()


def test_modifiers_and_instances_of_a_blend_file_count_and_what_is_hidden_does_not(tmp_path):
    path = tmp_path / "parts.blend"
    code = f"""
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.mesh.primitive_cube_add(size=1)
mirrored = bpy.context.object
mirrored.location.y = 2
mirrored.modifiers.new("m", "ARRAY").count = 3
bpy.ops.mesh.primitive_cube_add(size=1)
bpy.context.object.hide_render = True
group = bpy.data.collections.new("group")
group.objects.link(mirrored)
instance = bpy.data.objects.new("instance", None)
instance.instance_type, instance.instance_collection = "COLLECTION", group
instance.scale.x = -1
bpy.context.scene.collection.objects.link(instance)
bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})
"""
    call_in_blender(exec, tmp_path / "log", code)
    model = read_model(path)
    assert len(model.areas) == 2 * 3 * 12
    assert model.size == pytest.approx((5, 1, 1))
    # Mirrored, they still face outwards.
    first, second, third = model.corners.astype(float).swapaxes(0, 1)
    volume = np.einsum("ij,ij->i", first, np.cross(second, third)).sum() / 6
    assert volume == pytest.approx(6)


def test_own_cars_lie_in_the_users_folder_unless_a_variable_names_another(monkeypatch, tmp_path):
    monkeypatch.delenv("DML_PRISM_CARS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_folder("cars").name == "cars"
    assert user_folder("cars").is_relative_to(tmp_path)
    monkeypatch.setenv("DML_PRISM_CARS", "~/mine")
    assert user_folder("cars") == tmp_path / "mine"


@pytest.mark.parametrize(
    ("material", "role"),
    [
        (ModelMaterial("windowglass"), "glass"),
        (ModelMaterial("HeadlightGlass"), "lamp_clear"),
        (ModelMaterial("rear_light"), "lamp_red"),
        (ModelMaterial("light_gray"), "plastic"),
        (ModelMaterial("steering_wheel"), "interior"),
        (ModelMaterial("Tire.001"), "tyre"),
        (ModelMaterial("trim"), "plastic"),
        (ModelMaterial("Window_Trim"), "plastic"),
        (ModelMaterial("window_rubber"), "rubber"),
        (ModelMaterial("windshield_wiper"), "plastic"),
        (ModelMaterial("fiberglass"), "plastic"),
        (ModelMaterial("Mirror_glass"), "mirror"),
        (ModelMaterial("chromePlated"), "chrome"),
        (ModelMaterial("Template_mat"), "plastic"),
        (ModelMaterial("Light_Leather"), "upholstery"),
        (ModelMaterial("Brake_Light"), "lamp_red"),
        (ModelMaterial("Brake_Disc"), "brake"),
        (ModelMaterial("Wheel_Well"), "underbody"),
        (ModelMaterial("LicensePlate"), "plate"),
        (ModelMaterial("m1", (0.9, 0.9, 0.9), metallic=1.0), "chrome"),
        (ModelMaterial("m2", (0.7, 0.0, 0.0), alpha=0.5), "lamp_red"),
        (ModelMaterial("m3", (0.01, 0.01, 0.01), roughness=0.1), "gloss_black"),
    ],
)
def test_roles_are_guessed_by_name_else_by_look(material, role):
    assert guess_role(material).role == role


def test_shares_of_the_surface_add_up_and_holes_are_counted():
    corners = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[1, 0, 0], [1, 1, 0], [0, 1, 0]]])
    look = (ModelMaterial("a"), ModelMaterial("b"))
    index = np.array([0, 1])
    model = Model(("o",), ("o",), look, corners.astype(np.float32), index * 0, index, index * 0)
    assert list(model.shares()) == [0.5, 0.5]
    assert model.open_edges() == (pytest.approx(4 / 5), 0.0)


def test_car_yaml_of_an_own_car_is_one_that_people_can_read_and_change(dmlgen, home, tmp_path):
    assert bring(dmlgen, write_glb(tmp_path / "mine.glb", toy_car()))[0] == 0
    document = yaml.safe_load(io.StringIO((home / "mine" / "car.yaml").read_text()))
    assert document["source"].keys() == {"member", "sha256"}
    assert document["roles"]["Lack"] == "paint"
