"""Scores of pairs: against scikit-learn and plain loops, known answers, invariances, sweeps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score, roc_curve

from dmlbench.scores import (
    Property,
    alignment,
    distance_spearman,
    eer,
    opis,
    roc_auc,
    score_properties,
    tpr_at_fpr,
)
from dmlbench.scores._kernels.threshold_inconsistency import THRESHOLDS
from dmlbench.scores.labels import encode_labels
from dmlbench.scores.options import Options
from dmlbench.scores.uncertainty import drop_groups
from dmlbench.scores.verification import verification_scores

KEYS = ("roc_auc", "eer", "tpr_at_fpr_1e-3", "opis", "alignment")


def labeled(images=300, labels=6, signal=1.0, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, labels, images)
    return rng.normal(size=(images, 16)) + signal * rng.normal(size=(labels, 16))[codes], codes


def pairs_of(x, codes, scenes=None):
    """All pairs by plain definitions: distance, and whether labels are the same."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [
        (np.sqrt(np.square(x[i] - x[j]).sum()), codes[i] == codes[j], codes[i], codes[j])
        for i, j in itertools.combinations(range(len(x)), 2)
        if scenes is None or scenes[i] != scenes[j]
    ]
    return [np.array(column) for column in zip(*pairs, strict=True)]


def curve_of(distances, same):
    return roc_curve(same, -distances, drop_intermediate=False)[:2]


def plain_eer(distances, same):
    false, true = curve_of(distances, same)
    grid = np.linspace(0, 1, 1_000_001)
    at = np.argmin(np.abs(np.interp(grid, false, true) - (1 - grid)))
    return grid[at]


def plain_opis(distances, same, first, second):
    negative = np.sort(distances[~same])
    low, high = (negative[int(np.ceil(rate * len(negative))) - 1] for rate in (0.01, 0.1))
    utilities = []
    for threshold in np.linspace(low, high, THRESHOLDS):
        row = []
        for label in np.unique(first[same]):
            inside = same & (first == label)
            outside = ~same & ((first == label) | (second == label))
            sensitivity = np.mean(distances[inside] < threshold)
            specificity = np.mean(distances[outside] >= threshold)
            total = sensitivity + specificity
            row.append(2 * sensitivity * specificity / total if total else 0.0)
        utilities.append(np.var(row))
    return np.mean(utilities)


@pytest.mark.parametrize("signal", [0.0, 1.0, 3.0])
def test_scores_of_pairs_are_those_of_scikit_learn_and_of_plain_loops(signal):
    x, codes = labeled(signal=signal)
    distances, same, first, second = pairs_of(x, codes)
    false, true = curve_of(distances, same)
    assert roc_auc(x, codes) == pytest.approx(roc_auc_score(same, -distances), abs=1e-6)
    assert eer(x, codes) == pytest.approx(plain_eer(distances, same), abs=1e-4)
    assert tpr_at_fpr(x, codes) == pytest.approx(np.interp(1e-3, false, true), abs=1e-4)
    assert alignment(x, codes) == pytest.approx(np.square(distances[same]).mean(), rel=1e-4)
    assert opis(x, codes) == pytest.approx(plain_opis(distances, same, first, second), abs=2e-4)


def test_replicates_are_the_scores_without_each_group():
    x, codes = labeled(images=200)
    result = score_properties(x, {"p": Property(codes)}, chance=False)["properties"]["p"]
    groups = drop_groups(len(x), None, 0)
    for key, score in (("roc_auc", roc_auc), ("eer", eer), ("alignment", alignment)):
        expected = [score(x[groups != group], codes[groups != group]) for group in range(20)]
        assert result[key]["replicates"] == pytest.approx(expected, abs=2e-4)
    # The thresholds of OPIS stay those of all images.
    expected = [opis(x[groups != group], codes[groups != group]) for group in range(20)]
    assert result["opis"]["replicates"] == pytest.approx(expected, abs=5e-3)


def test_a_one_hot_embedding_verifies_without_error():
    codes = np.repeat(np.arange(5), 20)
    x = np.eye(5)[codes]
    result = score_properties(x, {"p": Property(codes)}, chance=False)["properties"]["p"]
    assert [result[key]["value"] for key in KEYS] == pytest.approx([1, 0, 1, 0, 0])
    for key in ("roc_auc", "eer", "tpr_at_fpr_1e-3"):
        low, high = result[key]["ci95"]
        assert 0.01 < high - low < 0.1


def test_random_embeddings_verify_by_chance():
    rng = np.random.default_rng(3)
    x, codes = rng.normal(size=(1500, 32)), rng.integers(0, 8, 1500)
    assert roc_auc(x, codes) == pytest.approx(0.5, abs=0.01)
    assert eer(x, codes) == pytest.approx(0.5, abs=0.01)
    assert tpr_at_fpr(x, codes) == pytest.approx(0.001, abs=0.0005)
    assert alignment(x, codes) == pytest.approx(2.0, abs=0.02)


