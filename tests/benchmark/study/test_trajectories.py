"""Losses at equal MAP@R: which checkpoints are compared, and what the study writes of them."""

import json
import shutil

import numpy as np
import pytest
import yaml

from dmlbench.losses import loss_named
from dmlbench.study.trajectories import (
    Point,
    ScoredPoint,
    choose_at_gain,
    choose_points,
    scores_at,
)

EQUAL = ("equal_checkpoints", "equal_nr_precision", "equal_group_tests")


def points(*levels):
    return [Point(epoch=epoch, map_at_r=level, best=False) for epoch, level in enumerate(levels, 1)]


def test_level_is_the_highest_that_all_reached_and_the_nearest_model_is_chosen_per_fold():
    trajectories = {
        ("a", 0): points(0.1, 0.3, 0.6, 0.9),
        ("b", 0): points(0.2, 0.5, 0.4),
        ("a", 1): points(0.1, 0.2),
        ("b", 1): points(0.3, 0.26),
        ("none", 0): [],
    }
    chosen = choose_points(trajectories)
    assert chosen.levels == {0: 0.5, 1: 0.2}
    assert chosen.set_by == {0: "b", 1: "a"}
    assert {loss: [at.epoch for at in of.values()] for loss, of in chosen.points.items()} == {
        "a": [3, 2],
        "b": [2, 2],
    }
    assert chosen.gap("a") == pytest.approx(0.1)
    assert chosen.gap("b") == pytest.approx(0.06)


def test_losses_that_reach_too_little_in_some_fold_do_not_set_the_level():
    trajectories = {
        ("a", 0): points(0.3, 0.9),
        ("b", 0): points(0.2, 0.5),
        ("c", 0): points(0.1, 0.3),
        ("a", 1): points(0.9),
        ("b", 1): points(0.6),
        ("c", 1): points(0.8),
    }
    chosen = choose_points(trajectories, {0: 0.2, 1: 0.3}, least_gain=2)
    assert chosen.left_out == {"c": pytest.approx(1.5)}
    assert set(chosen.points) == {"a", "b"}
    assert chosen.levels == {0: 0.5, 1: 0.6}


def test_scores_are_interpolated_where_the_level_is_first_reached():
    levels, hues = (0.1, 0.3, 0.2, 0.5), (4.0, 2.0, 9.0, None)
    along = [
        ScoredPoint(**vars(point), scores={"hue": hue})
        for point, hue in zip(points(*levels), hues, strict=True)
    ]
    assert scores_at(along, 0.25) == {"hue": pytest.approx(2.5)}
    assert scores_at(along, 0.1) == {"hue": 4.0}
    assert scores_at(along, 0.4) == {"hue": None}
    assert scores_at(along, 0.05) is None
    assert scores_at(along, 0.6) is None


def test_at_a_gain_the_losses_that_reach_it_in_every_fold_are_compared():
    trajectories = {
        ("a", 0): points(0.3, 0.9),
        ("b", 0): points(0.2, 0.5),
        ("a", 1): points(0.3, 0.7),
        ("b", 1): points(0.4),
        ("none", 0): [],
    }
    chosen = choose_at_gain(trajectories, {0: 0.2, 1: 0.3}, 2, {0: 0.2, 1: 0.2})
    assert chosen.levels == {0: 0.4, 1: 0.6}
    assert chosen.left_out == {"b": pytest.approx(0.4 / 0.3)}
    assert {fold: point.epoch for fold, point in chosen.points["a"].items()} == {0: 1, 1: 2}
    assert set(chosen.points) == {"a"}


def test_at_a_gain_losses_without_a_model_near_it_are_left_out():
    """Both reach 0.4, one of them in a jump from 0.1 to 0.9."""
    trajectories = {("a", 0): points(0.3, 0.41), ("b", 0): points(0.1, 0.9)}
    chosen = choose_at_gain(trajectories, {0: 0.2}, 2, {0: 0.05})
    assert set(chosen.points) == {"a"}
    assert chosen.left_out == {"b": pytest.approx(0.1 / 0.2)}


@pytest.fixture(scope="module")
def study(make_recipe, dmlbench, tmp_path_factory):
    """A finished study with checkpoints; tests only read it."""
    folder = tmp_path_factory.mktemp("study")
    answer = dmlbench("study", recipe(make_recipe, folder), "--out", folder / "study")
    assert answer.exit_code == 0, answer.err
    return folder / "study"


