"""Models measured on photographs by the commands: both steps, compared, reported."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from dmlbench.results import find_results
from dmlbench.sources import open_source

QUICK = ["--samples", 2, "--no-chance"]
TIMM = "timm:test_resnet?pretrained=false&seed=3"


@pytest.fixture
def measured(dmlbench, models, tmp_path):
    """Evaluate two models that crop differently; the folder of the results."""

    def call(data, *options):
        out = tmp_path / "out"
        for model, model_options in ((models["cropped"], []), (TIMM, ["--input-size", 40])):
            answer = dmlbench(
                "evaluate", model, "--data", data, "--out", out, *QUICK, *model_options, *options
            )
            assert answer.exit_code == 0, answer.err
        return out, answer.out

    return call


def test_two_models_on_cars196(measured, dmlbench, cars196, tmp_path):
    out, said = measured(cars196, "--maps", 8)
    assert "attention on car: none (the images have no masks)" in said
    results = find_results([out])
    assert len(results) == 2
    for result in results:
        assert result.run.dataset.title == "Cars196 test"
        assert result.run.dataset.image_size is None
        scores = result.properties.properties["class"].scores
        for name in ("precision_at_1", "map_at_r", "r_precision"):
            assert 0 <= scores[name].value <= 1
        attention = result.saliency.attention_on_car
        assert (attention.value, attention.left_out) == (None, 8)
        assert attention.reason == "the images have no masks"
        maps = result.maps()
        assert len({tuple(image) for image in maps.geometry[:, 0].tolist()}) == 3
        assert np.isnan(maps.attention_on_car).all()
    answer = dmlbench("compare", out, "--json")
    assert answer.exit_code == 0, answer.err
    (pair,) = answer.json["comparison"]["saliency"]["pairs"]
    assert pair["correlation"]["images"] == 8
    assert "no attention on the car: the images have no masks" in answer.json["comparison"]["notes"]
    assert any("common grid" in note for note in answer.json["comparison"]["notes"])
    for suffix in ("csv", "md", "tex"):
        written = dmlbench("compare", out, "--out", tmp_path / f"table.{suffix}")
        assert written.exit_code == 0, written.err
    with (tmp_path / "table.csv").open() as file:
        cells = [row for row in csv.DictReader(file) if row["measure"] == "attention_on_car"]
    assert [row["value"] for row in cells] == ["", ""]
    page = dmlbench("report", out, "--out", tmp_path / "report.html")
    assert page.exit_code == 0, page.err
    html = (tmp_path / "report.html").read_text()
    assert "car_ims/0000" in html
    assert "Make 3 Sedan 2012" in html
    assert "on car nan" not in html


def test_a_model_whose_classes_are_apart_retrieves_them(dmlbench, cars196, tmp_path):
    keys = [item.key for item in open_source(str(cars196)).samples_iter()]
    apart = np.eye(2)[[int(int(key[-8:-4]) > 15) for key in keys]]
    np.save(tmp_path / "apart.npy", apart.astype(np.float32))
    reference = f"embeddings:{tmp_path / 'apart.npy'}"
    arguments = ["evaluate", reference, "--data", cars196, "--out", tmp_path / "out"]
    said = dmlbench(*arguments).out
    assert "retrieval of class: P@1 1.000 (" in said
    answer = dmlbench(*arguments, "--json")
    assert answer.exit_code == 0, answer.err
    scores = answer.json["results"][0]["properties"]["properties"]["class"]
    for name in ("precision_at_1", "map_at_r", "r_precision", "arp"):
        assert scores[name]["value"] == pytest.approx(1)


def test_two_models_on_a_folder_with_csv(measured, dmlbench, csv_folder, tmp_path):
    lines = ["file_name,color,angle,caption"]
    lines += [f"{n:02d}.jpg,{'red' if n % 3 else ''},{n * 15},photo {n}" for n in range(24)]
    folder = csv_folder(tmp_path / "photos", lines, "metadata.csv")
    (folder / "kinds.yaml").write_text(
        "angle: {kind: cyclic, period: 360, unit: degrees, bins: 4}\ncaption: {kind: ignore}\n"
    )
    out, said = measured(folder, "--maps", 6, "--properties", folder / "kinds.yaml")
    assert "note: kinds inferred from the values (color: categorical, 1 values)" in said
    assert "observed, not drawn independently" in said
    properties = find_results([out])[0].properties.properties
    assert list(properties) == ["color", "angle"]
    assert properties["color"].left_out["no_label"] == 8
    assert "a single label ('red')" in properties["color"].reason
    assert properties["angle"].labels == 4
    assert properties["angle"].scores["distance_spearman"].value is not None
    page = dmlbench("report", out, "--out", tmp_path / "report.html")
    assert page.exit_code == 0, page.err
    html = (tmp_path / "report.html").read_text()
    assert "degrees" in html
    assert html.count("<li>the properties were observed") == 1
    moved = shutil.move(folder, tmp_path / "moved")
    page = dmlbench("report", out, "--out", tmp_path / "report.html")
    assert page.exit_code == 2
    assert "images for the report: " in page.err
    options = ["--data", moved, "--properties", f"{moved}/kinds.yaml"]
    page = dmlbench("report", out, *options, "--out", tmp_path / "report.html")
    assert page.exit_code == 0, page.err


def test_results_are_reused_for_the_same_images_labels_and_kinds(
    dmlbench, models, cub200, tmp_path
):
    def evaluate(data, *options):
        arguments = ["--data", data, "--out", tmp_path / "out", "--maps", 2, *QUICK, *options]
        return dmlbench("evaluate", models["small"], *arguments).out

    evaluate(cub200)
    moved = shutil.copytree(cub200, tmp_path / "elsewhere")
    assert "properties: reused" in evaluate(moved)
    assert "maps: reused" in evaluate(moved)
    assert ": reused" not in evaluate(moved, "--split", "train")
    path = moved / "images/004.Bird_4/Bird_0006_6.jpg"
    path.write_bytes(path.read_bytes() + b"more")
    assert ": reused" not in evaluate(moved)


def test_images_without_any_label_get_maps_alone(measured, dmlbench, tar, draw, tmp_path):
    shard = tar(tmp_path / "x.tar", {f"{n}.jpg": draw(n) for n in range(4)})
    out, said = measured(shard, "--maps", 3)
    assert "the images have no properties: maps can be made, nothing can be scored" in said
    answer = dmlbench("compare", out, "--json")
    assert answer.exit_code == 0, answer.err
    assert answer.json["comparison"]["properties"] == {}
    assert len(answer.json["comparison"]["saliency"]["pairs"]) == 1
    assert dmlbench("compare", out).exit_code == 0
    page = dmlbench("report", out, "--out", tmp_path / "report.html")
    assert page.exit_code == 0, page.err
    assert "No property varies in this dataset." in (tmp_path / "report.html").read_text()


def test_fingerprint_notices_labels_order_sizes_and_kinds(csv_folder, tmp_path):
    rows = ["a.jpg,1,x", "b.jpg,2,y", "c.jpg,1,x"]

    def fingerprint(lines, kinds="{}", padding=b""):
        folder = tmp_path / "photos"
        shutil.rmtree(folder, ignore_errors=True)
        csv_folder(folder, ["file,p,q", *lines])
        with (folder / "a.jpg").open("ab") as file:
            file.write(padding)
        (tmp_path / "kinds.yaml").write_text(kinds)
        return open_source(str(folder), properties=str(tmp_path / "kinds.yaml")).fingerprint

    first = fingerprint(rows)
    assert first == fingerprint(rows)
    changed = [
        fingerprint(["a.jpg,1,x", "b.jpg,2,y", "c.jpg,2,x"]),
        fingerprint(rows, padding=b"\0"),
        fingerprint(rows, "p: {kind: categorical}"),
        fingerprint(rows, "p: {kind: cyclic, period: 3}"),
        fingerprint(rows, "p: {kind: cyclic, period: 4}"),
        fingerprint(rows, "q: {kind: ignore}"),
        fingerprint(rows[::-1]),
    ]
    assert len({first, *changed}) == 8
    assert fingerprint(rows, "q: {kind: categorical, unit: names}") == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", "none.csv"], "none.csv: No such file"),
        (["--split", "half"], "unknown split 'half'"),
        (["--properties", "none.yaml"], "none.yaml: No such file"),
    ],
)
def test_option_that_makes_no_sense_is_refused(
    dmlbench, models, cars196, tmp_path, options, message
):
    out = ["--out", tmp_path / "out"]
    answer = dmlbench("evaluate", models["small"], "--data", cars196, *out, *options, "--json")
    assert answer.exit_code == 2
    assert message in json.loads(answer.err)["error"]
    assert not (tmp_path / "out").exists()


def test_options_of_a_source_go_with_it(dmlbench, results, csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1"])
    answer = dmlbench("report", results, "--split", "all")
    assert (answer.exit_code, "need --data" in answer.err) == (2, True)
    answer = dmlbench("report", results, "--split", "all", "--data", folder)
    assert answer.exit_code == 2
    assert "is images with a CSV file; valid with it: labels, properties" in answer.err
