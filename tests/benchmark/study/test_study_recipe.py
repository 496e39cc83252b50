"""Study recipes: what they say is checked before anything is computed."""

import pytest
import yaml
from pydantic import Field

from dmlbench.losses import LOSSES
from dmlbench.study.recipe import load_study, recipe_names
from dmlbench.study.steps import Steps
from dmldata.common.errors import InputError, UnknownNameError
from dmldata.common.strict import StrictModel


@pytest.mark.parametrize("name", recipe_names())
def test_studies_of_the_project_are_valid(name):
    recipe = load_study(name)
    assert recipe.name == name
    assert set(recipe.compared) <= set(LOSSES)


@pytest.mark.parametrize(("losses", "count"), [("paper", 14), ("all", 24)])
def test_losses_by_a_word_are_ordered_group_by_group(losses, count, make_recipe, tmp_path):
    recipe = load_study(str(make_recipe(tmp_path, losses=losses)))
    groups = [LOSSES[loss].group for loss in recipe.trained]
    assert len(groups) == count
    assert groups == sorted(groups)
    assert recipe.compared == (*recipe.trained, "none")


def test_unknown_study_is_named_with_those_there_are():
    with pytest.raises(UnknownNameError, match=r"unknown study 'fulll'.*mini.*\.yaml"):
        load_study("fulll")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"losses": ["arcfacy"]}, "arcfacy"),
        ({"model": "models/{loss}.pt"}, "either training or model"),
        ({"training": None}, "either training or model"),
        ({"training": None, "model": "models/arcface.pt"}, "has to hold {loss}"),
        (
            {"training": None, "model": "models/{loss}.pt", "search": {"steps": 1}},
            "search: needs training",
        ),
        ({"training": {"data": "x", "fold": 1}}, "fold is given by the study itself"),
        ({"folds": [0]}, "fold 1 is not one of folds"),
        ({"folds": [0, 1, 0]}, "0 is there twice"),
        ({"losses": ["arcface", "arcface"]}, "arcface is there twice"),
        ({"losses": ["none"]}, "none is a control"),
        ({"controls": ["arcface"]}, "arcface is no control"),
        (
            {"conditions": {"x": {"losses": ["triplet"], "training": {"seed": 1}}}},
            "conditions.x.losses: triplet is not one of the losses of the study",
        ),
        (
            {"conditions": {"x": {"losses": ["arcface"], "folds": [2], "training": {"seed": 1}}}},
            "conditions.x.folds: 2 is not one of the folds of the study",
        ),
        (
            {"conditions": {"x": {"losses": ["arcface"], "training": {"fold": 1}}}},
            "conditions.x.training: fold is given by the study itself",
        ),
        ({"folds": []}, "folds"),
        ({"loses": ["arcface"]}, "loses"),
        ({"equal_map_at_r": True}, "needs training: {checkpoints: 10}"),
        ({"training_by_group": {"ranked": {"steps": 1}}}, "no group ranked; valid: classification"),
        ({"training_by_group": {"ranking": {"fold": 1}}}, "fold is given by the study itself"),
        ({"training_by_group": {"ranking": {"trunk": "x"}}}, "trunk is the same for all losses"),
        ({"training_by_group": {"ranking": {"data": "x"}}}, "data is the same for all losses"),
        ({"training": {"data": "x", "start_seed": 1}}, "start_seed is given by the study itself"),
        ({"training": {"data": "x", "hyperparameters": None}}, "hyperparameters: valid: names"),
        (
            {"conditions": {"x": {"losses": ["arcface"], "training": {"hyperparameters": [1]}}}},
            "conditions.x.training.hyperparameters: valid: names",
        ),
        ({"least_gain": 2.0}, "least_gain: needs equal_map_at_r"),
        ({"further_gains": [2.0]}, "further_gains: needs equal_map_at_r and trajectories"),
        (
            {
                "training": {"data": "x", "checkpoints": 2},
                "equal_map_at_r": True,
                "least_gain": 2.0,
                "groups": "groups.csv",
            },
            "least_gain: not with groups",
        ),
        (
            {"training": None, "model": "{loss}.pt", "training_by_group": {"ranking": {}}},
            "training_by_group: needs training",
        ),
    ],
)
def test_what_cannot_be_studied_is_one_line(changes, message, make_recipe, tmp_path, dmlbench):
    path = make_recipe(tmp_path, **changes)
    answer = dmlbench("study", path, "--out", tmp_path / "study")
    assert (answer.exit_code, answer.out) == (2, "")
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"data": "x", "epoch": 1}}, "training: "),
        ({"properties": {"data": "no/such/folder"}}, "no/such/folder"),
        (
            {
                "search": {"steps": 1},
                "conditions": {"x": {"losses": ["arcface"], "training": {"sede": 1}}},
            },
            "training: ",
        ),
        (
            {
                "search": {"steps": 1},
                "conditions": {
                    "x": {
                        "losses": ["arcface"],
                        "training": {"hyperparameters": {"loss.scael": 1}},
                    }
                },
            },
            "loss.scael",
        ),
        (
            {
                "search": {"steps": 1},
                "conditions": {
                    "x": {
                        "losses": ["arcface"],
                        "training": {"hyperparameters": {"frozen_stages": 99}},
                    }
                },
            },
            "frozen_stages 99: the trunk has 5",
        ),
        (
            {"losses": ["arcface", "python:no_such_module:loss"], "search": {"steps": 1}},
            "no_such_module",
        ),
        ({"groups": "groups.csv", "require_learning": True}, "not with groups"),
        ({"interventions": [{"data": "sample"}]}, "interventions: sample is no sweep"),
        ({"groups": "no-such.csv"}, "groups: no-such.csv: no such file"),
    ],
)
def test_what_is_not_there_is_found_before_anything_is_trained(
    changes, message, make_recipe, tmp_path, dmlbench
):
    answer = dmlbench("study", make_recipe(tmp_path, **changes), "--out", tmp_path / "study")
    assert (answer.exit_code, answer.out) == (2, "")
    assert message in answer.err
    assert not (tmp_path / "study").exists()


