"""Answers that are known without computing: by hand, by construction, by symmetry."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmlbench import scores as properties
from dmlbench.scores import Property, score_properties
from dmlbench.scores.geometry import effective_rank, embedding_notes

NEIGHBOR_SCORES = (
    "nr_precision",
    "nr_precision_paper",
    "arp",
    "r_precision",
    "map_at_r",
    "precision_at_1",
)


def values(x, labels, **prop):
    by_name = {"p": Property(labels, **prop)}
    result = score_properties(x, by_name, intervals=False, chance=False)["properties"]["p"]
    return {name: result[name]["value"] for name in (*NEIGHBOR_SCORES, "ami", "nmi")}


# Five points on a line. Query by query, nearest first and R = images of its label - 1:
#   0 a: R = 2, a b | b b    1 a: R = 2, a b | b a    3 b: R = 1, a | a b a
#   7 b: R = 1, a | b a a    8 a: R = 2, b b | a a
LINE = [[0.0], [1.0], [3.0], [7.0], [8.0]]
LINE_LABELS = ["a", "a", "b", "b", "a"]


def test_r_precision_worked_by_hand():
    score = properties.r_precision(LINE, LINE_LABELS, normalize=False)
    assert score == pytest.approx((1 / 2 + 1 / 2 + 0 + 0 + 0) / 5)


def test_precision_at_1_worked_by_hand():
    score = properties.precision_at_1(LINE, LINE_LABELS, normalize=False)
    assert score == pytest.approx(2 / 5)


def test_map_at_r_worked_by_hand():
    score = properties.map_at_r(LINE, LINE_LABELS, normalize=False)
    assert score == pytest.approx((1 / 2 + 1 / 2 + 0 + 0 + 0) / 5)


def test_arp_worked_by_hand():
    score = properties.arp(LINE, LINE_LABELS, normalize=False)
    a, b = 2 / 4, 1 / 4
    by_query = [(0.5 - a) / (1 - a)] * 2 + [-b / (1 - b)] * 2 + [-a / (1 - a)]
    assert score == pytest.approx(np.mean(by_query))


def test_nr_precision_worked_by_hand():
    a, b = (2 * 0.6 * 0.4) ** 0.5, (1 * 0.4 * 0.6) ** 0.5
    by_query = [(1 - 1.2) / a] * 2 + [(0 - 0.4) / b] * 2 + [(0 - 1.2) / a]
    expected = pytest.approx(np.mean(by_query))
    assert properties.nr_precision(LINE, LINE_LABELS, normalize=False) == expected
    assert properties.nr_precision_paper(LINE, LINE_LABELS) == expected


def test_a_neighbor_tied_with_the_last_place_counts_as_its_share():
    # The query at 0 looks at one place, which a (at 1) and b (at -1) share.
    x = [[0.0], [1.0], [-1.0], [-9.0]]
    score = properties.precision_at_1(x, ["a", "a", "b", "b"], normalize=False)
    assert score == pytest.approx((1 / 2 + 1 + 0 + 1) / 4)


def test_a_label_that_occurs_once_is_a_neighbor_but_no_query():
    x = [[0.0], [1.0], [0.9], [5.0], [6.0]]
    labels = ["a", "a", "once", "b", "b"]
    # Queries: 0 a (nearest: once), 1 a (nearest: once), 5 b and 6 b (nearest: b).
    assert properties.precision_at_1(x, labels, normalize=False) == pytest.approx(1 / 2)
    result = score_properties(np.array(x) + 1, {"p": Property(labels)})["properties"]["p"]
    assert result["left_out"] == {"no_label": 0, "label_once": 1}
    assert (result["n"], result["labels"]) == (5, 3)


def test_the_paper_shares_leave_out_labels_that_occur_once():
    x = [[0.0], [1.0], [20.0], [5.0], [6.0]]
    labels = ["a", "a", "once", "b", "b"]
    assert properties.nr_precision(x, labels, normalize=False) == pytest.approx(
        (1 - 0.4) / (0.4 * 0.6) ** 0.5
    )
    assert properties.nr_precision_paper(x, labels) == pytest.approx(1.0)


def test_an_embedding_that_is_a_one_hot_of_a_property_scores_arp_1():
    labels = np.repeat(np.arange(6), [2, 3, 10, 11, 30, 44])
    x = np.random.default_rng(0).permutation(np.eye(6))[labels]
    scores = values(x, labels)
    for name in ("arp", "r_precision", "map_at_r", "precision_at_1", "ami", "nmi"):
        assert scores[name] == pytest.approx(1.0, abs=1e-9), name


def test_an_embedding_that_is_the_same_for_all_images_scores_arp_0():
    labels = np.repeat(np.arange(3), [4, 5, 11])
    scores = values(np.ones((20, 8)), labels)
    assert scores["arp"] == pytest.approx(0.0, abs=1e-12)


def test_neighbors_that_are_all_of_other_labels_score_below_chance():
    angle = np.radians([0, 2, 60, 62, 120, 122])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert properties.arp(x, [0, 1, 2, 0, 1, 2]) < 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["random", "tied"]), st.floats(1e-6, 1e6))
def test_scores_do_not_change_under_shuffle_rotation_and_scale(seed, kind, scale):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 40)
    x = rng.normal(size=(40, 6))
    if kind == "tied":
        x = np.eye(6)[rng.integers(0, 6, 40)]
    expected = values(x, labels)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    order = rng.permutation(40)
    for changed, changed_labels in [
        (x[order], labels[order]),
        (x @ rotation, labels),
        (x * scale, labels),
    ]:
        scores = values(changed, changed_labels)
        for name in NEIGHBOR_SCORES:
            assert scores[name] == pytest.approx(expected[name], abs=1e-9), name


def test_the_default_scores_ignore_the_length_of_an_embedding_and_the_paper_score_does_not():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], 20)
    x = rng.normal(size=(40, 4)) + labels[:, None]
    stretched = x * rng.uniform(0.1, 10, (40, 1))
    scores, other = values(x, labels), values(stretched, labels)
    for name in ("nr_precision", "arp", "r_precision", "map_at_r", "precision_at_1"):
        assert scores[name] == pytest.approx(other[name], abs=1e-9)
    assert scores["nr_precision_paper"] != pytest.approx(other["nr_precision_paper"], abs=1e-3)


def test_embeddings_far_from_the_origin_keep_their_neighbors():
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], 20)
    x = rng.normal(size=(60, 5)) + np.eye(5)[labels] * 2
    near = properties.nr_precision_paper(x, labels)
    assert properties.nr_precision_paper(x + 1e4, labels) == pytest.approx(near, abs=1e-6)
    assert properties.nr_precision_paper(x * 1e160, labels) == pytest.approx(near, abs=1e-9)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([7] * 6, "a single label ('7'): a score compares at least two"),
        ([7, 7, 7, None, None, None], "a single label ('7'): a score compares at least two"),
        ([None] * 6, "no image has a label"),
        (range(6), "every label occurs once: no image has a neighbor with its label"),
    ],
)
def test_a_property_that_cannot_be_scored_is_null_with_a_reason(labels, reason):
    x = np.random.default_rng(0).normal(size=(6, 3))
    result = score_properties(x, {"p": Property(list(labels), kind="linear", values=np.arange(6))})
    scores = result["properties"]["p"]
    assert scores["reason"] == reason
    nothing = {"value": None, "ci95": None, "chance": None, "replicates": None}
    for name in (*NEIGHBOR_SCORES, "ami", "nmi", "distance_spearman"):
        assert scores[name] == nothing
    json.dumps(result, allow_nan=False)
    for name in (*NEIGHBOR_SCORES, "ami", "nmi"):
        assert getattr(properties, name)(x, list(labels)) is None


def test_one_repeated_label_among_single_ones_has_the_scores_that_exist():
    x = np.random.default_rng(0).normal(size=(6, 3))
    scores = score_properties(x, {"p": Property([0, 0, 0, 1, 2, 3])})["properties"]["p"]
    assert scores["nr_precision"]["value"] is not None
    assert scores["nr_precision_paper"]["value"] is None
    assert scores["ami"]["value"] is None
    assert "only one label occurs more than once" in scores["reason"]


def cone(dimensions, signal, seed=0):
    """A direction that all embeddings share, and a little of a one-hot of their labels, noisy."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, 1500)
    common = rng.normal(size=dimensions)
    part = np.eye(dimensions)[labels] + rng.normal(size=(1500, dimensions)) / dimensions**0.5
    return common / np.linalg.norm(common) + signal * part, labels


