"""The study of renders, trained on photographs of cars as Cars196 distributes them."""

import yaml


def test_a_study_is_trained_on_cars196_in_place_of_its_renders(
    eight_of_cars196, make_recipe, dmlbench, tmp_path
):
    of_one = {"losses": ["contrastive"], "folds": [0], "saliency": None}
    training = yaml.safe_load(make_recipe(tmp_path).read_text())["training"]
    recipe = make_recipe(tmp_path, training={**training, "label": "car_model"}, **of_one)
    study = "study", recipe, "--training", eight_of_cars196, "--out", tmp_path / "study", "--json"
    answer = dmlbench(*study)
    assert answer.exit_code == 0, answer.err
    assert answer.json["recipe"]["training"]["data"] == str(eight_of_cars196)
    assert answer.json["datasets"]["classes"]["images"] == 16
    retrieved = answer.json["classes"]["class"]["contrastive"]["map_at_r"]["mean"]
    assert 0 < retrieved <= 1


def test_a_study_that_trains_nothing_has_no_images_to_replace(
    make_recipe, dmlbench, shapes, tmp_path
):
    recipe = make_recipe(tmp_path, training=None, model="{loss}{fold}.pt")
    answer = dmlbench("study", recipe, "--training", shapes, "--out", tmp_path / "study")
    assert answer.exit_code == 2
    assert "trains no models" in answer.err
    assert not (tmp_path / "study").exists()
