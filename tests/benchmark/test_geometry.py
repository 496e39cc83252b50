"""The shape of embeddings: against formulas, known answers, invariances."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, skew

from dmlbench.scores import Property, effective_rank, hubness, score_properties, uniformity
from dmlbench.scores.uncertainty import drop_groups


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def squared_distances(x):
    return np.square(x[:, None] - x).sum(axis=2)


def occurrences(x, scenes=None):
    """How often each image is among the ten nearest, by plain sorting."""
    counts = np.zeros(len(x))
    squared = squared_distances(unit(x))
    for i, row in enumerate(squared):
        others = [
            j for j in np.argsort(row) if (i != j if scenes is None else scenes[i] != scenes[j])
        ]
        counts[others[:10]] += 1
    return counts


def plain_uniformity(x, scenes=None):
    first, second = np.triu_indices(len(x), 1)
    other = np.ones(len(first), bool) if scenes is None else scenes[first] != scenes[second]
    return np.log(np.exp(-2 * squared_distances(unit(x))[first, second][other]).mean())


@pytest.mark.parametrize("shape", [(200, 8), (40, 64)])
def test_scores_of_shape_are_the_formulas(shape):
    x = np.random.default_rng(0).normal(size=shape) + 0.5
    singular = np.linalg.svd(unit(x), compute_uv=False)
    assert effective_rank(x) == pytest.approx(np.exp(entropy(singular)))
    assert uniformity(x) == pytest.approx(plain_uniformity(x))
    assert hubness(x) == pytest.approx(skew(occurrences(x)))


def test_in_sweeps_pairs_of_one_scene_are_left_out():
    rng = np.random.default_rng(0)
    scenes = np.repeat(np.arange(30), 4)
    x = rng.normal(size=(30, 6))[scenes] + 0.1 * rng.normal(size=(120, 6))
    scores = score_properties(x, {}, scenes=scenes)["geometry"]["scores"]
    assert scores["uniformity"]["value"] == pytest.approx(plain_uniformity(x, scenes))
    assert scores["hubness"]["value"] == pytest.approx(skew(occurrences(x, scenes)))


def test_replicates_are_the_scores_without_each_group():
    x = np.random.default_rng(0).normal(size=(400, 12)) * np.linspace(2, 0.2, 12)
    scores = score_properties(x, {})["geometry"]["scores"]
    groups = drop_groups(len(x), None, 0)
    left = [x[groups != group] for group in range(20)]
    for key, score in (("uniformity", uniformity), ("hubness", hubness)):
        expected = [score(part) for part in left]
        assert scores[key]["replicates"] == pytest.approx(expected, rel=1e-9)
    # The rank without a group is a first-order one, whose error is the same for all groups.
    expected = np.array([effective_rank(part) for part in left])
    replicates = np.array(scores["effective_rank"]["replicates"])
    assert np.corrcoef(replicates, expected)[0, 1] > 0.999
    assert replicates.std() == pytest.approx(expected.std(), rel=0.05)


def test_collapsed_embeddings_are_at_the_floor_and_random_ones_at_their_values():
    rng = np.random.default_rng(0)
    collapsed = np.ones((50, 8)) + 1e-4 * rng.normal(size=(50, 8))
    assert effective_rank(collapsed) == pytest.approx(1, abs=0.01)
    assert uniformity(collapsed) == pytest.approx(0, abs=1e-6)
    geometry = score_properties(rng.normal(size=(500, 16)), {})["geometry"]
    for key, score in geometry["scores"].items():
        low, high = score["ci95"]
        assert low < score["value"] < high
        assert geometry["random"][key] == pytest.approx(score["value"], rel=0.15, abs=0.15)
    assert hubness(rng.normal(size=(500, 64)) + 1) > 2 * abs(hubness(rng.normal(size=(500, 2))))


def test_tied_neighbors_share_the_tenth_place():
    x = np.repeat(np.eye(3), 20, axis=0)
    assert hubness(x) is None
    result = score_properties(x, {})["geometry"]["scores"]["hubness"]
    assert result == {"value": None, "ci95": None, "chance": None, "replicates": None}


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_order_rotation_and_scale_change_no_score_of_shape(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 5)) + 0.3
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    changed = (x @ rotation * rng.uniform(0.5, 2, (60, 1)))[rng.permutation(60)]
    for score in (effective_rank, uniformity, hubness):
        assert score(changed) == pytest.approx(score(x), abs=1e-9)


@pytest.mark.parametrize("images", [1, 2, 30])
def test_equal_embeddings_and_single_images_have_a_shape_and_verify_by_chance(images):
    labels = Property(np.arange(images) % 3)
    result = score_properties(np.ones((images, 4)), {"p": labels})
    scores = result["geometry"]["scores"]
    assert scores["effective_rank"]["value"] == pytest.approx(1)
    assert scores["uniformity"]["value"] == (None if images == 1 else pytest.approx(0))
    assert scores["hubness"]["value"] is None
    if images == 30:
        assert result["properties"]["p"]["roc_auc"]["value"] == 0.5
        assert result["properties"]["p"]["eer"]["value"] == 0.5
    json.dumps(result, allow_nan=False)