@pytest.mark.parametrize(("dimensions", "signal"), [(64, 1e-3), (64, 3e-4), (512, 1e-5)])
def test_a_narrow_cone_in_float32_scores_what_float64_scores(dimensions, signal):
    x, labels = cone(dimensions, signal)
    for name in ("nr_precision", "nr_precision_paper", "precision_at_1", "map_at_r"):
        score = getattr(properties, name)
        assert score(x.astype(np.float32), labels) == pytest.approx(score(x, labels), abs=0.02)
    assert properties.nr_precision(x, labels) > 20
    assert "effective rank 1." in next(embedding_notes(x, effective_rank(x)))


def test_embeddings_at_the_limit_of_their_precision_get_a_note():
    x, _ = cone(64, 3e-7)
    for array, limit in ((x.astype(np.float32), True), (x, False)):
        notes = list(embedding_notes(array, effective_rank(array)))
        assert any("limit of the input's precision" in note for note in notes) == limit
        assert any("collapsed" in note for note in notes)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_embeddings_of_half_precision_are_at_their_limit_sooner(kind):
    x = torch.from_numpy(cone(64, 3e-3)[0])
    whole, half = x.float().numpy(), x.to(getattr(torch, kind)).float().numpy()
    assert not any("precision" in note for note in embedding_notes(whole, effective_rank(whole)))
    notes = embedding_notes(half, effective_rank(half))
    assert any(f"limit of the input's precision: {kind} embeddings" in note for note in notes)


@pytest.mark.parametrize("collapsed", [True, False])
def test_equal_embeddings_get_a_note_and_spread_ones_none(collapsed):
    x = np.ones((40, 8)) if collapsed else np.random.default_rng(0).normal(size=(40, 8))
    result = score_properties(x, {"p": Property(np.arange(40) % 2)}, intervals=False, chance=False)
    assert [note.startswith("the embeddings have collapsed") for note in result["notes"]] == [
        True
    ] * collapsed
