"""Interventions: how far one group of factors moves an embedding, and towards whom."""

from __future__ import annotations

import numpy as np
import pytest

from dmlbench.scores import score_interventions
from dmldata.common.errors import InputError


def sweep(scenes, variants, cars, seed=0):
    """Columns of a sweep, shuffled as datasets are."""
    scene, variant = np.divmod(np.arange(scenes * variants), variants)
    order = np.random.default_rng(seed).permutation(len(scene))
    return scene[order], variant[order], (scene % cars)[order]


def embed(scene, variant, car, by_car, by_variant, noise=0.0, seed=1):
    rng = np.random.default_rng(seed)
    x = np.concatenate(
        [by_car * np.eye(6)[car], by_variant * np.eye(6)[variant], np.ones((len(car), 1))], axis=1
    )
    return x + noise * rng.normal(size=x.shape)


def test_an_embedding_of_the_car_alone_does_not_move():
    columns = sweep(24, 3, 4)
    scores = score_interventions(embed(*columns, 1.0, 0.0), *columns)
    assert scores["sensitivity"]["value"] == pytest.approx(0, abs=1e-6)
    assert scores["retrieval_under_intervention"]["value"] == 1
    assert scores["reason"] is None


def test_an_embedding_of_the_setting_alone_moves_and_retrieves_the_setting():
    columns = sweep(24, 3, 4)
    scores = score_interventions(embed(*columns, 0.0, 1.0), *columns)
    assert scores["between_cars"] == pytest.approx(0, abs=1e-6)
    assert scores["sensitivity"]["value"] is None or scores["sensitivity"]["value"] > 1e3
    assert scores["retrieval_under_intervention"]["value"] == 0


def test_sensitivity_worked_by_hand():
    # Unit vectors in the plane: scenes at 0 and 90 degrees, the second variant 30 degrees further.
    angle = np.radians([0.0, 30.0, 90.0, 120.0])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    scores = score_interventions(x, [0, 0, 1, 1], [0, 1, 0, 1], ["a", "a", "b", "b"])
    chord = 2 * np.sin(np.radians([15.0, 45.0]))
    assert scores["moved"] == pytest.approx(chord[0])
    assert scores["between_cars"] == pytest.approx(chord[1])
    assert scores["sensitivity"]["value"] == pytest.approx(chord[0] / chord[1])
    # Each image: 30 degrees to the same car, 90 degrees to the same setting.
    assert scores["retrieval_under_intervention"]["value"] == 1
    assert scores["retrieval_expected"] == 0.5


def test_ties_count_half():
    x = [[1.0, 0.0], [0.0, 1.0], [0.0, -1.0], [-1.0, 0.0]]
    scores = score_interventions(x, [0, 0, 1, 1], [0, 1, 0, 1], ["a", "a", "b", "b"])
    assert scores["retrieval_under_intervention"]["value"] == 0.5


def test_random_embeddings_retrieve_as_expected_and_the_interval_says_so():
    inside = 0
    for seed in range(20):
        columns = sweep(60, 3, 5, seed)
        x = np.random.default_rng(100 + seed).normal(size=(180, 16))
        scores = score_interventions(x, *columns, seed=seed)
        low, high = scores["retrieval_under_intervention"]["ci95"]
        inside += low <= scores["retrieval_expected"] <= high
        low, high = scores["sensitivity"]["ci95"]
        assert low < scores["sensitivity"]["value"] < high
    assert inside >= 17


def test_order_of_the_images_and_rotation_of_the_embeddings_change_nothing():
    columns = np.stack(sweep(40, 3, 4))
    x = embed(*columns, 1.0, 0.5, noise=0.2)
    order = np.random.default_rng(3).permutation(len(x))
    rotation = np.linalg.qr(np.random.default_rng(4).normal(size=(13, 13)))[0]
    scores = score_interventions(x, *columns, intervals=False)
    other = score_interventions((x @ rotation)[order], *columns[:, order], intervals=False)
    for score in ("sensitivity", "retrieval_under_intervention"):
        assert scores[score]["value"] == pytest.approx(other[score]["value"], rel=1e-9)


@pytest.mark.parametrize(
    ("variants", "cars", "reason"),
    [
        ([0, 0, 0, 0], ["a", "b", "a", "b"], "one variant only"),
        ([0, 1, 0, 1], ["a", "a", "a", "a"], "one car model only"),
        ([0, 1, 0, 1], ["a", "b", "a", "b"], "changes the car model itself"),
    ],
)
def test_where_there_is_nothing_to_compare_the_reason_is_given(variants, cars, reason):
    scenes = [0, 1, 2, 3] if variants == [0, 0, 0, 0] else [0, 0, 1, 1]
    scores = score_interventions(
        np.random.default_rng(0).normal(size=(4, 3)), scenes, variants, cars
    )
    assert reason in scores["reason"]
    assert scores["sensitivity"]["value"] is None


def test_no_sensitivity_where_different_cars_have_the_same_embedding_and_the_reason_is_given():
    x = [[1.0, 0.0], [0.0, 1.0]] * 4
    scores = score_interventions(x, np.arange(8) // 2, [0, 1] * 4, list("aabbaabb"))
    assert scores["sensitivity"]["value"] is None
    assert "no distance to compare with" in scores["reason"]


def test_the_interval_of_a_retrieval_of_1_has_a_width():
    columns = sweep(60, 3, 5)
    scores = score_interventions(embed(*columns, 5.0, 0.1), *columns)
    score = scores["retrieval_under_intervention"]
    assert score["value"] == score["ci95"][1] == 1.0
    assert 0.9 < score["ci95"][0] < 0.95


def test_a_missing_car_is_refused():
    with pytest.raises(InputError, match="cars: 1 of 2 images have none"):
        score_interventions([[1.0, 0.0], [0.0, 1.0]], [0, 1], [0, 0], ["a", None])
