"""Places: every one shows the car, none gets into its mask, their files are checked."""

import numpy as np
import pytest

from dmldata import open_dataset
from dmldata.common.documents import load_document
from dmldata.common.errors import InputError
from dmlgen.catalog.assets import environment_file, names, project_names
from dmlgen.catalog.places import EnvironmentDocument, SiteSpec, load_environment
from dmlgen.factors.registry import DEFAULTS, INAPPLICABLE, with_values
from dmlgen.planning.draw import Plan, make_plan
from dmlgen.planning.images import PlannedImage
from dmlgen.planning.presets import Engine
from dmlgen.planning.recipe import load_recipe
from dmlgen.rendering.assemble import NO_LICENSE
from dmlgen.rendering.identity import differences, identity
from dmlgen.rendering.run import render

SITES = [n for n in project_names("environments") if isinstance(load_environment(n), SiteSpec)]


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory):
    """The same car under the same camera in every environment."""
    recipe = load_recipe("paper")
    factors = {key: with_values(f, (DEFAULTS[key],)) for key, f in recipe.factors.items()}
    factors["environment"] = with_values(factors["environment"], project_names("environments"))
    images = tuple(
        PlannedImage(
            f"{i:06d}",
            "test",
            i,
            0,
            5,
            {
                key: None if key in INAPPLICABLE[load_environment(name).kind] else value
                for key, value in {**DEFAULTS, "environment": name}.items()
            },
        )
        for i, name in enumerate(project_names("environments"))
    )
    out = tmp_path_factory.mktemp("places") / "out"
    render(
        Plan(recipe.document, 0, None, tuple(factors.values()), images),
        Engine("draft", 64, "cpu"),
        out,
    )
    return {item.row["environment"]: item for item in open_dataset(str(out)).samples_iter()}


@pytest.mark.parametrize("name", project_names("environments"))
def test_a_place_is_no_part_of_the_mask(everywhere, name):
    """Nor are the cars that are parked there."""
    assert everywhere[name].mask.tobytes() == everywhere["backdrop"].mask.tobytes()


@pytest.mark.parametrize("name", project_names("environments"))
def test_a_place_is_neither_black_nor_burnt_out(everywhere, name):
    around = np.asarray(everywhere[name].image)[everywhere[name].mask == 0]
    assert 40 < around.mean() < 235


def test_the_ground_varies_outdoors_alone():
    indoors = {name for name in SITES if load_environment(name).kind == "indoors"}
    assert {"parking_deck", "showroom"} <= indoors
    for image in make_plan(load_recipe("photo"), seed=3, count=400).images:
        outdoors = image.values["environment"] in set(SITES) - indoors
        assert (image.values["ground"] is not None) == outdoors


@pytest.mark.parametrize("name", SITES)
def test_credits_of_parked_cars_travel_with_the_picture(everywhere, name):
    credited = everywhere[name].row["credits_id"].split(";")
    assert credited[0] == "car-fordFocus"
    assert {f"car-{car}" for car in load_environment(name).cars()} <= set(credited)


def test_the_car_is_in_every_picture_of_photo(tmp_path_factory):
    out = tmp_path_factory.mktemp("photo") / "out"
    plan = make_plan(load_recipe("photo"), seed=1, count=3)
    render(plan, Engine("draft", (64, 48), "cpu"), out)
    for item in open_dataset(str(out)).samples_iter():
        box = [item.row[key] for key in ("car_x0", "car_y0", "car_x1", "car_y1")]
        assert item.row["car_area"] >= 0.08, item.row
        assert min(box[:2]) > 0, item.row
        assert (box[2] < 64, box[3] < 48) == (True, True), item.row


