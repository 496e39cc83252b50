"""Recipes: strict, with errors that name file, line and field."""

import os

import pytest

from dmldata.common.errors import InputError
from dmlgen.catalog.assets import project_names
from dmlgen.factors.registry import DEFAULTS, check_value
from dmlgen.planning.draw import make_plan
from dmlgen.planning.recipe import load_recipe, resolve
from dmlgen.planning.recipe_file import RecipeFile, Sweep

GOOD = """\
name: own
title: Own
description: A recipe of one's own.
count: 4
vary:
  paint_hue: [0.1, 0.2]
hold:
  paint_value: 0.5
"""


def write(folder, text):
    path = folder / "own.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", project_names("recipes"))
def test_recipes_of_the_project_are_valid(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert any(factor.varies for factor in recipe.factors.values())


def test_a_recipe_of_ones_own_varies_what_it_says_and_holds_the_rest(tmp_path):
    factors = load_recipe(str(write(tmp_path, GOOD))).factors
    assert factors["paint_hue"].values == (0.1, 0.2)
    assert factors["paint_value"].values == (0.5,)
    assert factors["camera_height"].values == (DEFAULTS["camera_height"],)


@pytest.mark.parametrize(
    ("change", "line", "message"),
    [
        (("count: 4", "count: many"), 4, "count: Input should be a valid integer"),
        (("count: 4", "count: 0"), 4, "count: Input should be greater than or equal to 1"),
        (("paint_hue:", "paint_heu:"), 5, "unknown factor 'paint_heu' (did you mean 'paint_hue'?)"),
        (("[0.1, 0.2]", "[0.1, 1.2]"), 5, "1.2 is outside 0 to 1"),
        (("[0.1, 0.2]", "[0.1, red]"), 5, "unknown value 'red' of factor 'paint_hue'"),
        (("count: 4", "cuont: 4"), 4, "unknown field (did you mean 'count'?)"),
        (("[0.1, 0.2]", "[0.1, 0.1]"), 5, "occur more than once"),
        (("[0.1, 0.2]", "{0.1: 3, 0.2: 0}"), 5, "how often a value is drawn has to be above 0"),
        (("[0.1, 0.2]", "{0.1: 3, red: 1}"), 5, "values of factor 'paint_hue' have to be numbers"),
        (("paint_value: 0.5", "car_model: trabant"), 7, "valid: VW-new-beetle, chevrolet, "),
        (("paint_hue: [0.1, 0.2]", "paint_hue: [0.1"), 7, "expected ',' or ']'"),
    ],
)
def test_a_malformed_recipe_names_file_line_and_field(tmp_path, change, line, message):
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    if line:
        assert text.startswith(f"{path}:{line}:")


SPLIT = GOOD.replace(
    "count: 4",
    "split: {train: ['derived:suv-001..003', suv], test: ['derived:suv-004..005']}\n"
    "labels: [seen_base]",
)


def test_a_split_can_have_car_models_of_its_own_given_as_ranges(tmp_path):
    recipe = load_recipe(str(write(tmp_path, SPLIT)))
    assert recipe.car_splits == {
        "train": ("derived:suv-001", "derived:suv-002", "derived:suv-003", "suv"),
        "test": ("derived:suv-004", "derived:suv-005"),
    }
    assert recipe.factors["car_model"].values == sum(recipe.car_splits.values(), ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("004..005", "003..005"), "split: values of 'car_model' occur more than once"),
        (("004..005", "005..004"), "'derived:suv-005..004': the first number is above the last"),
        (("004..005", "004..5"), "car 'derived:suv-004..5': has to be like derived:fordFocus-017"),
        (("test:", "query:"), "labels: 'seen_base' needs split with the car models of train and"),
        (("paint_value: 0.5", "car_model: suv"), "car_model can't be varied or held"),
        (("['derived:suv-004..005']", "[]"), "split: 'test' has no car models"),
    ],
)
def test_impossible_splits_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        load_recipe(str(write(tmp_path, SPLIT.replace(*change))))


def test_a_recipe_with_split_classes_extends_one_that_varies_the_car(tmp_path):
    path = write(tmp_path, SPLIT.replace("title:", "extends: paper\ntitle:"))
    assert len(load_recipe(str(path)).factors["car_model"].values) == 6


def test_a_missing_field_is_named(tmp_path):
    with pytest.raises(InputError, match="title: Field required"):
        load_recipe(str(write(tmp_path, GOOD.replace("title: Own\n", ""))))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_a_file_without_fields_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="expected fields like 'name: value'"):
        load_recipe(str(write(tmp_path, text)))


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(
        InputError, match=r"unknown recipe 'papper' .*'paper'.*valid: background, body_type,"
    ):
        load_recipe("papper")


def test_the_default_of_every_factor_can_be_rendered():
    for key, value in DEFAULTS.items():
        check_value(key, value)