def test_labels_that_one_threshold_serves_differently_are_inconsistent():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(4), 50)
    centers = 3 * np.eye(4)[codes]
    alike = centers + 0.4 * rng.normal(size=(200, 4))
    unlike = centers + (0.1 + 0.4 * codes[:, None]) * rng.normal(size=(200, 4))
    assert opis(unlike, codes) > 5 * opis(alike, codes)


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_order_rotation_and_scale_change_no_score_of_pairs(seed):
    rng = np.random.default_rng(seed)
    x, codes = labeled(images=60, labels=3, seed=seed)
    rotation = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    order = rng.permutation(60)
    changed = (x @ rotation * rng.uniform(0.5, 2, (60, 1)))[order]
    for score in (roc_auc, eer, tpr_at_fpr, opis, alignment):
        assert score(changed, codes[order]) == pytest.approx(score(x, codes), abs=1e-9)


def test_in_sweeps_pairs_of_one_scene_count_for_the_swept_label_alone():
    rng = np.random.default_rng(0)
    scenes, variants = np.repeat(np.arange(40), 4), np.tile(np.arange(4), 40)
    car = rng.integers(0, 5, 40)[scenes]
    x = rng.normal(size=(40, 12))[scenes] + 0.3 * rng.normal(size=(160, 12))
    properties = {"car": Property(car), "paint": Property(variants)}
    scored = score_properties(x, properties, scenes=scenes, intervals=False)
    distances, same, _, _ = pairs_of(x, car, scenes)
    expected = roc_auc_score(same, -distances)
    score = scored["properties"]["car"]["roc_auc"]
    assert score["value"] == pytest.approx(expected, abs=1e-5)
    assert score["chance"][0] <= score["value"] <= score["chance"][1]
    distances, same, _, _ = pairs_of(x, variants)
    expected = roc_auc_score(same, -distances)
    assert scored["properties"]["paint"]["roc_auc"]["value"] == pytest.approx(expected, abs=1e-5)
    assert scored["settings"]["pairs"]["paint"] == {
        "images": 160, "same": int(same.sum()), "different": int((~same).sum())
    }  # fmt: skip


def test_more_than_2000_images_are_a_seeded_subset():
    x, codes = labeled(images=2500, labels=10)
    options = Options(0, None, 0, max_queries=1, threads=1, progress=None)
    scored = verification_scores(x, {"p": encode_labels(codes, 2500)}, options)
    assert scored.pairs["p"].images == 2000
    distances = pdist(x / np.linalg.norm(x, axis=1, keepdims=True))
    same = (codes[:, None] == codes)[np.triu_indices(2500, 1)]
    expected = roc_auc_score(same, -distances)
    assert scored.scores["p"]["roc_auc"].value == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("score", [roc_auc, eer, tpr_at_fpr, opis, alignment])
def test_no_label_gives_no_score_of_pairs(score):
    assert score(np.eye(12), [None] * 12) is None


def test_missing_scores_of_pairs_have_reasons():
    x = np.random.default_rng(0).normal(size=(30, 4))
    result = score_properties(x, {"p": Property(np.arange(30) // 2)}, intervals=False)
    assert result["properties"]["p"]["tpr_at_fpr_1e-3"]["value"] is None
    assert "fewer than 1,000 pairs" in result["properties"]["p"]["reason"]
    one_pair = score_properties(x, {"p": Property([0, 0, *range(1, 29)])}, intervals=False)
    assert one_pair["properties"]["p"]["opis"]["value"] is None
    assert "fewer than two labels have a pair" in one_pair["properties"]["p"]["reason"]


def test_a_share_of_all_pairs_is_as_sure_as_there_are_scenes():
    """Pictures of one scene are no independent witnesses: 20 scenes of 10, or 20 of 1."""
    labels = np.arange(20) % 2
    lower_ends = []
    for variants in (1, 10):
        scenes = np.repeat(np.arange(20), variants)
        x = np.eye(2)[labels[scenes]]
        scored = score_properties(x, {"p": Property(labels[scenes])}, scenes=scenes, chance=False)
        auc = scored["properties"]["p"]["roc_auc"]
        assert auc["value"] == 1.0
        lower_ends.append(auc["ci95"][0])
    assert lower_ends[1] == pytest.approx(lower_ends[0], abs=0.02)


def test_the_spearman_of_distances_with_categories_is_a_function_of_roc_auc():
    """So no score of its own: rsa_property is distance_spearman where distances have an order."""
    x, codes = labeled(images=120, labels=2)
    distances, same, _, _ = pairs_of(x, codes)
    share = same.mean()
    expected = (2 * roc_auc(x, codes) - 1) * np.sqrt(3 * share * (1 - share))
    expected *= len(same) / np.sqrt(len(same) ** 2 - 1)
    assert spearmanr(distances, ~same).statistic == pytest.approx(expected, abs=1e-5)
    assert distance_spearman(x, codes.astype(float)) == pytest.approx(expected, abs=1e-5)
