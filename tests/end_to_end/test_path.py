"""The whole path through the real commands: recipe, pictures, scores, comparison, report."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dmldata import open_dataset
from dmldata.verify import verify
from dmlgen.catalog.places import load_environment
from dmlgen.factors.registry import INAPPLICABLE
from dmlgen.planning.recipe import load_recipe

SAMPLE = Path(__file__).resolve().parents[2] / "datasets" / "sample"
SWEEPS = [f"sweeps/{group}" for group in ("background", "color", "illumination", "pose")]
MODELS = [f"timm:test_efficientnet?pretrained=false&seed={seed}" for seed in (0, 1)]


def command(package, *args):
    program = f"from {package}.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, args)], check=True, capture_output=True, text=True
    ).stdout


def evaluate(models, data, results):
    options = ("--maps", 4, "--samples", 2, "--device", "cpu", "--json")
    said = command("dmlbench", "evaluate", *models, "--data", data, "--out", results, *options)
    return json.loads(said)["results"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A rendered sweep and the results of two models on it."""
    folder = tmp_path_factory.mktemp("path")
    sweep = ("--factor", "place", "--scenes", 2, "--variants", 2, "--seed", 1)
    engine = ("--size", 64, "--preset", "draft", "--device", "cpu")
    command("dmlgen", "render", "paper", *sweep, *engine, "--out", folder / "data")
    return folder, evaluate(MODELS, folder / "data", folder / "results")


def test_a_sweep_of_places_shows_every_scene_in_every_place(path):
    folder, _ = path
    table = open_dataset(str(folder / "data")).samples.to_pylist()
    assert verify(str(folder / "data")) == []
    places = {row["variant_id"]: row["environment"] for row in table}
    assert all(row["environment"] == places[row["variant_id"]] for row in table)
    assert len(set(places.values())) > 1
    for row in table:
        means_nothing = INAPPLICABLE[load_environment(row["environment"]).kind]
        for key in ("background_hue", "environment_view", "ground", "floor"):
            assert (row[key] is None) == (key in means_nothing), (row["environment"], key)


def test_panoramas_in_the_pictures_are_credited(path):
    folder, _ = path
    dataset = open_dataset(str(folder / "data"))
    rows = dataset.samples.to_pylist()
    for row in rows:
        place = load_environment(row["environment"])
        credited = f"panorama-{row['environment']}" in row["credits_id"].split(";")
        assert credited == (place.kind == "panorama")
    assert any(load_environment(row["environment"]).kind == "panorama" for row in rows)
    assert "Greg Zaal" in (folder / "data" / "CREDITS.md").read_text()


def test_every_varied_factor_is_scored_for_every_model(path):
    folder, results = path
    varied = open_dataset(str(folder / "data")).manifest.varied
    for result in results:
        assert set(result["properties"]["properties"]) == set(varied)
        assert result["saliency"]["images"] == 4


def test_comparison_and_report_name_both_models(path):
    folder, results = path
    found = sorted((folder / "results").iterdir())
    comparison = json.loads(command("dmlbench", "compare", *found, "--json"))["comparison"]
    ids = {result["run"]["model"]["id"] for result in results}
    assert {model["id"] for model in comparison["models"]} == ids
    command("dmlbench", "report", *found, "--data", folder / "data", "--out", folder / "r.html")
    page = (folder / "r.html").read_text()
    assert all(identifier in page for identifier in ids)
    assert "data:image/" in page


@pytest.mark.parametrize("name", ["paper", "sample", "train196", *SWEEPS])
def test_a_set_that_ships_is_described_as_its_recipe_is(name):
    manifest = open_dataset(str(SAMPLE.parent / name)).manifest
    recipe = load_recipe(manifest.recipe["name"]).document
    assert (recipe.title, recipe.description) == tuple(
        manifest.recipe[field] for field in ("title", "description")
    )
    assert (recipe.title if "sweeps" in name else recipe.description) in manifest.description


def test_the_sample_dataset_is_whole_and_can_be_evaluated(tmp_path):
    assert verify(str(SAMPLE)) == []
    dataset = open_dataset(str(SAMPLE))
    assert len(dataset) == 64
    assert sum(f.stat().st_size for f in SAMPLE.iterdir()) < 6e6
    (result,) = evaluate(MODELS[:1], SAMPLE, tmp_path)
    assert result["properties"]["n"] == 64