def test_the_papers_eleven_properties_vary_in_the_paper_recipe():
    varied = {key for key, factor in load_recipe("paper").factors.items() if factor.varies}
    assert varied == {
        "car_model",
        "car_rotation",
        "paint_hue",
        "paint_saturation",
        "paint_value",
        "background_hue",
        "background_saturation",
        "background_value",
        "camera_height",
        "sun_elevation",
        "sun_rotation",
    }


def test_a_recipe_that_extends_another_changes_single_factors_of_it(tmp_path):
    write(tmp_path, GOOD)
    child = tmp_path / "child.yaml"
    child.write_text(
        "name: child\ntitle: Child\ndescription: Changed.\nextends: own.yaml\n"
        "vary: {paint_value: [0.2, 0.4]}\nhold: {paint_hue: 0.9}\n"
    )
    recipe = load_recipe(str(child))
    assert (recipe.name, recipe.count, recipe.document.extends) == ("child", 4, None)
    assert recipe.document.vary == {"paint_value": (0.2, 0.4)}
    assert recipe.document.hold == {"paint_hue": 0.9}


def test_a_recipe_extends_one_of_the_project_by_name(tmp_path):
    path = write(tmp_path, GOOD.replace("count: 4", "extends: photo"))
    factors = load_recipe(str(path)).factors
    assert factors["paint_hue"].values == (0.1, 0.2)
    assert factors["environment"].values == load_recipe("photo").factors["environment"].values


def child_of(folder, base, text):
    path = folder / "child.yaml"
    path.write_text(f"name: child\ntitle: Child\ndescription: d\nextends: {base}\n{text}\n")
    return str(path)


@pytest.mark.parametrize(
    ("base", "text", "message"),
    [
        ("train196", "vary: {car_model: [suv, van]}", "vary: 'train196' says .* needs split as "),
        ("train196", "hold: {car_model: suv}", "hold: 'train196' says .* needs split as well"),
        ("train196", "split: test", "split: 'train196' says .* needs car_model in vary or hold"),
        (
            "paper",
            "split: {train: [suv], test: [van]}\nvary: {car_model: [fordFocus]}",
            "split: says which cars there are",
        ),
        ("train196", "split: {a: [suv], b: [van]}", "labels: 'seen_base' needs split with"),
        ("train196", "split: test\nhold: {car_model: suv}", "labels: 'seen_base' needs split"),
        ("paper", "vary: {paint_hue: [0.1]}\nhold: {paint_hue: 0.5}", "hold: 'paint_hue' stands"),
    ],
)
def test_fields_that_do_not_go_with_those_of_the_extended_recipe_are_refused(
    tmp_path, base, text, message
):
    path = child_of(tmp_path, base, text)
    with pytest.raises(InputError, match=f"child.yaml: {message}") as error:
        load_recipe(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "cars"),
    [
        ("labels: [body_type, seen_base]", 196),
        ("split: {train: [suv], test: [van]}", 2),
        ("split: test\nlabels: []\nhold: {car_model: suv}", 1),
    ],
)
def test_an_extended_recipe_is_read_back_from_its_manifest_as_it_was(tmp_path, text, cars):
    recipe = load_recipe(child_of(tmp_path, "train196", text))
    assert len(recipe.factors["car_model"].values) == cars
    written = recipe.document.model_dump_json()
    assert resolve(RecipeFile.model_validate_json(written)) == recipe


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("vary: {paint_hue: 0.3}", r"vary\.paint_hue: .*'default' or a valid array or an object"),
        (
            "vary: {paint_hue: [0.1, [2]]}",
            r"vary\.paint_hue\[1\]: .*a valid string or a valid numbe",
        ),
        (
            "vary: {paint_hue: {0.1: often}}",
            r"vary\.paint_hue\.0\.1: Input should be a valid number",
        ),
        ("split: 3", r"split: Input should be a valid string or an object \(got 3\)"),
        ("sweep: {group: colour, scenes: 1, variants: 2}", "sweep: unknown factor group 'colour' "),
        (
            "sweep: {group: color, scenes: 0, variants: 2}",
            r"sweep\.scenes: .*greater than or equal to",
        ),
        ("sweep: {group: color, scenes: 1, variants: 2.5}", r"sweep\.variants: .*a valid integer"),
        ("count: 1000000000000", r"count: .* less than or equal to 1000000"),
        (f"count: {'9' * 5000}", r"a number of 5,000 digits; valid: at most 100"),
        ("count: !!python/name:os.system ''", r"unknown tag !!python/name:os\.system; valid: text"),
        ("count: 2020-01-01", r"count: Input should be a valid integer"),
        ("vary: {2020-01-01: default}", r"unknown factor '2020-01-01'"),
        ("vary: " + "{a: " * 400 + "}" * 400, "nested too deeply; valid: at most 100 levels"),
    ],
)
def test_a_field_that_is_wrong_is_told_with_its_line_and_what_would_be_valid(
    tmp_path, field, message
):
    path = tmp_path / "own.yaml"
    path.write_text(f"name: own\ntitle: t\ndescription: d\n{field}\n")
    with pytest.raises(InputError, match=message) as caught:
        load_recipe(str(path))
    assert "own.yaml" in str(caught.value)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize("field", ["vary: {{car_model: [{}]}}", "split: {{a: [{}]}}"])