def recipe(make_recipe, folder, **changes):
    """Write the recipe of a study of one fold with checkpoints and return its path."""
    seconds = {"folds": [0], "controls": [], "classes": None, "saliency": None}
    compared = {"equal_map_at_r": True, "trajectories": True}
    path = make_recipe(folder, **{**seconds, **compared, **changes})
    content = yaml.safe_load(path.read_text())
    content["training"] |= {"epochs": 3, "checkpoints": 3}
    path.write_text(yaml.safe_dump(content))
    return path


def test_study_compares_losses_at_equal_map_at_r(study):
    numbers = json.loads((study / "study.json").read_text())
    equal = numbers["equal_map_at_r"]
    assert set(equal["points"]) == {"arcface", "contrastive"}
    for fold, level in equal["levels"].items():
        bests = []
        for loss in equal["points"]:
            step = json.loads((study / "steps" / f"{loss}-fold{fold}.training.json").read_text())
            levels = {row["epoch"]: row["map_at_r"] for row in step["gave"]["checkpoints"]}
            assert len(levels) == 3
            point = equal["points"][loss][fold]
            assert levels[point["epoch"]] == point["map_at_r"]
            assert abs(point["map_at_r"] - level) == min(abs(at - level) for at in levels.values())
            bests.append(max(levels.values()))
        assert level == min(bests)
    for name in EQUAL:
        assert (study / "tables" / f"{name}.csv").is_file()
    page = (study / "study.html").read_text()
    assert "At the highest validation MAP@R that all 2 compared losses reached" in page
    assert "Models at equal validation MAP@R" in page


def test_scores_at_equal_map_at_r_are_those_of_the_checkpoints(study):
    numbers = json.loads((study / "study.json").read_text())
    equal = numbers["equal_map_at_r"]
    for loss, by_fold in equal["points"].items():
        values = []
        for fold, point in by_fold.items():
            step = "properties" if point["best"] else f"epoch{point['epoch']:04d}"
            path = study / "steps" / f"{loss}-fold{fold}.{step}.json"
            scores = json.loads(path.read_text())["gave"]["properties"]
            scores = scores["properties"] if point["best"] else scores
            values.append(scores["paint_hue"]["nr_precision"]["value"])
        mean = equal["properties"]["nr_precision"]["paint_hue"][loss]["mean"]
        assert mean == pytest.approx(sum(values) / len(values))
    assert any(not at["best"] for of in equal["points"].values() for at in of.values())


def test_properties_along_training_are_those_of_each_checkpoint(study):
    numbers = json.loads((study / "study.json").read_text())
    for loss, by_fold in numbers["trajectories"].items():
        (points,) = by_fold.values()
        assert [point["epoch"] for point in points] == [1, 2, 3]
        assert len({str(point["scores"]) for point in points}) > 1
        chosen = numbers["equal_map_at_r"]["points"][loss]["0"]
        (score,) = [
            point["scores"]["paint_hue"] for point in points if point["epoch"] == chosen["epoch"]
        ]
        equal = numbers["equal_map_at_r"]["properties"]["nr_precision"]["paint_hue"][loss]["mean"]
        assert score == pytest.approx(equal)
    page = (study / "study.html").read_text()
    for name, title in (
        ("trajectories", "Properties along training"),
        ("equal_map_at_r", "Properties at equal MAP@R"),
    ):
        drawn = (study / "figures" / f"{name}.svg").read_text()
        assert "paint_hue" in drawn
        assert title in page


def test_losses_are_compared_after_as_many_steps_of_each(study):
    """Both take three steps an epoch, so at each of their three checkpoints."""
    numbers = json.loads((study / "study.json").read_text())
    assert [at["steps"] for at in numbers["equal_steps"]] == [3, 6, 9]
    for place, at in enumerate(numbers["equal_steps"]):
        points = {loss: by["0"][place] for loss, by in numbers["trajectories"].items()}
        tested = at["tests"]["paint_hue"]["corrected"]["values"]
        assert tested == {loss: point["scores"]["paint_hue"] for loss, point in points.items()}
        assert at["levels"] == {
            "classification": points["arcface"]["map_at_r"],
            "ranking": points["contrastive"]["map_at_r"],
        }
        assert (study / "tables" / f"equal_steps_{at['steps']}.csv").is_file()
    summary = (study / "summary.md").read_text()
    assert "Properties that differ after as many steps of every loss: 3 (validation" in summary


