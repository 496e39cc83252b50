"""The plan: all randomness is spent here, and the same seed spends it alike."""

import itertools
import subprocess
import sys
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dmldata.common.errors import InputError
from dmlgen.catalog.cars import load_car
from dmlgen.catalog.labels import base_of
from dmlgen.factors.registry import DECLARATIONS
from dmlgen.planning import table
from dmlgen.planning.draw import MAX_DATASET_SEED, make_plan
from dmlgen.planning.images import values_of
from dmlgen.planning.recipe import load_recipe, resolve
from dmlgen.planning.recipe_file import Sweep
from dmlgen.planning.streams import MAX_SEED, noise_seeds
from dmlgen.planning.table import plan_rows, write_plan


@pytest.fixture(scope="module")
def paper():
    return load_recipe("paper")


def with_vary(recipe, vary):
    return resolve(recipe.document.model_copy(update={"vary": vary}))


def values(plan):
    return [image.values for image in plan.images]


def test_color_and_finish_have_a_value_only_where_the_paint_is_mixed_of_them(paper):
    vary = {**paper.document.vary, "paint": ("mixed", "white"), "paint_finish": "default"}
    rows = values(make_plan(with_vary(paper, vary), seed=0, count=40))
    assert {row["paint"] for row in rows} == {"mixed", "white"}
    for row in rows:
        for key in ("paint_hue", "paint_saturation", "paint_value", "paint_finish"):
            assert (row[key] is None) == (row["paint"] == "white")


def test_a_recipe_of_named_paints_has_no_hues_and_a_sweep_of_color_mixes_its_paint():
    photo = load_recipe("photo")
    (row,) = values(make_plan(photo, seed=0, count=1))
    assert "paint_hue" not in row
    assert row["paint"] != "mixed"
    rows = values(make_plan(photo, seed=0, sweep=Sweep("color", 3, 4)))
    assert {row["paint"] for row in rows} == {"mixed"}
    assert len({row["paint_hue"] for row in rows}) > 1


@given(seed=st.integers(0, 2**40), short=st.integers(1, 20), more=st.integers(0, 20))
def test_a_longer_plan_begins_with_the_shorter_one(seed, short, more):
    recipe = load_recipe("paper")
    shorter = make_plan(recipe, seed=seed, count=short)
    longer = make_plan(recipe, seed=seed, count=short + more)
    assert longer.images[:short] == shorter.images


def test_other_seeds_give_other_plans(paper):
    plans = [make_plan(paper, seed=seed, count=20) for seed in (0, 1, 2**33)]
    for one, other in itertools.combinations(plans, 2):
        assert values(one) != values(other)
        assert {i.seed for i in one.images}.isdisjoint(i.seed for i in other.images)


def test_a_factor_draws_the_same_values_whatever_else_varies(paper):
    fewer = with_vary(paper, {"paint_hue": "default"})
    hues = [v["paint_hue"] for v in values(make_plan(paper, seed=3, count=50))]
    assert [v["paint_hue"] for v in values(make_plan(fewer, seed=3, count=50))] == hues


def test_every_value_of_a_varied_factor_is_drawn_about_equally_often(paper):
    plan = make_plan(paper, seed=0, count=4000)
    for factor in plan.factors:
        counts = [sum(v[factor.key] == x for v in values(plan)) for x in factor.values]
        if factor.varies:
            assert stats.chisquare(counts).pvalue > 1e-4, factor.key


def test_held_factors_have_one_value(paper):
    plan = make_plan(paper, seed=0, count=50)
    for factor in plan.factors:
        if not factor.varies:
            assert {v[factor.key] for v in values(plan)} == set(factor.values)


@pytest.mark.parametrize(
    "group", ["color", "illumination", "pose", "background", "camera", "model", "shape"]
)
def test_a_sweep_changes_one_group_only(paper, group):
    variants = 2
    plan = make_plan(paper, seed=5, sweep=Sweep(group, scenes=4, variants=variants))
    swept = {factor.key for factor in plan.factors if factor.group == group}
    for scene in range(4):
        images = [image for image in plan.images if image.scene_id == scene]
        assert sorted(image.variant_id for image in images) == list(range(variants))
        assert len({image.seed for image in images}) == 1
        for one, other in itertools.combinations(images, 2):
            changed = {key for key in one.values if one.values[key] != other.values[key]}
            assert changed
            assert changed <= swept


def test_a_variant_means_the_same_setting_in_every_scene(paper):
    plan = make_plan(paper, seed=5, sweep=Sweep("color", scenes=3, variants=4))
    keys = ("paint_hue", "paint_saturation", "paint_value")
    for variant in range(4):
        settings = {
            tuple(image.values[key] for key in keys)
            for image in plan.images
            if image.variant_id == variant
        }
        assert len(settings) == 1