def test_a_users_place_is_listed_planned_and_rendered(user_place, dmlgen, engine, tmp_path):
    """Its text and its surface are part of what is compared before a render is resumed."""
    assert "mine" in names("environments")
    assert {"shingle"} == set(names("surfaces")) - set(project_names("surfaces"))
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "name: r\ntitle: t\ndescription: d\nextends: paper\nhold: {environment: mime}\n"
    )
    code, _, err = dmlgen("plan", recipe)
    assert code == 2
    assert "unknown value 'mime' of factor 'environment'; valid: backdrop" in err
    assert ", mine" in err
    recipe.write_text(recipe.read_text().replace("mime", "mine"))
    plan = make_plan(load_recipe(str(recipe)), seed=1, count=1)
    assert plan.images[0].values["environment"] == "mine"
    before = identity(plan, engine)
    manifest = render(plan, engine, tmp_path / "out")
    assert manifest.factor("environment").values == ("mine",)
    licenses = {credit.id: credit.license for credit in manifest.credits}
    assert licenses["panorama-mine"] == "CC0-1.0"
    assert licenses["surface-shingle"] == "unknown license: do not publish"
    assert manifest.license == NO_LICENSE
    row = open_dataset(str(tmp_path / "out")).samples.to_pylist()[0]
    assert row["credits_id"].endswith(";panorama-mine;surface-shingle")
    assert {"environments/mine.yaml", "surfaces/shingle/color.jpg"} <= before["scene_files"].keys()

    user_place.write_text(user_place.read_text().replace("gloss: 0.15", "gloss: 0.25"))
    differs = differences(before, identity(plan, engine))
    assert [line.split(" was ")[0] for line in differs] == ["scene_files.environments/mine.yaml"]
    # A credit copied from a place of the project is not that place's.
    text = user_place.read_text().replace("id: panorama-mine", "id: panorama-carport")
    user_place.write_text(text.replace("author: Greg Zaal", "author: Ann"))
    recipe.write_text(
        "name: r\ntitle: t\ndescription: d\nextends: paper\nvary: {environment: [mine, carport]}\n"
    )
    both = make_plan(load_recipe(str(recipe)), seed=1, count=9)
    with pytest.raises(InputError, match=r"'Courtyard' by Ann and .* are both 'panorama-carport'"):
        render(both, engine, tmp_path / "both")
    assert not (tmp_path / "both").exists()
    in_project = make_plan(load_recipe("paper"), seed=1, count=1)
    assert "surfaces/shingle/color.jpg" not in identity(in_project, engine)["scene_files"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name: mine", "name: yours"), "mine.yaml: name: 'yours' is not its file's, 'mine'"),
        (("surface: shingle", "surface: shingles"), "unknown ground 'shingles' (did you mean 'sh"),
        (("surface: shingle", "surface: brick"), "unknown ground 'brick'"),
        (("courtyard.exr", "../courtyard.exr"), "panorama: String should match pattern"),
        (("radius: [5, 9]", "radius: [9, 5]"), "the second radius has to be larger than the first"),
    ],
)
def test_a_users_place_that_cannot_be_is_refused_with_its_file(user_place, change, message):
    user_place.write_text(user_place.read_text().replace(*change))
    with pytest.raises(InputError) as refused:
        load_environment("mine")
    assert message in str(refused.value)
    assert str(user_place) in str(refused.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("length: 30", "lenght: 30"), "unknown field (did you mean 'length'?)"),
        (("kind: hedge", "kind: hedgehog"), "'hedge', 'bush', 'tree'"),
        (("car: suv", "car: trabant"), "unknown car 'trabant'"),
        (("paint: [0.6", "paint: [7.5"), "less than or equal to 1"),
        (("height: 1.3", "height: -1"), "greater than 0"),
        (("kind: site", "kind: indoors"), "floor: a place indoors has one"),
        (("kind: site", "kind: site\nfloor: concrete"), "floor: a place indoors has one"),
    ],
)
def test_a_malformed_place_is_refused(tmp_path, change, message):
    text = environment_file("car_park").read_text()
    assert change[0] in text
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(*change, 1))
    with pytest.raises(InputError) as caught:
        load_document(EnvironmentDocument, path)
    assert message in str(caught.value)
    assert str(caught.value).count("\n") == 0