def test_two_sweeps_of_one_group_are_found_before_anything_is_trained(
    make_recipe, sweep, tmp_path, dmlbench
):
    path = make_recipe(tmp_path, interventions=[{"data": str(sweep)}] * 2)
    answer = dmlbench("study", path, "--out", tmp_path / "study")
    assert (answer.exit_code, answer.out) == (2, "")
    assert "interventions: several sweeps of color" in answer.err


class Number(StrictModel):
    """What the steps below give."""

    value: int = Field(ge=0)


def test_a_step_is_taken_once_and_again_where_what_decides_it_changed(tmp_path):
    steps, taken = Steps(tmp_path), []

    def make():
        taken.append(1)
        return Number(value=len(taken))

    found = [steps.take("step", {"seed": seed}, Number, make).value for seed in (1, 1, 2, 2)]
    assert found == [1, 1, 2, 2]
    assert steps.read("step", {"seed": 1}, Number) is None


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_damaged_step_is_named(text, tmp_path):
    Steps(tmp_path).take("step", 1, Number, lambda: Number(value=1))
    (tmp_path / "step.json").write_text(text)
    with pytest.raises(InputError, match=r"step\.json: damaged; remove it to run the step again"):
        Steps(tmp_path).read("step", 1, Number)


def test_a_method_of_maps_that_does_not_exist_is_found_before_anything_is_trained(
    make_recipe, dmlbench, tmp_path
):
    recipe = yaml.safe_load(make_recipe(tmp_path).read_text())
    for changes in ({"method": "gradcam"}, {"other_methods": ["gradcam"]}):
        path = make_recipe(tmp_path, saliency=recipe["saliency"] | changes)
        answer = dmlbench("study", path, "--out", tmp_path / "study")
        assert (answer.exit_code, answer.out) == (2, "")
        assert "gradcam" in answer.err
        assert not (tmp_path / "study").exists()


def test_a_label_that_does_not_exist_is_found_before_anything_is_trained(
    make_recipe, dmlbench, shapes, tmp_path
):
    classes = {"data": str(shapes), "split": "test", "label": ["car_modell"]}
    path = make_recipe(tmp_path, classes=classes, search={"steps": 1})
    answer = dmlbench("study", path, "--out", tmp_path / "study")
    assert (answer.exit_code, answer.out) == (2, "")
    assert "label 'car_modell' is not there" in answer.err
    assert not (tmp_path / "study").exists()