def test_variants_differ_in_every_scene_whatever_means_nothing_there(paper):
    vary = {**paper.document.vary, "environment": ("backdrop", "street")}
    plan = make_plan(with_vary(paper, vary), seed=0, sweep=Sweep("illumination", 6, 12))
    scenes = {}
    for image in plan.images:
        light = [image.values[key] for key in ("sun_elevation", "sun_rotation", "sky")]
        scenes.setdefault(image.scene_id, []).append(tuple(light))
    assert {light[2] for lights in scenes.values() for light in lights} > {None}
    assert all(len(set(lights)) == 12 for lights in scenes.values())


def test_a_swept_factor_stays_at_the_one_value_that_the_recipe_varies(paper):
    one_value = {**paper.document.vary, "paint_saturation": (0.7,), "paint_value": (0.5,)}
    plan = make_plan(with_vary(paper, one_value), seed=0, sweep=Sweep("color", 2, 10))
    rows = values(plan)
    assert {(row["paint_saturation"], row["paint_value"]) for row in rows} == {(0.7, 0.5)}
    assert len({row["paint_hue"] for row in rows}) == 10


def test_a_factor_that_means_nothing_in_any_image_is_named(paper, dmlgen, tmp_path):
    assert make_plan(paper, seed=0, count=2).meaningless == ()
    text = "name: a\ntitle: t\ndescription: d\nextends: paper\nhold: {paint: red}\n"
    (tmp_path / "a.yaml").write_text(text)
    code, out, _ = dmlgen("plan", tmp_path / "a.yaml", "--count", 2)
    assert code == 0
    assert (
        "left out, as they mean nothing in these images: paint_hue, paint_saturation, paint_value"
        in out
    )


def test_a_sweep_is_shuffled_and_keys_are_unique(paper):
    plan = make_plan(paper, seed=0, sweep=Sweep("color", scenes=5, variants=5))
    keys = [image.key for image in plan.images]
    assert sorted(set(keys)) == sorted(keys) != keys


def test_sweep_of_a_group_the_recipe_holds_uses_the_default_values(paper):
    plan = make_plan(paper, seed=0, sweep=Sweep("finish", scenes=2, variants=12))
    assert len({(v["paint_finish"], v["dirt"]) for v in values(plan)}) == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "^seed -1: has to be 0 to 9223372036854775807"),
        ({"seed": 10**30}, "^seed 1000.*: has to be 0 to 9223372036854775807"),
        ({"seed": 0, "count": 0}, "^count 0: has to be 1 to 1000000"),
        ({"seed": 0, "count": 10**12}, "^count 1000000000000: has to be 1 to 1000000"),
        ({"seed": 0, "sweep": Sweep("color", 0, 2)}, "^scenes 0: has to be 1 to 1000000"),
        ({"seed": 0, "sweep": Sweep("color", 2, 0)}, "^variants 0: has to be 1 to 1000000"),
        ({"seed": 0, "sweep": Sweep("color", 10**5, 10**5)}, "are 10000000000 images; valid: at "),
        ({"seed": 0, "sweep": Sweep("model", 2, 99)}, "group 'model' has 6 combinations"),
    ],
)
def test_impossible_plans_are_refused(paper, arguments, message):
    with pytest.raises(InputError, match=message):
        make_plan(paper, **arguments)


def test_a_group_of_endless_combinations_is_refused_before_one_is_drawn(paper):
    many = tuple(float(number) / 10**4 for number in range(1000))
    vary = paper.document.vary | dict.fromkeys(
        ("paint_saturation", "paint_value", "paint_hue"), many
    )
    with pytest.raises(
        InputError, match=r"'color' has 1000000000 combinations .* at most 10000000"
    ):
        make_plan(with_vary(paper, vary), seed=0, sweep=Sweep("color", 2, 3))


def test_a_sweep_of_body_types_shows_one_car_of_each_and_says_its_type():
    plan = make_plan(load_recipe("body_type"), seed=0)
    scene = [image.values for image in plan.images if image.scene_id == 0]
    assert len({v["body_type"] for v in scene}) == len(scene) == 7
    assert all(load_car(v["car_model"]).body_type == v["body_type"] for v in scene)


def test_more_body_types_than_the_cars_have_are_refused(paper):
    with pytest.raises(InputError, match=r"^variants 9: the cars of this recipe have 5 body types"):
        make_plan(paper, seed=0, sweep=Sweep("body_type", 2, 9))


