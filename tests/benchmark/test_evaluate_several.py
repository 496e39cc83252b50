"""`dmlbench evaluate` of several models, and the number of maps that is left to their time."""

from __future__ import annotations

import json

import pytest

from dmlbench.evaluation import saliency_step
from dmlbench.results import find_results

QUICK = ("--samples", 2, "--no-chance", "--no-intervals", "--device", "cpu")


@pytest.fixture
def evaluate(dmlbench, shapes, tmp_path, monkeypatch):
    """Evaluate models on the shapes into ./results of a temporary folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        return dmlbench("evaluate", *words, "--data", shapes, *QUICK)

    return call


def test_several_models_are_measured_and_compared(evaluate, dmlbench, models, tmp_path):
    small, cropped = models["small"], models["cropped"]
    answer = evaluate(small, cropped, "--maps", 3)
    assert answer.exit_code == 0, answer.err
    lines = answer.out.splitlines()
    assert f"model: {small}" in lines
    assert lines.index(f"model: {small}") < lines.index(f"model: {cropped}")
    assert "Pearson r of saliency maps" in answer.out
    assert lines[-1] == "next: dmlbench report"
    assert len(find_results([tmp_path / "results"])) == 2
    compared = dmlbench("compare")
    assert compared.exit_code == 0
    assert "Pearson r of saliency maps" in compared.out
    assert dmlbench("report", "--images", 1).exit_code == 0
    assert (tmp_path / "report.html").is_file()


def test_as_json_several_models_are_one_object(evaluate, models):
    answer = evaluate(models["small"], models["cropped"], "--maps", 0, "--json")
    found = json.loads(answer.out)
    assert [one["run"]["name"] for one in found["results"]] == ["small", "cropped"]
    assert [one["label"] for one in found["comparison"]["models"]] == ["small", "cropped"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("small", "small"), "is the same model as"),
        (("small", "nowhere.pt"), "nowhere.pt: no such file"),
        (("small", "cropped", "--name", "mine"), "--name mine: names one model, and 2 are given"),
    ],
)
def test_what_is_wrong_with_one_of_several_is_said_before_any_is_measured(
    evaluate, models, tmp_path, words, message
):
    answer = evaluate(*(models.get(word, word) for word in words), "--maps", 2)
    assert answer.exit_code == 2
    assert message in answer.err
    assert not (tmp_path / "results").exists()


def test_without_results_compare_and_report_say_where_they_looked(dmlbench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in ("compare", "report"):
        answer = dmlbench(command)
        assert answer.exit_code == 2
        assert "results: no such folder; valid: results folders of dmlbench evaluate" in answer.err


def images_in(out):
    (result,) = find_results([out])
    return result.saliency.images


@pytest.mark.parametrize(("seconds", "images"), [(1e-3, 8), (1e6, 24)])
def test_without_a_number_as_many_maps_are_made_as_fit(
    evaluate, models, tmp_path, monkeypatch, seconds, images
):
    """8 at least, and no more than the dataset's 24."""
    monkeypatch.setattr(saliency_step, "MAP_SECONDS", seconds)
    answer = evaluate(models["small"])
    assert answer.exit_code == 0, answer.err
    assert f"maps: {images} images, as many as fit about" in answer.out
    assert ("--maps 24 makes 24" in answer.out) == (images < 24)
    assert images_in(tmp_path / "results") == images
    run = next((tmp_path / "results").glob("*/*/run.json"))
    assert json.loads(run.read_text())["settings"]["maps"] == images
    again = evaluate(models["small"])
    assert f"maps: reused ({images} images" in again.out
    more = evaluate(models["small"], "--maps", 24)
    assert images == 24 or "maps: 8 images reused, 16 to make" in more.out
    assert images_in(tmp_path / "results") == 24


def test_an_interrupted_choice_is_kept(evaluate, models, tmp_path, monkeypatch):
    """The number follows from the time of the first block, which is kept with it."""
    monkeypatch.setattr(saliency_step, "MAP_SECONDS", 1e6)
    answer = evaluate(models["small"], "--maps", 0)
    assert answer.exit_code == 0
    make = saliency_step._finish

    def interrupted(bench, task, keys, blocks, what):
        if what == "saliency maps":
            raise KeyboardInterrupt
        return make(bench, task, keys, blocks, what)

    with monkeypatch.context() as patched:
        patched.setattr(saliency_step, "_finish", interrupted)
        assert evaluate(models["small"]).exit_code == 130
    said = evaluate(models["small"]).out
    assert "maps: 8 images reused from an interrupted call" in said
    assert "maps: 24 images, as many as fit about" in said
    assert images_in(tmp_path / "results") == 24


def test_a_model_without_maps_makes_none(evaluate, models, tmp_path):
    assert evaluate(models["small"], "--maps", 0).exit_code == 0
    (result,) = find_results([tmp_path / "results"])
    assert result.saliency is None
