"""The study of renders, trained on photographs of cars as Cars196 distributes them."""

import yaml

RECIPE = {
    "name": "photographs",
    "title": "Photographs",
    "description": "Of seconds.",
    "losses": ["contrastive"],
    "controls": ["none"],
    "folds": [0],
    "training": {
        "data": "train196",
        "label": "car_model",
        "trunk": "timm:test_resnet?pretrained=false",
        "folds": 2,
        "size": 32,
        "batch": 4,
        "images_per_class": 2,
        "epochs": 1,
        "steps": 2,
        "devices": "cpu",
        "workers": 0,
    },
}


def test_a_study_is_trained_on_cars196_in_place_of_its_renders(
    eight_of_cars196, shapes, dmlbench, tmp_path
):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE | {"properties": {"data": str(shapes)}}))
    study = "study", recipe, "--training", eight_of_cars196, "--out", tmp_path / "study", "--json"
    answer = dmlbench(*study)
    assert answer.exit_code == 0, answer.err
    assert answer.json["recipe"]["training"]["data"] == str(eight_of_cars196)
    assert answer.json["datasets"]["classes"]["images"] == 16
    retrieved = answer.json["classes"]["class"]["contrastive"]["map_at_r"]["mean"]
    assert 0 < retrieved <= 1


def test_a_study_that_trains_nothing_has_no_images_to_replace(dmlbench, shapes, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    without = {key: value for key, value in RECIPE.items() if key != "training"}
    recipe.write_text(
        yaml.safe_dump(without | {"model": "{loss}.pt", "properties": {"data": str(shapes)}})
    )
    answer = dmlbench("study", recipe, "--training", shapes, "--out", tmp_path / "study")
    assert answer.exit_code == 2
    assert "trains no models" in answer.err
    assert not (tmp_path / "study").exists()