COUNTED = """
import collections, pathlib
from dmlgen.factors import declaration
from dmlgen.factors.registry import DECLARATIONS
from dmlgen.planning.draw import make_plan
from dmlgen.planning.recipe import load_recipe

calls = collections.Counter()

def counted(owner, name):
    function = getattr(owner, name)
    def call(*args, **options):
        calls[name] += 1
        return function(*args, **options)
    setattr(owner, name, call)

counted(declaration.FactorDeclaration, "factor")
counted(pathlib.Path, "glob")
make_plan(load_recipe("train196"), seed=1, count=96)
print(calls["factor"], calls["glob"])
"""


def test_a_plan_builds_the_catalog_once_and_lists_each_folder_once():
    counts = subprocess.run(
        [sys.executable, "-c", COUNTED], check=True, capture_output=True, text=True
    ).stdout.split()
    # Folders: the project's cars, environments, surfaces and recipes.
    assert [int(count) for count in counts] == [len(DECLARATIONS), 4]


def test_a_sweep_of_cars_shows_no_car_that_belongs_to_no_split(paper):
    vary = {key: values for key, values in paper.document.vary.items() if key != "car_model"}
    changes = {"split": {"test": ("suv",)}, "vary": vary}
    recipe = resolve(paper.document.model_copy(update=changes))
    with pytest.raises(InputError, match=r"^variants 2: group 'model' has 1 combinations"):
        make_plan(recipe, seed=0, sweep=Sweep("model", 2, 2))


@pytest.fixture(scope="module")
def train196():
    return make_plan(load_recipe("train196"), seed=0, count=3 * 196)


def test_train196_has_98_classes_on_each_side_and_shows_each_as_often(train196):
    seen = Counter((image.split, image.values["car_model"]) for image in train196.images)
    assert Counter(split for split, _ in seen) == {"train": 98, "test": 98}
    assert len({car for _, car in seen}) == 196
    assert set(seen.values()) == {3}


def test_labels_say_which_test_classes_have_a_base_that_training_shows(train196):
    base = {"train": set(), "test": set()}
    for image in train196.images:
        base[image.split].add(image.values["car_base"])
    for image in train196.images:
        row = image.values
        assert row["car_base"] == base_of(row["car_model"])
        assert row["body_type"] == load_car(row["car_model"]).body_type
        seen = image.split == "test" and row["car_base"] in base["train"]
        unseen = image.split == "test" and not seen
        assert row["seen_base"] == (row["car_model"] if seen else None)
        assert row["unseen_base"] == (row["car_model"] if unseen else None)
    columns = {factor.key: factor for factor in train196.factors}
    assert len(columns["seen_base"].values) == 33
    assert len(columns["unseen_base"].values) == 65


def test_a_value_that_weighs_more_is_drawn_more_often(paper):
    weights = {"paint_hue": {0.1: 3.0, 0.5: 1.0}, "car_model": {"suv": 1, "van": 1}}
    recipe = with_vary(paper, {**paper.document.vary, **weights})
    drawn = [v["paint_hue"] for v in values(make_plan(recipe, seed=3, count=4000))]
    assert drawn.count(0.1) / len(drawn) == pytest.approx(0.75, abs=0.02)
    swept = make_plan(recipe, seed=3, sweep=Sweep("color", scenes=2, variants=50))
    assert {v["paint_hue"] for v in values(swept)} == {0.1, 0.5}


@given(st.integers(0, MAX_DATASET_SEED), st.integers(1, 50))
def test_noise_seeds_are_those_of_numpy_one_by_one(seed, scenes):
    sequences = [np.random.SeedSequence(seed, spawn_key=(scene,)) for scene in range(scenes)]
    expected = [int(sequence.generate_state(1)[0]) & MAX_SEED for sequence in sequences]
    assert noise_seeds(seed, scenes).tolist() == expected


def test_images_are_a_sequence_whatever_way_they_are_asked_for(paper):
    images = make_plan(paper, seed=3, count=40).images
    listed = list(images)
    assert [images[place] for place in range(-40, 40)] == listed * 2
    assert list(images[5:30:7]) == listed[5:30:7]
    assert images == tuple(listed)
    assert images != listed[1:]
    assert values_of(images, "car_model") == values_of(listed, "car_model")
    with pytest.raises(IndexError):
        images[40]


def test_the_plan_as_a_file_has_the_rows_in_parts(paper, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "ROW_GROUP", 7)
    plan = make_plan(paper, seed=3, count=20)
    write_plan(plan, tmp_path / "plan.parquet")
    assert pq.read_table(tmp_path / "plan.parquet").to_pylist() == plan_rows(plan.images)
