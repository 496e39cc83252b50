"""Clustering of models by the correlation of their maps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import linkage

from dmlbench.comparison.clustering import cluster_models

WORKED = {"ab": 0.9, "cd": 0.8, "ac": 0.1, "ad": 0.2, "bc": 0.3, "bd": 0.4}


def pairs(by_name):
    return {frozenset(name): r for name, r in by_name.items()}


def test_merges_are_those_of_a_worked_example():
    """a + b at 0.9, c + d at 0.8, then all at the mean of the other four."""
    clustering = cluster_models("abcd", pairs(WORKED))
    assert clustering.models == ("a", "b", "c", "d")
    assert [{first, other} for first, other, *_ in clustering.merges] == [{0, 1}, {2, 3}, {4, 5}]
    assert [merge[2] for merge in clustering.merges] == pytest.approx([0.1, 0.2, 0.75])
    assert [merge[3] for merge in clustering.merges] == [2, 2, 4]


def test_similar_models_stand_side_by_side():
    """b is nearer to d than to c, so d follows b."""
    assert cluster_models("abcd", pairs(WORKED)).order in (tuple("abdc"), tuple("cdba"))


@given(st.permutations("abcde"), st.integers(0, 10))
def test_order_of_the_models_makes_no_difference(models, seed):
    rng = np.random.default_rng(seed)
    correlations = {
        frozenset(pair): rng.uniform(-1, 1) for pair in itertools.combinations("abcde", 2)
    }
    assert cluster_models(models, correlations) == cluster_models("abcde", correlations)
    condensed = [1 - correlations[frozenset(pair)] for pair in itertools.combinations("abcde", 2)]
    expected = linkage(condensed, "average")
    merges = cluster_models(models, correlations).merges
    assert [merge[2] for merge in merges] == pytest.approx(expected[:, 2].tolist())


def test_two_models_have_one_merge():
    clustering = cluster_models(["b", "a"], pairs({"ab": -0.25}))
    assert clustering.merges == ((0, 1, 1.25, 2),)
    assert set(clustering.order) == {"a", "b"}


def test_one_model_has_none():
    clustering = cluster_models(["a"], {})
    assert (clustering.models, clustering.merges, clustering.order) == (("a",), (), ("a",))


def test_model_without_a_correlation_is_left_out_and_comes_last():
    clustering = cluster_models("abcd", pairs(WORKED | {"ad": None, "cd": None}))
    assert clustering.left_out == ("d",)
    assert clustering.order[-1] == "d"
    assert set(clustering.models) == set("abc")
    assert len(clustering.merges) == 2


def test_two_models_without_a_correlation_are_not_clustered():
    clustering = cluster_models("ab", pairs({"ab": None}))
    assert (clustering.models, clustering.left_out, clustering.merges) == (("a",), ("b",), ())
