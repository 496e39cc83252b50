"""`dmlbench evaluate --method --precision`: recorded, refused, and what comparisons say of them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from dmlbench.results import load_result


@pytest.fixture
def evaluate(dmlbench, shapes, models, tmp_path):
    def call(*options, model="small"):
        given = ["--data", shapes, "--out", tmp_path / "out", "--maps", 4, "--samples", 2]
        quick = ["--no-chance", "--no-intervals"]
        return dmlbench("evaluate", models.get(model, model), *given, *quick, *options)

    return call


def saliency_in(out):
    (folder,) = out.glob("*/*")
    return load_result(folder)


def test_method_without_noise_has_no_agreement_with_itself(evaluate, tmp_path):
    answer = evaluate("--method", "gradient")
    assert "reliability of the maps: none (gradient draws no noise)" in answer.out
    result = saliency_in(tmp_path / "out")
    request = result.saliency.request
    assert (request.method, request.samples, request.sigma, request.seed) == (
        "gradient",
        *[None] * 3,
    )
    assert result.run.settings.method == "gradient"
    assert result.saliency.reliability.value is None
    maps = result.maps()
    assert np.isnan(maps.half_correlation).all()
    assert "maps: reused" in evaluate("--method", "gradient", "--samples", 9, "--seed", 1).out


@pytest.fixture
def own_method(tmp_path, monkeypatch):
    """Write a module with a function `brightness` and return its reference."""
    monkeypatch.chdir(tmp_path)

    def write(body, arguments="keys"):
        name = f"method_in_{tmp_path.name}"
        source = (
            f"def brightness(model, images, reference, distance, *, {arguments}):\n    {body}\n"
        )
        (tmp_path / f"{name}.py").write_text(source)
        return f"python:{name}:brightness"

    return write


def test_method_of_ones_own_makes_the_maps_and_is_recorded_with_its_file(
    evaluate, own_method, tmp_path
):
    method = own_method("return images.mean(dim=1)")
    evaluate("--method", method)
    result = saliency_in(tmp_path / "out")
    assert re.fullmatch(re.escape(method) + "#[0-9a-f]{8}", result.saliency.request.method)
    assert result.saliency.request.seed is None
    maps = result.maps().maps
    assert (maps.min(), maps.max()) == (0, 1)
    assert "maps: reused" in evaluate("--method", method).out


def test_method_of_ones_own_that_takes_a_seed_draws_noise(evaluate, own_method, tmp_path):
    method = own_method("return images.mean(dim=1) + seed", "seed, **settings")
    evaluate("--method", method)
    saliency = saliency_in(tmp_path / "out").saliency
    assert (saliency.request.samples, saliency.request.seed) == (2, 0)
    assert "does not tell the halves of its noise" in saliency.reliability.reason


def test_method_of_ones_own_gets_the_settings_that_it_names(evaluate, own_method, tmp_path):
    body = "assert (samples, sigma) == (2, 0.15); return images.mean(dim=1)"
    answer = evaluate("--method", own_method(body, "samples, sigma"))
    assert answer.exit_code == 0, answer.err
    assert saliency_in(tmp_path / "out").saliency.request.samples == 2


def test_method_of_ones_own_that_fails_is_one_line_with_its_place(evaluate, own_method):
    answer = evaluate("--method", own_method("import no_such_helper"))
    assert answer.exit_code == 2
    assert "the function fails: ModuleNotFoundError" in answer.err
    assert "line 2, in brightness" in answer.err


def test_method_of_ones_own_that_returns_no_maps_is_refused(evaluate, own_method):
    answer = evaluate("--method", own_method("return images"))
    assert answer.exit_code == 2
    assert "returns [4, 3, 32, 32]; valid: maps [4, 32, 32]" in answer.err
    answer = evaluate("--method", "python:no_such_module:method")
    assert answer.exit_code == 2
    assert "'no_such_module' cannot be imported" in answer.err


def test_other_method_makes_the_maps_again(evaluate, tmp_path):
    evaluate()
    before = saliency_in(tmp_path / "out").maps().maps
    answer = evaluate("--method", "occlusion")
    assert "maps: made again (method: occlusion, was smoothgrad_paper" in answer.out
    assert not np.array_equal(saliency_in(tmp_path / "out").maps().maps, before)


def test_two_models_without_noise_have_no_ceiling_and_the_table_says_why(
    evaluate, dmlbench, tmp_path
):
    for model in ("small", "wide"):
        evaluate("--method", "integrated_gradients", model=model)
    answer = dmlbench("compare", tmp_path / "out", "--json")
    (pair,) = answer.json["comparison"]["saliency"]["pairs"]
    assert pair["ceiling"]["value"] is None
    assert pair["correlation"]["mean"] is not None
    assert any(
        "integrated_gradients draw no noise" in note for note in answer.json["comparison"]["notes"]
    )


def test_models_with_and_without_noise_are_compared_with_a_note(evaluate, dmlbench, tmp_path):
    evaluate("--method", "gradient")
    evaluate(model="wide")
    answer = dmlbench("compare", tmp_path / "out", "--json")
    assert answer.exit_code == 0, answer.err
    assert answer.json["comparison"]["saliency"]["pairs"][0]["ceiling"]["value"] < 1
    assert any(
        "method gradient and smoothgrad" in note for note in answer.json["comparison"]["notes"]
    )


def test_lower_precision_is_recorded_with_its_measured_agreement(evaluate, tmp_path):
    answer = evaluate("--precision", "bf16")
    (r,) = re.findall(r"maps: bf16 against fp32 on 4 images: mean r = ([0-9.]+)", answer.out)
    assert 0.999 < float(r) <= 1
    assert saliency_in(tmp_path / "out").saliency.request.precision == "bf16"
    assert "maps: reused" in evaluate("--precision", "auto").out
    again = evaluate("--precision", "fp32").out
    assert "maps: made again (precision: fp32, was bf16)" in again
    assert "against" not in again


def test_samples_auto_is_recorded_with_the_mean_number_of_copies(evaluate, tmp_path):
    answer = evaluate("--samples", "auto")
    saliency = saliency_in(tmp_path / "out").saliency
    assert saliency.request.samples == "auto"
    assert 10 <= saliency.mean_samples <= 50
    assert f"noisy copies per image: {saliency.mean_samples:.1f} on average" in answer.out
    assert "maps: reused" in evaluate("--samples", "auto").out
    evaluate("--samples", 2)
    assert saliency_in(tmp_path / "out").saliency.mean_samples is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--samples", "0"], ["--samples 0; valid: a number from 1 on, or auto"]),
        (["--method", "gradcam"], ["unknown saliency method", "did you mean 'grad_cam'"]),
        (["--precision", "fp16"], ["unknown precision 'fp16'", "valid: auto, fp32, bf16"]),
    ],
)
def test_unknown_name_is_refused_before_anything_is_written(evaluate, tmp_path, options, words):
    answer = evaluate(*options)
    assert answer.exit_code == 2
    assert answer.err.count("\n") == 1
    for word in words:
        assert word in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["small", "timm:test_vit?pretrained=false"])
def test_grad_cam_that_cannot_be_made_is_one_line_and_properties_stay(evaluate, tmp_path, model):
    answer = evaluate("--method", "grad_cam", "--input-size", 32, model=model)
    assert answer.exit_code == 2
    assert answer.err.count("\n") == 1
    assert "grad_cam needs a convolutional stage" in answer.err
    assert "valid for any model" in answer.err
    (folder,) = (tmp_path / "out").glob("*/*")
    assert sorted(path.name for path in folder.iterdir()) == ["embeddings.npy", "properties.json"]