def test_what_changes_between_the_level_and_the_best_epochs_is_tested(study):
    numbers = json.loads((study / "study.json").read_text())
    for loss, by_fold in numbers["trajectories"].items():
        chosen = numbers["equal_map_at_r"]["points"][loss]["0"]["epoch"]
        (best,) = [point["scores"]["paint_hue"] for point in by_fold["0"] if point["best"]]
        (level,) = [at["scores"]["paint_hue"] for at in by_fold["0"] if at["epoch"] == chosen]
        tested = numbers["after_level"]["paint_hue"]["corrected"]["values"][loss]
        assert tested == pytest.approx(best - level)
    said = "Change of properties from the models at that level to those of the best epochs"
    assert said in (study / "summary.md").read_text()


def test_conditions_other_levels_and_retrieval_are_known_at_equal_map_at_r(
    study, make_recipe, dmlbench, tmp_path
):
    copy = shutil.copytree(study, tmp_path / "study")
    data = yaml.safe_load(make_recipe(tmp_path).read_text())["classes"]
    conditions = {"another_seed": {"losses": ["arcface"], "training": {"seed": 1}}}
    changes = {"classes": data, "conditions": conditions, "further_gains": [1.001, 1000]}
    path = recipe(make_recipe, tmp_path, **changes)
    answer = dmlbench("study", path, "--out", copy, "--json")
    assert answer.exit_code == 0, answer.err
    steps = {path.stem: json.loads(path.read_text())["gave"] for path in (copy / "steps").iterdir()}

    def score(model, point):
        if point["best"]:
            scored = steps[f"{model}.properties"]["properties"]["properties"]
        else:
            scored = steps[f"{model}.epoch{point['epoch']:04d}"]["properties"]
        return scored["paint_hue"]["nr_precision"]["value"]

    equal = answer.json["equal_map_at_r"]
    at = answer.json["conditions"]["another_seed"]["at_level"]
    trained = steps["arcface-fold0-another_seed.training"]["checkpoints"]
    level = equal["levels"]["0"]
    gap = min(abs(row["map_at_r"] - level) for row in trained)
    gaps = [abs(by_fold["0"]["map_at_r"] - level) for by_fold in equal["points"].values()]
    if gap > max(gaps):
        assert set(at["left_out"]) == {"arcface"}
    else:
        usual, changed = at["scores"]["paint_hue"]["arcface"]
        assert usual == score("arcface-fold0", equal["points"]["arcface"]["0"])
        point = at["points"]["arcface"]["0"]
        assert changed == score("arcface-fold0-another_seed", point)
        assert abs(point["map_at_r"] - level) == gap
    for loss, by_fold in equal["points"].items():
        (point,) = by_fold.values()
        step = "classes" if point["best"] else f"classes.epoch{point['epoch']:04d}"
        of_step = steps[f"{loss}-fold0.{step}"]
        if point["best"]:
            of_step = of_step["properties"]["properties"]["car_model"]["map_at_r"]
        value = of_step["value" if point["best"] else "map_at_r"]
        assert equal["retrieval"][loss] == pytest.approx(value)
    assert set(equal["given_retrieval"]) <= set(equal["groups"]["properties"])
    by_unit = equal["retrieval_test"]["corrected"]["values"]
    assert by_unit == pytest.approx(equal["retrieval"])
    by_hand = {}
    for loss in equal["points"]:
        along = answer.json["trajectories"][loss]["0"]
        after = next(place for place, at in enumerate(along) if at["map_at_r"] >= level)
        if after or along[0]["map_at_r"] == level:
            around = along[max(after - 1, 0) : after + 1]
            levels = [at["map_at_r"] for at in around]
            scores = [at["scores"]["paint_hue"] for at in around]
            by_hand[loss] = np.interp(level, levels, scores)
    if len(by_hand) == 2:
        interpolated = equal["interpolated"]["paint_hue"]["corrected"]["values"]
        assert interpolated == pytest.approx(by_hand)
    else:
        assert "paint_hue" not in equal["interpolated"]
    gains = answer.json["further_gains"]
    further = 1.001 * equal["untrained"]["0"]
    near = [
        min(abs(at["map_at_r"] - further) for at in by_fold["0"]) <= max(gaps)
        for loss, by_fold in answer.json["trajectories"].items()
        if loss in equal["points"]
    ]
    assert [each["gain"] for each in gains] == ([1.001] if sum(near) > 1 else [])
    assert all(each["levels"]["0"] == pytest.approx(further) for each in gains)
    tables = {path.name for path in (copy / "tables").iterdir()}
    assert "equal_conditions.csv" in tables
    assert ("equal_further_gains.csv" in tables) == bool(gains)
    summary = (copy / "summary.md").read_text()
    said = "MAP@R of these models on classes that are neither trained nor validated on"
    assert f"{said}: classification" in summary
    assert ("Properties that differ at other levels of validation MAP@R" in summary) == bool(gains)
    # Checkpoints that were not scored are not trained again for it.
    for path in (copy / "steps").glob("*.classes.epoch*.json"):
        path.unlink()
    shutil.rmtree(copy / "models")
    again = dmlbench("study", recipe(make_recipe, tmp_path, **changes), "--out", copy, "--json")
    assert again.exit_code == 0, again.err
    known = {loss: by["0"]["best"] for loss, by in equal["points"].items()}
    retrieved = again.json["equal_map_at_r"]["retrieval"]
    assert {loss: value is not None for loss, value in retrieved.items()} == known


