"""Clustering of models by the correlation of their maps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import linkage

from dmlbench.compare.clustering import cluster_models

WORKED = {"ab": 0.9, "cd": 0.8, "ac": 0.1, "ad": 0.2, "bc": 0.3, "bd": 0.4}


def pairs(by_name):
    return {frozenset(name): r for name, r in by_name.items()}


def test_merges_are_those_of_a_worked_example():
    """a + b at 0.9, c + d at 0.8, then all at the mean of the other four."""
    found = cluster_models("abcd", pairs(WORKED))
    assert found.models == ("a", "b", "c", "d")
    assert [{one, other} for one, other, *_ in found.merges] == [{0, 1}, {2, 3}, {4, 5}]
    assert [merge[2] for merge in found.merges] == pytest.approx([0.1, 0.2, 0.75])
    assert [merge[3] for merge in found.merges] == [2, 2, 4]


def test_similar_models_stand_side_by_side():
    """b is nearer to d than to c, so d follows b."""
    assert cluster_models("abcd", pairs(WORKED)).order in (tuple("abdc"), tuple("cdba"))


@given(st.permutations("abcde"), st.integers(0, 10))
def test_order_of_the_models_makes_no_difference(models, seed):
    rng = np.random.default_rng(seed)
    found = {frozenset(pair): rng.uniform(-1, 1) for pair in itertools.combinations("abcde", 2)}
    assert cluster_models(models, found) == cluster_models("abcde", found)
    condensed = [1 - found[frozenset(pair)] for pair in itertools.combinations("abcde", 2)]
    expected = linkage(condensed, "average")
    merges = cluster_models(models, found).merges
    assert [merge[2] for merge in merges] == pytest.approx(expected[:, 2].tolist())


def test_two_models_have_one_merge():
    found = cluster_models(["b", "a"], pairs({"ab": -0.25}))
    assert found.merges == ((0, 1, 1.25, 2),)
    assert set(found.order) == {"a", "b"}


def test_one_model_has_none():
    found = cluster_models(["a"], {})
    assert (found.models, found.merges, found.order) == (("a",), (), ("a",))


def test_model_without_a_correlation_is_left_out_and_comes_last():
    found = cluster_models("abcd", pairs(WORKED | {"ad": None, "cd": None}))
    assert found.left_out == ("d",)
    assert found.order[-1] == "d"
    assert set(found.models) == set("abc")
    assert len(found.merges) == 2


def test_two_models_without_a_correlation_are_not_clustered():
    found = cluster_models("ab", pairs({"ab": None}))
    assert (found.models, found.left_out, found.merges) == (("a",), ("b",), ())
