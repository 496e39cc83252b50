"""`dmlbench evaluate`: both steps, into a folder that holds them whole or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from dmlbench.results import load_result

NAN_MODEL = """
import torch

class Roots(torch.nn.Module):
    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def forward(self, images):
        mean = images.mean((1, 2, 3))
        if self.rows == "nan":
            return torch.stack([mean, torch.sqrt(-mean.clamp(min=-1.9))], 1)
        if self.rows == "flat":
            return mean
        if self.rows == "zero":
            return torch.zeros(len(images), 2) if images.any() else torch.ones(len(images), 2)
        return torch.stack([mean.detach(), mean.detach() ** 2], 1)

def nan(): return Roots("nan")
def flat(): return Roots("flat")
def zero(): return Roots("zero")
def detached(): return Roots("detached")
"""


@pytest.fixture
def evaluate(dmlbench, shapes, models, tmp_path):
    """Evaluate the small model into tmp_path / "out", quickly unless told otherwise."""

    def call(*options, model="small", data=shapes):
        quick = ["--maps", 3, "--samples", 2, "--no-chance"]
        reference = models.get(model, model)
        return dmlbench(
            "evaluate", reference, "--data", data, "--out", tmp_path / "out", *quick, *options
        )

    return call


@pytest.fixture
def odd_models(tmp_path, monkeypatch):
    """Models that break the contract, as `python:odd_models:...`."""
    (tmp_path / "odd_models.py").write_text(NAN_MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "odd_models", raising=False)


def folder_of(out):
    (found,) = out.glob("*/*")
    return found


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_refused(answer, *words, out):
    assert answer.exit_code == 2
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    told = ("dataset: ", "note: ", "preprocessing: ")
    assert all(line.startswith(told) for line in answer.out.splitlines())
    for word in words:
        assert str(word) in answer.err
    assert not list(out.rglob("*.*"))


def test_results_hold_every_file_and_say_how_they_were_made(results, shapes, models):
    from dmldata import open_dataset

    dataset = open_dataset(shapes)
    for name, file in models.items():
        (folder,) = results.glob(f"{name}-*/{dataset.fingerprint}")
        assert sorted(contents(folder)) == [
            "embeddings.npy",
            "maps.npz",
            "pairs.json",
            "pairs.npz",
            "properties.json",
            "run.json",
            "saliency.json",
        ]
        result = load_result(folder)
        assert result.run.name == name
        assert result.run.model.reference == str(file)
        assert result.run.dataset.url == str(shapes)
        assert set(result.run.files) == set(contents(folder)) - {"run.json"}
        assert all(step is not None for step in result.run.steps.values())
        assert result.folder.read_embeddings().shape == (24, 6)
        maps = result.maps()
        side = 24 if name == "cropped" else 32
        assert maps.maps.shape == (6, side, side)
        assert maps.half_correlation.shape == (6,)
        assert (np.abs(maps.half_correlation) < 1).all()
        crop = [[96, 96], [32, 32], [(32 - side) // 2] * 2, [side, side]]
        assert maps.geometry.tolist() == 6 * [crop]
        assert np.nanmean(maps.attention_on_car) == pytest.approx(
            result.saliency.attention_on_car.value
        )


def test_all_models_get_maps_of_the_same_images(results):
    chosen = {load_result(folder).saliency.keys for folder in results.glob("*/*")}
    assert len(chosen) == 1


def test_properties_are_the_factors_that_vary_and_null_labels_are_left_out(results):
    properties = load_result(next(results.glob("*/*"))).properties.properties
    assert list(properties) == ["car_model", "paint_hue", "background_value"]
    assert properties["background_value"].left_out["no_label"] == 4
    assert properties["background_value"].n == 20
    assert "distance_spearman" in properties["paint_hue"].scores
    assert "distance_spearman" not in properties["car_model"].scores


def test_property_whose_images_all_have_one_label_is_explained(evaluate, write, rows, tmp_path):
    single = [row | {"background_value": 0.5} for row in rows()]
    answer = evaluate("--json", "--maps", 0, data=write(tmp_path / "single", single))
    found = answer.json["results"][0]["properties"]["properties"]["background_value"]
    assert found["nr_precision"]["value"] is None
    assert "single label" in found["reason"]


def test_sweep_keeps_scenes_whole(evaluate, write, rows, tmp_path):
    sweep = write(
        tmp_path / "sweep", rows(scene_of=lambda n: n // 3), design="sweep", sweep_group="color"
    )
    answer = evaluate("--json", "--maps", 5, data=sweep)
    assert answer.json["results"][0]["properties"]["settings"]["jackknife_unit"] == "scene"
    saliency = answer.json["results"][0]["saliency"]
    assert saliency["scenes"] == [int(key[3:]) // 3 for key in saliency["keys"]]


def test_sweep_says_what_the_swept_group_alone_does(evaluate, dmlbench, sweep, tmp_path):
    for model in ("small", "wide"):
        answer = evaluate("--json", "--maps", 0, model=model, data=sweep)
        found = answer.json["results"][0]["properties"]["interventions"]
        assert (found["group"], found["scenes"], found["variants"]) == ("color", 20, 3)
        assert found["reason"] is None
        low, high = found["sensitivity"]["ci95"]
        assert 0 < low < found["sensitivity"]["value"] < high
        # On the circle the hues are a quarter apart twice, and a half once.
        (curve,) = found["response"]
        points = [(point["size"], point["pairs"]) for point in curve["points"]]
        assert (curve["factor"], points) == ("paint_hue", [(0.25, 40), (0.5, 20)])
    said = evaluate("--maps", 0, data=sweep).out
    assert "changing color alone moves an embedding" in said
    assert "Response to changing color, by size" in said
    compared = dmlbench("compare", tmp_path / "out", "--out", tmp_path / "table.csv")
    assert "same car first" in compared.out
    numbers = (tmp_path / "table.csv").read_text()
    assert "color," in numbers
    assert numbers.count("paint_hue by 0.25,") == 2 * 2
    assert dmlbench("report", tmp_path / "out", "--out", tmp_path / "page.html").exit_code == 0
    page = (tmp_path / "page.html").read_text()
    assert page.count('class="curve" src="data:image/svg+xml') == 1
    assert 'download="response_to_paint_hue.pdf"' in page
    page = (tmp_path / "page.html").read_text()
    assert "Changing color alone moves an embedding this many times as far as another car" in page
    assert "Embeddings cluster most strongly" not in page


def test_table_names_properties_and_attention(evaluate):
    answer = evaluate()
    assert answer.exit_code == 0
    assert answer.err == ""
    for word in ("car_model", "paint_hue", "NR-Precision", "ARP", "attention on car", "results:"):
        assert word in answer.out


def test_json_is_one_object_and_all_of_stdout(evaluate, tmp_path):
    answer = evaluate("--json")
    assert set(answer.json["results"][0]) == {"folder", "run", "properties", "saliency", "pairs"}
    assert answer.json["results"][0]["run"] == json.loads(
        (folder_of(tmp_path / "out") / "run.json").read_text()
    )
    again = evaluate("--json")
    assert again.json | {"log": answer.json["log"]} == answer.json
    assert [line.partition(": ")[0] for line in again.json["log"][:2]] == [
        "dataset",
        "preprocessing",
    ]
    assert again.json["log"][2:] == [
        "properties: reused",
        "maps: reused (3 images)",
        "faithfulness of maps: reused (images: 3)",
        "pairs: reused (4 wrong nearest neighbors)",
    ]
    assert again.err == ""


def test_same_settings_are_reused_and_nothing_is_written(evaluate, tmp_path):
    evaluate()
    folder = folder_of(tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    answer = evaluate("--batch-size", 5)
    assert "properties: reused" in answer.out
    assert "maps: reused" in answer.out
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_other_property_settings_score_again_and_keep_the_maps(evaluate, tmp_path):
    evaluate()
    before = contents(folder_of(tmp_path / "out"))
    answer = evaluate("--no-intervals")
    after = contents(folder_of(tmp_path / "out"))
    assert "properties: made again (intervals: False, was True)" in answer.out
    assert "maps: reused" in answer.out
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"properties.json", "run.json"}
    assert load_result(folder_of(tmp_path / "out")).run.settings.intervals is False


def test_other_map_settings_make_maps_again(evaluate, tmp_path):
    evaluate()
    answer = evaluate("--samples", 3)
    assert "properties: reused" in answer.out
    assert "maps: made again (samples: 3, was 2)" in answer.out
    evaluate("--loss", "arcface", "--samples", 3)
    found = load_result(folder_of(tmp_path / "out")).saliency.request
    assert (found.samples, found.distance) == (3, "cosine_similarity")


def test_more_maps_are_added_to_those_that_are_there(evaluate, tmp_path):
    evaluate("--maps", 4)
    fresh = contents(folder_of(tmp_path / "out"))
    shutil.rmtree(tmp_path / "out")
    evaluate("--maps", 2)
    answer = evaluate("--maps", 4)
    assert "maps: 2 images reused, 2 to make" in answer.out
    grown = contents(folder_of(tmp_path / "out"))
    assert grown["maps.npz"] == fresh["maps.npz"]
    assert grown["saliency.json"] == fresh["saliency.json"]


def test_fewer_maps_or_none_throw_none_away(evaluate, tmp_path):
    evaluate()
    before = contents(folder_of(tmp_path / "out"))
    assert "maps: reused (3 images)" in evaluate("--maps", 1).out
    assert "the 3 existing ones are kept" in evaluate("--maps", 0).out
    assert contents(folder_of(tmp_path / "out")) == before


def test_no_maps_are_made_where_none_are_wanted(evaluate, tmp_path):
    answer = evaluate("--maps", 0, "--json")
    assert answer.json["results"][0]["saliency"] is None
    assert not (folder_of(tmp_path / "out") / "maps.npz").exists()
    assert load_result(folder_of(tmp_path / "out")).saliency is None


def test_more_maps_than_images_are_maps_of_all(evaluate, write, rows, tmp_path):
    small = write(tmp_path / "small", rows(5))
    answer = evaluate("--maps", 9, data=small)
    assert "the dataset has 5 images; computing maps of all of them" in answer.out
    assert load_result(folder_of(tmp_path / "out")).saliency.images == 5


def test_interrupted_evaluation_is_finished_from_what_it_left(evaluate, tmp_path):
    evaluate()
    folder = folder_of(tmp_path / "out")
    before = contents(folder)
    for name in ("run.json", "saliency.json", "maps.npz"):
        (folder / name).unlink()
    answer = evaluate()
    assert "properties: reused" in answer.out
    after = contents(folder)
    assert {name for name in after if after[name] != before[name]} == {"run.json"}
    assert load_result(folder).run.steps["embeddings"] is None


@pytest.mark.parametrize("name", ["embeddings.npy", "properties.json", "maps.npz", "saliency.json"])
def test_damaged_part_is_made_again(evaluate, tmp_path, name):
    evaluate()
    file = folder_of(tmp_path / "out") / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    answer = evaluate()
    assert f"not reused: {file}" in answer.out
    assert file.read_bytes() == whole


def test_other_name_is_written_without_measuring_again(evaluate, tmp_path):
    evaluate()
    answer = evaluate("--name", "mine")
    assert "made again" not in answer.out
    assert load_result(folder_of(tmp_path / "out")).run.name == "mine"


def test_timm_model_with_random_weights(evaluate, tmp_path):
    answer = evaluate("--input-size", "64x48", model="timm:test_resnet?pretrained=false&seed=3")
    assert answer.exit_code == 0, answer.err
    result = load_result(folder_of(tmp_path / "out"))
    assert result.run.model.preprocessing["input_size"] == [64, 48]
    assert result.maps().maps.shape == (3, 64, 48)


def test_folder_without_dataset_is_refused(evaluate, tmp_path):
    (tmp_path / "empty").mkdir()
    answer = evaluate(data=tmp_path / "empty")
    assert_refused(answer, "no dataset.json", tmp_path / "empty", out=tmp_path / "out")


def test_damaged_shard_is_refused_by_name(evaluate, write, tmp_path):
    data = write(tmp_path / "data")
    shard = data / "train-000000.tar"
    shard.write_bytes(shard.read_bytes()[:-1000])
    assert_refused(evaluate(data=data), "train-000000.tar", "truncated", out=tmp_path / "out")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nothing.pt", ["nothing.pt", "no such file"]),
        ("timm:resnet9000", ["unknown timm model"]),
        ("weights.bin", ["weights.bin", "valid:"]),
        ("python:odd_models:flat", ["[B, D]"]),
        ("python:odd_models:nan", ["python:odd_models:nan: ", "not finite"]),
        ("python:odd_models:zero", ["python:odd_models:zero", "image 'img0000'", "is zero"]),
    ],
)
def test_model_that_breaks_the_contract_is_refused(evaluate, odd_models, tmp_path, model, words):
    assert_refused(evaluate("--input-size", 8, model=model), *words, out=tmp_path / "out")


def test_model_without_gradients_is_named_and_its_properties_stay(evaluate, odd_models, tmp_path):
    answer = evaluate("--input-size", 8, model="python:odd_models:detached")
    assert answer.exit_code == 2
    assert "python:odd_models:detached: the model passes no gradient" in answer.err
    folder = folder_of(tmp_path / "out")
    assert sorted(contents(folder)) == ["embeddings.npy", "properties.json"]
    assert (
        "properties: reused"
        in evaluate("--input-size", 8, "--maps", 0, model="python:odd_models:detached").out
    )


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--input-size", "big"], "224x320"),
        (["--mean", "0.5"], "--mean"),
        (["--loss", "arcfacee"], "did you mean 'arcface'"),
        (["--distance", "manhattan"], "unknown distance"),
        (["--device", "abacus"], "abacus"),
        (["--maps", -1], "--maps"),
        (["--scale", 7], "scale 7"),
    ],
)
def test_option_that_makes_no_sense_is_refused(evaluate, tmp_path, options, word):
    assert_refused(evaluate(*options), word, out=tmp_path / "out")


def test_errors_are_json_too(evaluate, tmp_path):
    answer = evaluate("--json", data=tmp_path / "nowhere")
    assert answer.exit_code == 2
    assert json.loads(answer.err)["kind"] == "DatasetError"


def test_results_are_not_written_into_a_file(evaluate, tmp_path):
    (tmp_path / "out").write_text("")
    answer = evaluate()
    assert answer.exit_code == 2
    assert "is a file" in answer.err


def test_help_does_not_wait_for_torch():
    script = (
        "import sys, dmlbench.cli.main; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
