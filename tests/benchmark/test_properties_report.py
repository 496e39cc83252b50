"""The result of `score_properties`: its shape, its settings, and which images count for what."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from dmlbench import scores as properties
from dmlbench.scores import Property, score_properties
from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores._kernels.neighbor_counts import Question, count_hits
from dmlbench.scores._kernels.units import Units

PAIRS = ["roc_auc", "eer", "tpr_at_fpr_1e-3", "opis", "alignment"]
SCORES = [
    "nr_precision",
    "nr_precision_paper",
    "arp",
    "r_precision",
    "map_at_r",
    "precision_at_1",
    "ami",
    "nmi",
]


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    color = rng.integers(0, 3, 120)
    angle = rng.integers(0, 8, 120) * 45.0
    x = rng.normal(size=(120, 6)) + np.eye(6)[color]
    x[:, 4:] += 2 * np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))], axis=1)
    cyclic = Property((angle / 45).astype(int), kind="cyclic", values=angle, period=360.0)
    return x, {"color": Property(color), "angle": cyclic}


def test_the_result_has_the_documented_shape_and_is_json(images):
    result = score_properties(*images)
    assert list(result) == ["n", "dimensions", "properties", "settings", "notes", "geometry"]
    assert (result["n"], result["dimensions"]) == (120, 6)
    head = ["n", "labels", "left_out", "reason"]
    assert list(result["properties"]["color"]) == [*head, *SCORES, "decodability", *PAIRS]
    ordered = [*head, *SCORES, "distance_spearman", "decodability", *PAIRS]
    assert list(result["properties"]["angle"]) == ordered
    for scores in result["properties"].values():
        assert scores["reason"] is None
        for name in scores.keys() - set(head):
            score = scores[name]
            assert list(score) == ["value", "ci95", "chance", "replicates"]
            assert score["ci95"][0] < score["value"] < score["ci95"][1]
            if name != "decodability":
                assert score["chance"][0] < score["chance"][1]
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_a_property_that_the_embedding_holds_scores_above_chance(images):
    for scores in score_properties(*images, intervals=False)["properties"].values():
        for name in SCORES[:6]:
            assert scores[name]["value"] > scores[name]["chance"][1]
    assert scores["distance_spearman"]["value"] > scores["distance_spearman"]["chance"][1]


def test_the_same_seed_gives_the_same_result_whatever_the_threads(images):
    assert score_properties(*images, seed=5, threads=1) == score_properties(
        *images, seed=5, threads=4
    )
    assert score_properties(*images, seed=6) != score_properties(*images, seed=5)


def test_seed_0_is_a_seed(images):
    assert score_properties(*images, seed=0) == score_properties(*images, seed=0)


def test_intervals_and_chance_can_be_turned_off(images):
    full = score_properties(*images)["properties"]["angle"]
    for intervals, chance in [(False, False), (True, False), (False, True)]:
        result = score_properties(*images, intervals=intervals, chance=chance)
        for name in [*SCORES, "distance_spearman"]:
            score = result["properties"]["angle"][name]
            assert score["value"] == pytest.approx(full[name]["value"], abs=1e-12)
            assert score["ci95"] == (full[name]["ci95"] if intervals else None)
            assert score["chance"] == (full[name]["chance"] if chance else None)
        assert (result["settings"]["jackknife_groups"] == 20) == intervals
        assert (result["settings"]["permutations"] == 199) == chance


def test_a_score_does_not_depend_on_which_other_properties_are_scored(images):
    x, props = images
    both = score_properties(x, props)["properties"]["color"]
    assert score_properties(x, {"color": props["color"]})["properties"]["color"] == both


def test_images_without_a_label_are_left_out_of_that_property_alone(images):
    x, props = images
    missing = np.arange(120) % 4 == 0
    some = [
        None if gone else int(c) for c, gone in zip(props["color"].labels, missing, strict=True)
    ]
    result = score_properties(x, {"some": Property(some), "all": props["color"]}, chance=False)
    alone = score_properties(x[~missing], {"some": Property(props["color"].labels[~missing])})
    some, every = result["properties"]["some"], result["properties"]["all"]
    assert (some["n"], some["left_out"]["no_label"]) == (90, 30)
    assert (every["n"], every["left_out"]["no_label"]) == (120, 0)
    for name in SCORES:
        expected = alone["properties"]["some"][name]["value"]
        assert some[name]["value"] == pytest.approx(expected, abs=1e-9), name


def test_nan_none_and_text_are_labels_of_the_same_property(images):
    x, props = images
    codes = props["color"].labels
    gone = np.arange(120) < 10
    as_float = np.where(gone, np.nan, codes)
    as_text = np.array([None if g else f"c{c}" for g, c in zip(gone, codes, strict=True)], object)
    result = score_properties(x, {"f": Property(as_float), "t": Property(as_text)}, chance=False)
    assert result["properties"]["f"] == result["properties"]["t"]


def test_scores_alone_use_every_query_and_map_at_r_a_subset(images):
    x, props = images
    result = score_properties(x, props, intervals=False, chance=False, max_queries=50)
    assert result["settings"]["queries"]["color"] == {"scores": 120, "map_at_r": 50}
    scores = result["properties"]["color"]
    labels = props["color"].labels
    for name in set(SCORES) - {"map_at_r", "ami", "nmi"}:
        assert scores[name]["value"] == pytest.approx(
            getattr(properties, name)(x, labels), abs=1e-9
        )
    assert scores["map_at_r"]["value"] == pytest.approx(properties.map_at_r(x, labels), abs=0.05)


def test_resampling_many_images_uses_one_subset_of_queries_and_says_so(images):
    x, props = images
    result = score_properties(x, props, max_queries=50, seed=1)
    assert result["settings"]["queries"]["color"] == {"scores": 50, "map_at_r": 50}
    subset = result["properties"]["color"]["arp"]
    assert subset["value"] == pytest.approx(properties.arp(x, props["color"].labels), abs=0.1)
    again = score_properties(x, props, max_queries=50, seed=1, chance=False)
    assert again["properties"]["color"]["arp"]["value"] == subset["value"]


def test_embeddings_of_one_length_are_passed_over_once_and_score_the_same(images):
    x, props = images
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    seen = []
    result = score_properties(unit, props, chance=False, progress=lambda *step: seen.append(step))
    assert [step for step in seen if step[0] == "neighbors"][-1] == ("neighbors", 120, 120)
    paper = result["properties"]["color"]["nr_precision_paper"]["value"]
    expected = properties.nr_precision_paper(unit, props["color"].labels)
    assert paper == pytest.approx(expected, abs=1e-9)


def test_progress_names_each_stage_and_ends_at_its_total(images):
    seen = {}
    score_properties(
        *images, progress=lambda stage, done, total: seen.update({stage: (done, total)})
    )
    neighbors = {"neighbors": (240, 240), "clusters": (2, 2)}
    assert seen == neighbors | {
        **{"order": (1, 1), "probes": (2, 2), "pairs": (2, 2), "geometry": (2, 2)},
    }


def test_no_properties_give_an_empty_result(images):
    assert score_properties(images[0], {})["properties"] == {}


def test_counting_answers_several_questions_about_several_ranks_in_one_pass(images):
    x, props = images
    points = prepare_points(x, normalize=True)
    units = Units.of(np.arange(120))
    rng = np.random.default_rng(3)
    questions = [
        Question(props["color"].labels, rng.integers(0, 120, (120, 3))),
        Question(props["angle"].labels, rng.integers(0, 120, (120, 1))),
    ]
    together = count_hits(points, units, questions)
    for question, hits in zip(questions, together, strict=True):
        np.testing.assert_array_equal(count_hits(points, units, [question])[0], hits)
        np.testing.assert_array_equal(np.isnan(hits), question.ranks == 0)


def test_importing_the_package_imports_nothing_heavy():
    heavy = "torch scipy.stats sklearn matplotlib pandas"
    code = (
        "import sys, dmlbench.scores, dmlbench.evaluation.score_files;"
        f"sys.exit(any(m in sys.modules for m in '{heavy}'.split()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
