"""`dmlbench compare`: models side by side, from results folders alone."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil

import numpy as np
import pytest

from dmlbench.comparison import compare_results
from dmlbench.comparison.maps import ModelMaps, compare_pair
from dmlbench.maps import pearson
from dmlbench.maps.geometry import Geometry
from dmlbench.present.measurements import Measurements
from dmlbench.present.numbers import number
from dmlbench.results import find_results
from dmlbench.results.files import SaliencyRequest

PLAIN = Geometry((8, 8), (8, 8), (0, 0), (8, 8))


def maps_of(name, *, images=12, signal=1.0):
    """Maps that share a signal with those of other names; each has noise of its own, in halves."""
    common = np.random.default_rng(1).random((images, 8, 8))
    rng = np.random.default_rng(ord(name[0]))
    halves = [signal * common + 2**0.5 * rng.random((images, 8, 8)) for _ in range(2)]
    request = SaliencyRequest(
        method="smoothgrad_paper", samples=4, sigma=0.15, seed=0, distance="euclidean"
    )
    maps = (halves[0] + halves[1]) / 2
    on_car = maps[:, :4].mean(axis=(1, 2))
    return ModelMaps(name, maps, pearson(*halves), on_car, images * [PLAIN], request)


@pytest.fixture(scope="module")
def comparison(results):
    return compare_results(find_results([results]))


def test_a_model_beside_itself_agrees_with_itself_completely():
    pair = compare_pair(maps_of("a"), maps_of("a copy"), None, 0)
    assert pair.correlation.mean == pytest.approx(1, abs=1e-6)
    assert pair.divergence.mean == pytest.approx(0, abs=1e-12)
    assert pair.floor.value < pair.ceiling.value < 1


def test_models_that_see_the_same_reach_the_ceiling_and_others_the_floor():
    alike = compare_pair(maps_of("a"), maps_of("b"), None, 0)
    assert alike.ceiling.ci95[0] < alike.correlation.mean < alike.ceiling.ci95[1]
    assert alike.below_ceiling.ci95[0] < 0 < alike.below_ceiling.ci95[1]
    unlike = compare_pair(maps_of("a"), maps_of("b", signal=0.0), None, 0)
    assert abs(unlike.correlation.mean) < 0.1


def test_maps_that_are_averaged_to_a_common_grid_have_no_ceiling():
    a, b = maps_of("a", images=40), maps_of("b", images=40)
    half = Geometry((8, 8), (4, 4), (0, 0), (4, 4))
    coarse = dataclasses.replace(
        b, maps=b.maps.reshape(40, 4, 2, 4, 2).mean(axis=(2, 4)), geometries=40 * [half]
    )
    unequal = compare_pair(a, coarse, None, 0)
    assert compare_pair(a, b, None, 0).ceiling.value is not None
    assert unequal.ceiling.value is unequal.below_ceiling.value is None
    assert unequal.floor.value is not None


def test_distances_to_the_bounds_are_paired_and_have_an_interval_where_the_bounds_have():
    pair = compare_pair(maps_of("a", images=60), maps_of("b", images=60), None, 0)
    assert pair.above_floor.value == pytest.approx(pair.correlation.mean - pair.floor.value)
    assert pair.below_ceiling.value == pytest.approx(pair.ceiling.value - pair.correlation.mean)
    assert pair.above_floor.ci95[0] > 0
    unlike = compare_pair(maps_of("a", images=60), maps_of("b", images=60, signal=0.0), None, 0)
    assert unlike.above_floor.ci95[0] < 0 < unlike.above_floor.ci95[1]
    few = compare_pair(maps_of("a"), maps_of("b"), None, 0)
    assert few.floor.ci95 is few.above_floor.ci95 is None


def test_attention_of_two_models_is_compared_image_by_image():
    a, b = maps_of("a", images=40), maps_of("b", images=40)
    more = compare_pair(a, b, None, 0).more_on_car
    assert more.value == pytest.approx((a.on_car - b.on_car).mean())
    assert more.ci95[0] < more.value < more.ci95[1]


def test_maps_of_one_scene_have_no_floor():
    pair = compare_pair(maps_of("a"), maps_of("b"), [7] * 12, 0)
    assert pair.floor.value is None
    assert pair.correlation.mean is not None
    assert pair.ceiling.value is not None


def test_every_pair_of_models_is_compared(comparison):
    names = sorted(model.id for model in comparison.models)
    compared = {(pair.a, pair.b) for pair in comparison.saliency.pairs}
    assert compared == {(names[0], names[1]), (names[0], names[2]), (names[1], names[2])}
    for pair in comparison.saliency.pairs:
        assert pair.correlation.images == 6
        assert pair.correlation.ci95[0] < pair.correlation.mean < pair.correlation.ci95[1]
        assert pair.divergence.ci95[0] < pair.divergence.mean < pair.divergence.ci95[1]
        assert (pair.ceiling.value is None) == ("cropped" in pair.a + pair.b)
    assert "common grid" in comparison.notes[0]
    assert "no ceiling" in comparison.notes[0]


def test_embeddings_of_every_pair_are_compared_beside_their_floor(comparison):
    names = sorted(model.id for model in comparison.models)
    compared = {(pair.a, pair.b) for pair in comparison.representations}
    assert compared == {(names[0], names[1]), (names[0], names[2]), (names[1], names[2])}
    for pair in comparison.representations:
        assert pair.images == 24
        for similarity in (pair.cka, pair.rsa, pair.procrustes):
            assert similarity.ci95[0] < similarity.value < similarity.ci95[1]
            assert similarity.floor < similarity.value


def test_numbers_do_not_depend_on_the_order_of_the_folders(results, comparison):
    turned = compare_results(find_results(sorted(results.iterdir(), reverse=True)))
    assert turned.saliency.pairs == comparison.saliency.pairs
    assert turned.representations == comparison.representations
    assert [model.id for model in turned.models] == [m.id for m in comparison.models][::-1]


def test_scores_are_those_of_the_files(results, comparison):
    for result in find_results([results]):
        for name, scores_of_file in result.properties.properties.items():
            assert comparison.properties[name][result.model] == scores_of_file


def test_command_prints_both_tables(dmlbench, results):
    answer = dmlbench("compare", *sorted(results.iterdir()))
    assert answer.exit_code == 0
    for word in ("car_model", "small", "wide", "cropped", "JSD", "floor", "ceiling", "common grid"):
        assert word in answer.out


def test_json_file_reads_back(dmlbench, results, comparison, tmp_path):
    answer = dmlbench("compare", results, "--out", tmp_path / "compare.json", "--json")
    assert answer.json == json.loads((tmp_path / "compare.json").read_text())
    assert Measurements.model_validate_json(json.dumps(answer.json)).comparison == comparison


def test_csv_holds_one_number_a_row(dmlbench, results, comparison, tmp_path):
    dmlbench("compare", results, "--out", tmp_path / "compare.csv")
    with (tmp_path / "compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pair = comparison.saliency.pairs[0]
    names = (comparison.label(pair.a), comparison.label(pair.b))
    (row,) = (
        row
        for row in rows
        if (row["model"], row["other_model"], row["measure"]) == (*names, "correlation")
    )
    assert float(row["value"]) == pair.correlation.mean
    assert float(row["ci95_low"]) == pair.correlation.ci95[0]
    scores = [row for row in rows if row["measure"] == "nr_precision"]
    assert len(scores) == 9


def test_csv_names_models_by_the_names_they_were_evaluated_under(dmlbench, results, tmp_path):
    dmlbench("compare", results, "--out", tmp_path / "compare.csv")
    with (tmp_path / "compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    named = {row[column] for row in rows for column in ("model", "other_model")} - {""}
    assert named == {"small", "wide", "cropped"}


def test_csv_holds_the_differences_of_all_pairs(dmlbench, results, comparison, tmp_path):
    dmlbench("compare", results, "--out", tmp_path / "compare.csv")
    with (tmp_path / "compare.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "nr_precision_difference"]
    assert len(rows) == 3 * 3
    for row in rows:
        (difference,) = (
            candidate
            for candidate in comparison.differences[row["subject"]]
            if tuple(map(comparison.label, (candidate.a, candidate.b)))
            == (row["model"], row["other_model"])
        )
        assert float(row["value"]) == difference.value
        assert (float(row["ci95_low"]), float(row["ci95_high"])) == difference.ci95


def test_models_that_may_be_best_are_marked(dmlbench, results, comparison, tmp_path):
    answer = dmlbench("compare", results, "--out", tmp_path / "c.md", "--out", tmp_path / "c.tex")
    for file, mark in (("c.md", r"\*\*\(?-?\d"), ("c.tex", r"\\textbf\{\(?\$?-?\$?\d")):
        rows = (tmp_path / file).read_text().splitlines()
        for name in comparison.properties:
            shown = name if file == "c.md" else name.replace("_", r"\_")
            row = next(row for row in rows if row.startswith((f"| {shown} |", f"{shown} &")))
            assert len(re.findall(mark, row)) == len(comparison.leaders(name))
    printed = answer.out.splitlines()
    for name in comparison.properties:
        row = next(line for line in printed if line.startswith(f"{name}\t"))
        assert len(re.findall(r"\d\)?\*( |\t|$)", row)) == len(comparison.leaders(name))
    assert any(comparison.leaders(name) for name in comparison.properties)
    assert "at 95 % over all pairs of models together" in answer.out


def test_ties_are_not_known_without_intervals(dmlbench, copy_of_results, models, shapes):
    quick = ["--out", copy_of_results, "--maps", 0, "--no-intervals", "--name", "wide"]
    dmlbench("evaluate", models["wide"], "--data", shapes, *quick)
    answer = dmlbench("compare", copy_of_results)
    assert re.search(r"ties .* not known: wide was scored without jackknife", answer.out)
    assert "*" not in answer.out


def test_matrix_has_the_order_of_the_clustering(dmlbench, results, comparison, tmp_path):
    dmlbench("compare", results, "--out", tmp_path / "c.md")
    table = (tmp_path / "c.md").read_text().partition("Pearson r of saliency maps:")[2]
    rows = [line.split(" | ") for line in table.splitlines() if re.match(r"\| \d ", line)]
    order = comparison.saliency.clustering.order
    assert sorted(order) == sorted(comparison.saliency.models)
    for place, model in enumerate(order):
        assert rows[place][0] == f"| {place + 1} {comparison.label(model)}"
        for column, other in enumerate(order):
            if model != other:
                r = comparison.saliency.pair(model, other).correlation.mean
                assert rows[place][1 + column].strip(" |") == number(r, 3)


def test_markdown_holds_the_tables(dmlbench, results, tmp_path):
    dmlbench("compare", results, "--out", tmp_path / "compare.md")
    text = (tmp_path / "compare.md").read_text()
    assert text.count("\n| --- |") == 8
    assert "| property | cropped | small | wide |" in text


def test_other_suffix_is_refused(dmlbench, results, tmp_path):
    answer = dmlbench("compare", results, "--out", tmp_path / "compare.xlsx")
    assert answer.exit_code == 2
    assert ".json, .csv, .md, .tex" in answer.err


def test_one_model_is_not_a_comparison(dmlbench, results):
    answer = dmlbench("compare", sorted(results.iterdir())[0])
    assert answer.exit_code == 2
    assert "needs results of 2 models, found cropped-" in answer.err
    assert answer.err.count("\n") == 1


def test_mixed_datasets_are_refused(dmlbench, copy_of_results, models, write, rows, tmp_path):
    other = write(tmp_path / "other", rows(20))
    quick = ["--out", copy_of_results, "--maps", 0, "--no-chance", "--no-intervals"]
    for name in ("small", "cropped"):
        assert dmlbench("evaluate", models[name], "--data", other, *quick).exit_code == 0
    answer = dmlbench("compare", *sorted(copy_of_results.iterdir()))
    assert answer.exit_code == 2
    assert "results of 2 datasets" in answer.err
    fingerprint = find_results([next(copy_of_results.glob("wide-*"))])[0].run.dataset.fingerprint
    assert fingerprint in answer.err
    chosen = dmlbench("compare", copy_of_results, "--data", fingerprint[:6], "--json")
    assert len(chosen.json["comparison"]["models"]) == 3
    again = dmlbench("compare", copy_of_results, "--data", other, "--json")
    assert [model["label"] for model in again.json["comparison"]["models"]] == ["cropped", "small"]
    printed = dmlbench("compare", copy_of_results, "--data", other).out
    assert "note: left out, as they have no results on this dataset: wide-" in printed


def test_models_with_different_maps_are_compared_on_what_they_share(
    dmlbench, copy_of_results, models, shapes
):
    quick = ["--out", copy_of_results, "--samples", 4, "--name", "small"]
    dmlbench("evaluate", models["small"], "--data", shapes, "--maps", 8, *quick)
    compared = dmlbench("compare", copy_of_results, "--json").json["comparison"]
    assert len(compared["saliency"]["keys"]) == 6
    assert any("6 and 8 maps: compared on the 6 images" in note for note in compared["notes"])


def test_model_without_maps_is_left_out_of_their_table(dmlbench, copy_of_results, models, shapes):
    (folder,) = copy_of_results.glob("wide-*")
    shutil.rmtree(folder)
    quick = ["--out", copy_of_results, "--maps", 0, "--no-chance", "--name", "wide"]
    dmlbench("evaluate", models["wide"], "--data", shapes, *quick)
    compared = dmlbench("compare", copy_of_results, "--json").json["comparison"]
    assert len(compared["saliency"]["models"]) == 2
    assert len(compared["models"]) == 3
    assert "no saliency maps: wide" in compared["notes"]
    assert (
        "properties were scored with different settings: chance False and True" in compared["notes"]
    )


def test_models_of_one_name_are_told_apart_by_their_ids(copy_of_results):
    for file in copy_of_results.glob("*/*/run.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"name": "same"}))
    compared = compare_results(find_results([copy_of_results]))
    assert {model.label for model in compared.models} == {model.id for model in compared.models}
