"""What is not valid is refused, with what, where, and what would be valid, in one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dmlbench import scores as properties
from dmlbench.scores import Property, score_properties
from dmlbench.scores.labels import encode_labels
from dmldata.common.errors import InputError

GOOD = np.random.default_rng(0).normal(size=(6, 3))
LABELS = [0, 0, 1, 1, 2, 2]


def with_rows(rows, value):
    x = GOOD.copy()
    x[rows] = value
    return x


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (GOOD[0], r"embeddings: shape \[3\]; valid: \[N, D\]"),
        (GOOD[None], r"embeddings: shape \[1, 6, 3\]; valid: \[N, D\]"),
        (GOOD[:0], r"embeddings: empty \(shape \[0, 3\]\); valid: N >= 1"),
        (GOOD[:, :0], r"embeddings: empty \(shape \[6, 0\]\)"),
        (GOOD.astype(complex), "embeddings: dtype complex128; valid: real numbers"),
        (GOOD.astype(object), "embeddings: dtype object"),
        (with_rows([2, 4], np.nan), "2 rows hold NaN or infinity; first at row 2"),
        (with_rows([5], np.inf), "1 row holds NaN or infinity; first at row 5"),
        (with_rows([1, 3], 0.0), "2 rows are a zero vector.*first at row 1"),
    ],
)
def test_embeddings_that_are_not_finite_vectors_are_refused(embeddings, message):
    with pytest.raises(InputError, match=message) as error:
        score_properties(embeddings, {"p": Property(LABELS)})
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=message):
        properties.nr_precision(embeddings, LABELS)


def test_zero_vectors_are_fine_where_nothing_is_normalized():
    assert properties.nr_precision_paper(with_rows([1], 0.0), LABELS) is not None


@pytest.mark.parametrize(
    ("prop", "message"),
    [
        (Property([0, 1]), "property 'paint': 2 labels for 6 images; valid: one per image"),
        (Property([[0, 1]] * 6), "property 'paint'"),
        (Property(np.zeros((6, 2))), r"property 'paint': shape \[6, 2\]; valid: \[N\]"),
        (Property([0, 0, 1, 1, 2, np.inf]), "infinite label at row 5"),
        (Property(LABELS, kind="linear", values=[1e200] * 6), r"value 1e\+200; valid: at most 1e"),
        (Property(np.array([0, 0, 1, 1, 2, np.inf])), "infinite label at row 5"),
        (Property(np.zeros(6, complex)), "dtype complex128; valid: integers, text"),
        (
            Property(LABELS, kind="circular"),
            "unknown kind 'circular' in property 'paint'; valid: categorical",
        ),
        (Property(LABELS, kind="cyclic"), "period None; valid: a positive number"),
        (Property(LABELS, kind="cyclic", period=-1.0), "period -1.0; valid: a positive number"),
        (Property(list("aabbcc"), kind="linear"), "kind 'linear' needs numbers"),
        (Property(LABELS, kind="linear", values=[1.0]), "1 labels for 6 images"),
        (Property(LABELS, kind="linear", values=[np.inf] * 6), "infinite value at row 0"),
    ],
)
def test_labels_that_do_not_fit_are_refused(prop, message):
    with pytest.raises(InputError, match=message) as error:
        score_properties(GOOD, {"paint": prop})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"permutations": 50}, "permutations 50; valid: at least 199"),
        ({"max_queries": 0}, "max_queries 0; valid: at least 1"),
        ({"threads": 0}, "threads 0; valid: at least 1"),
        ({"seed": -1}, "seed -1; valid: an integer >= 0"),
        ({"seed": 1.5}, "seed 1.5; valid: an integer >= 0"),
        ({"scenes": [1, 2]}, "scenes: 2 labels for 6 images"),
        ({"scenes": [1, 2, None, 4, 5, 6]}, "scenes: row 2 has none"),
    ],
)
def test_settings_that_are_not_valid_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        score_properties(GOOD, {"p": Property(LABELS)}, **settings)


@pytest.mark.parametrize(
    "labels",
    [
        [3, 3, None, 5],
        ["x", "x", None, "y"],
        np.array(["x", "x", None, "y"], dtype=object),
        np.array([1.0, 1.0, np.nan, 2.0]),
        [1.0, 1.0, float("nan"), 2.0],
        ["x", "x", float("nan"), "y"],
        [1.0, 1.0, np.float32("nan"), 2.0],
        pd.Series(["x", "x", pd.NA, "y"], dtype="string"),
        pd.Series([True, True, pd.NA, False], dtype="boolean"),
        pd.Series(pd.to_datetime(["2026-01-01", "2026-01-01", None, "2026-01-02"])).astype(object),
    ],
)
def test_none_and_nan_mean_no_label(labels):
    coded = encode_labels(labels, 4)
    assert coded.rows.tolist() == [0, 1, 3]
    assert coded.codes[0] == coded.codes[1] != coded.codes[2]
    assert coded.missing == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.bool_])
def test_numbers_of_any_precision_are_embeddings(dtype):
    x = np.repeat(np.eye(3), 2, axis=0).astype(dtype)
    assert properties.arp(x, LABELS) == pytest.approx(1.0)


def test_a_single_image_has_no_score():
    scores = score_properties(GOOD[:1], {"p": Property(["a"])})["properties"]["p"]
    assert scores["reason"].startswith("a single label")