def test_ranges_of_cars_that_repeat_each_other_are_refused_at_once(tmp_path, field):
    path = tmp_path / "own.yaml"
    cars = field.format(", ".join(["derived:suv-001..999"] * 300))
    path.write_text(f"name: own\ntitle: t\ndescription: d\n{cars}\n")
    with pytest.raises(InputError, match=r"car 'derived:suv-001' stands twice, the second time as"):
        load_recipe(str(path))


def test_more_cars_than_a_recipe_takes_are_not_even_listed(tmp_path):
    path = tmp_path / "own.yaml"
    cars = ", ".join(f"derived:no{number}-001..999" for number in range(200))
    path.write_text(f"name: own\ntitle: t\ndescription: d\nvary: {{car_model: [{cars}]}}\n")
    with pytest.raises(InputError, match="more than 100,000 car models"):
        load_recipe(str(path))


def test_a_file_is_a_recipe_whatever_the_case_of_its_ending(tmp_path):
    path = tmp_path / "OWN.YAML"
    path.write_text("name: own\ntitle: t\ndescription: d\n")
    assert load_recipe(str(path)).name == "own"
    (tmp_path / "b.yml").write_text("name: b\ntitle: t\ndescription: d\nextends: OWN.YAML\n")
    assert load_recipe(str(tmp_path / "b.yml")).title == "t"


def test_a_file_is_extended_from_beside_the_recipe_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text("name: other\ntitle: t\ndescription: d\n")
    (tmp_path / "sub").mkdir()
    child = tmp_path / "sub" / "child.yaml"
    child.write_text("name: child\ntitle: t\ndescription: d\nextends: other.yaml\n")
    with pytest.raises(InputError, match=r"sub/other\.yaml"):
        load_recipe(str(child))


def test_what_is_no_file_is_no_recipe_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "null.yaml").symlink_to("/dev/zero")
    (tmp_path / "own.yaml").write_text("name: a\ntitle: t\ndescription: d\nextends: pipe.yaml\n")
    for name, message in (
        ("pipe.yaml", "is a pipe or device, not a file"),
        ("null.yaml", "is a pipe or device, not a file"),
        ("folder.yaml", "is a folder, not a file"),
        ("own.yaml", "pipe.yaml: is a pipe or device"),
    ):
        with pytest.raises(InputError, match=message):
            load_recipe(str(tmp_path / name))


def test_a_file_too_long_for_a_recipe_is_not_read(tmp_path):
    path = tmp_path / "own.yaml"
    path.touch()
    os.truncate(path, 10**12)
    with pytest.raises(InputError, match=r"is larger than the limit of 1,048,576 bytes"):
        load_recipe(str(path))


def test_a_chain_of_recipes_has_an_end(tmp_path):
    for number in range(400):
        text = f"name: a\ntitle: t\ndescription: d\nextends: r{number + 1}.yaml\n"
        (tmp_path / f"r{number}.yaml").write_text(text)
    with pytest.raises(InputError, match=r"r0\.yaml: extends 16 others in a chain; valid: fewer"):
        load_recipe(str(tmp_path / "r0.yaml"))


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("own.yaml", r"extends itself \(own.yaml -> own.yaml\)"),
        ("papper", "unknown recipe 'papper'"),
    ],
)
def test_what_cannot_be_extended_is_refused(tmp_path, base, message):
    path = write(tmp_path, GOOD.replace("count: 4", f"extends: {base}"))
    with pytest.raises(InputError, match=message):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("hold: {paint_value: 0.5}", "hold: 'paint_value' belongs to the group 'color', which is"),
        ("count: 50", "count: is for datasets that are no sweep; valid: sweep.scenes"),
    ],
)
@pytest.mark.parametrize(
    "sweep", ["extends: color", "extends: paper\nsweep: {group: color, scenes: 1, variants: 6}"]
)
def test_what_a_sweep_would_overrule_is_refused(tmp_path, sweep, field, message):
    path = write(tmp_path, f"name: a\ntitle: t\ndescription: d\n{sweep}\n{field}\n")
    with pytest.raises(InputError, match=message):
        load_recipe(str(path))


@pytest.mark.parametrize("group", ["color", "illumination", "pose", "background", "model"])
def test_sweep_recipes_change_the_group_they_are_named_after(group):
    plan = make_plan(load_recipe(group), seed=0, sweep=None)
    assert plan.sweep == Sweep(group, 200, 6)
    assert len(plan.images) == 1200


def test_weights_whose_sum_is_beyond_all_numbers_are_weights(tmp_path):
    recipe = "name: own\ntitle: Own\ndescription: Own.\nextends: paper\nvary:\n"
    file = write(tmp_path, f"{recipe}  paint: {{white: 1.0e+308, black: 1.0e+308}}\n")
    resolved = load_recipe(str(file))
    assert resolved.weights(resolved.factors["paint"]) == (0.5, 0.5)
    assert len(make_plan(resolved, seed=0, count=4).images) == 4
