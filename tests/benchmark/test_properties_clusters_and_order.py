"""AMI and NMI against scikit-learn, distance_spearman against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

from dmlbench import scores as properties
from dmlbench.scores import Property, clustering, score_properties
from dmlbench.scores._kernels.distance_correlation import (
    Column,
    correlate_distances,
    property_distances,
)
from dmlbench.scores.clustering import Clustering, agreement, cluster
from dmlbench.scores.score import ABSENT
from dmlbench.scores.uncertainty import drop_groups

CODES = hnp.arrays(np.int64, 30, elements=st.integers(0, 4))


@settings(max_examples=60, deadline=None)
@given(CODES, CODES)
def test_ami_and_nmi_equal_those_of_scikit_learn(labels, clusters):
    labels, clusters = (np.unique(column, return_inverse=True)[1] for column in (labels, clusters))
    if labels.max() == 0:
        return
    shuffled = np.random.default_rng(0).permutation(labels)
    scores = agreement(labels, Clustering(clusters, []), [shuffled])
    for codes, ami, nmi in [
        (labels, scores.values["ami"], scores.values["nmi"]),
        (shuffled, scores.permuted["ami"][0], scores.permuted["nmi"][0]),
    ]:
        assert ami == pytest.approx(adjusted_mutual_info_score(codes, clusters), abs=1e-9)
        assert nmi == pytest.approx(normalized_mutual_info_score(codes, clusters), abs=1e-9)


def test_clusters_are_of_the_images_whose_label_occurs_twice():
    x = np.repeat(np.eye(4), [3, 3, 3, 1], axis=0)
    labels = ["a"] * 3 + ["b"] * 3 + ["c"] * 3 + ["once"]
    assert properties.ami(x, labels) == pytest.approx(1.0)


def test_of_very_many_labels_a_seeded_part_is_clustered(monkeypatch):
    clustered = []
    monkeypatch.setattr(clustering, "MAX_LABELS", 5)
    monkeypatch.setattr(
        clustering, "cluster", lambda x, k, *rest: clustered.append(x) or cluster(x, k, *rest)
    )
    labels = np.arange(60) // 3
    x = np.eye(20)[labels]
    assert properties.ami(x, labels, seed=0) == pytest.approx(1.0)
    first = clustered[0]
    assert len(first) == 15
    assert len(np.unique(first, axis=0)) == 5
    properties.ami(x, labels, seed=0)
    np.testing.assert_array_equal(clustered[1], first)


def test_fewer_distinct_embeddings_than_labels_have_an_ami():
    labels = np.arange(40) % 4
    assert properties.ami(np.ones((40, 3)), labels) == pytest.approx(0.0, abs=1e-9)
    assert properties.nmi(np.ones((40, 3)), labels) == pytest.approx(0.0, abs=1e-9)
    x = np.eye(2)[labels % 2]
    assert 0 < properties.ami(x, labels) < 1


def test_clusterings_without_a_group_leave_out_that_group_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) + 5 * np.eye(3)[np.arange(60) % 3]
    groups = drop_groups(60, None, 0)
    clusters_of_all = cluster(x, 3, 0, groups)
    assert len(clusters_of_all.replicates) == 20
    for group, (staying, clusters) in enumerate(clusters_of_all.replicates):
        np.testing.assert_array_equal(staying, groups != group)
        of_all = clusters_of_all.clusters[staying]
        assert adjusted_mutual_info_score(clusters, of_all) == pytest.approx(1.0)


def pairs(x):
    return squareform(((x[:, None] - x) ** 2).sum(axis=2), checks=False)


@pytest.mark.parametrize("period", [None, 6.0])
@pytest.mark.parametrize("binned", [True, False])
def test_distance_spearman_equals_that_of_scipy(period, binned):
    rng = np.random.default_rng(1)
    values = rng.integers(0, 6, 90).astype(float) if binned else rng.uniform(0, 6, 90)
    x = np.stack([np.cos(values), np.sin(values)], axis=1) + 0.5 * rng.normal(size=(90, 2))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    between = squareform(property_distances(values, period).round(9), checks=False)
    expected = spearmanr(pairs(unit), between).statistic
    assert properties.distance_spearman(x, values, period=period) == pytest.approx(expected)


@pytest.mark.parametrize("binned", [True, False])
def test_mantel_permutations_and_replicates_equal_those_recomputed(binned):
    rng = np.random.default_rng(2)
    values = rng.integers(0, 5, 80).astype(float) if binned else rng.normal(size=80)
    x = rng.normal(size=(80, 3)) + values[:, None]
    squared = ((x[:, None] - x) ** 2).sum(axis=2)
    orders = [rng.permutation(80) for _ in range(7)]
    groups = drop_groups(80, None, 0)
    column = Column(values, None, orders)
    correlation = correlate_distances(squared, [column], tolerance=1e-12, groups=groups)[0]
    again = [
        correlate_distances(squared, [Column(values[order])], tolerance=1e-12)[0].value
        for order in orders
    ]
    assert correlation.permuted == pytest.approx(again, abs=1e-9)
    left = [
        correlate_distances(
            squared[staying][:, staying], [Column(values[staying])], tolerance=1e-12
        )[0].value
        for staying in (groups != group for group in range(20))
    ]
    assert correlation.replicates == pytest.approx(left, abs=1e-9)


def test_the_circle_has_no_end():
    angle = np.arange(0.0, 360.0, 10.0)
    x = np.stack([np.cos(np.radians(angle)), np.sin(np.radians(angle))], axis=1)
    assert properties.distance_spearman(x, angle, period=360.0) == pytest.approx(1.0)
    assert properties.distance_spearman(x, angle) < 0.8


def test_equal_steps_of_a_property_are_equal_distances_despite_rounding():
    values = np.array([0.1, 0.2, 0.3, 0.4]) * 3
    x = np.stack([np.ones(4), values], axis=1)
    in_integers = properties.distance_spearman(x, np.array([1.0, 2.0, 3.0, 4.0]))
    assert properties.distance_spearman(x, values) == pytest.approx(in_integers)


def test_images_without_a_value_are_left_out_of_distance_spearman():
    rng = np.random.default_rng(3)
    values = rng.normal(size=50)
    x = np.stack([np.ones(50), values + 0.3 * rng.normal(size=50)], axis=1)
    missing = np.where(np.arange(50) < 12, np.nan, values)
    assert properties.distance_spearman(x, missing) == pytest.approx(
        properties.distance_spearman(x[12:], values[12:])
    )


def test_distance_spearman_is_null_where_all_embeddings_are_equal():
    prop = Property(np.arange(40) % 4, kind="linear")
    scores = score_properties(np.ones((40, 3)), {"p": prop})["properties"]["p"]
    assert scores["distance_spearman"] == ABSENT.model_dump()
    assert scores["reason"] == "all embeddings are equal"
    assert scores["arp"]["value"] == pytest.approx(0.0, abs=1e-12)