def test_a_loss_is_added_without_the_models_of_the_others(study, make_recipe, dmlbench, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    shutil.rmtree(copy / "models")
    path = recipe(make_recipe, tmp_path, losses=["arcface", "contrastive", "triplet"])
    answer = dmlbench("study", path, "--out", copy, "--json")
    assert answer.exit_code == 0, answer.err
    equal, others = answer.json["equal_map_at_r"], answer.json["without_weakest"]
    assert set(equal["points"]) == {"arcface", "contrastive", "triplet"}
    (weakest,) = equal["set_by"].values()
    assert set(others["points"]) == set(equal["points"]) - {weakest}
    assert others["levels"]["0"] >= equal["levels"]["0"]
    said = f"Without {loss_named(weakest).title} the others" in (copy / "summary.md").read_text()
    assert said == (others["groups"] is not None)
    assert all(path.name.startswith("triplet") for path in (copy / "models").iterdir())


def test_without_trajectories_the_checkpoints_at_equal_map_at_r_alone_are_scored(
    study, make_recipe, dmlbench, tmp_path
):
    path = recipe(make_recipe, tmp_path, trajectories=False)
    copy = tmp_path / "study"
    shutil.copytree(study / "models", copy / "models")
    answer = dmlbench("study", path, "--out", copy, "--json")
    assert answer.exit_code == 0, answer.err
    numbers = json.loads((study / "study.json").read_text())
    assert not answer.json["equal_map_at_r"]["interpolated"]
    without = {"interpolated": {}, "interpolated_known": 0}
    assert answer.json["equal_map_at_r"] == numbers["equal_map_at_r"] | without
    assert {path.name for path in (copy / "steps").glob("*.epoch*.json")} == {
        f"{loss}-fold{fold}.epoch{point['epoch']:04d}.json"
        for loss, by_fold in numbers["equal_map_at_r"]["points"].items()
        for fold, point in by_fold.items()
        if not point["best"]
    }


def test_the_level_is_compared_with_the_network_that_training_began_with(
    study, make_recipe, dmlbench, tmp_path
):
    copy = shutil.copytree(study, tmp_path / "study")
    path = recipe(make_recipe, tmp_path, controls=["none", "random"])
    answer = dmlbench("study", path, "--out", copy, "--json")
    assert answer.exit_code == 0, answer.err
    before = {
        loss: each["untrained"]["map_at_r"] for loss, each in answer.json["trainings"].items()
    }
    assert before["arcface"] == before["none"]
    assert answer.json["equal_map_at_r"]["untrained"] == {"0": before["none"]}


def test_a_study_in_which_no_loss_gets_far_enough_says_so(study, make_recipe, dmlbench, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    answer = dmlbench(
        "study", recipe(make_recipe, tmp_path, least_gain=1000), "--out", copy, "--json"
    )
    assert answer.exit_code == 0, answer.err
    assert answer.json["equal_map_at_r"] is None
    assert "Nothing is compared at equal MAP@R" in (copy / "summary.md").read_text()


def test_no_step_at_equal_map_at_r_is_taken_twice(study, make_recipe, dmlbench, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    for name in ("models", "results"):
        shutil.rmtree(copy / name)
    before = {path: path.stat().st_mtime_ns for path in (copy / "steps").iterdir()}
    answer = dmlbench("study", recipe(make_recipe, tmp_path), "--out", copy, "--json")
    assert answer.exit_code == 0, answer.err
    assert answer.json == json.loads((study / "study.json").read_text())
    assert {path: path.stat().st_mtime_ns for path in (copy / "steps").iterdir()} == before
