"""Scores are declared once, and what is computed agrees with the declarations."""

from pathlib import Path

import numpy as np
import pytest

from dmlbench.results.files import EVERY_PROPERTY
from dmlbench.scores import Property, score_properties
from dmlbench.scores._kernels.formulas import FORMULAS, ORDERED
from dmlbench.scores.registry import (
    EMBEDDING_SCORES,
    INTERVENTION_SCORES,
    PROPERTY_SCORES,
    RETRIEVAL,
    declared,
    readings,
    scores_of,
)

FIELDS = {"n", "labels", "left_out", "reason"}


def test_keys_and_titles_are_unique():
    scores = [*PROPERTY_SCORES, *EMBEDDING_SCORES, *INTERVENTION_SCORES]
    for names in ([score.key for score in scores], [score.title for score in scores]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("held", [None, "car"])
def test_a_result_holds_the_declared_scores_of_its_kind_in_their_order(held):
    rng = np.random.default_rng(0)
    x, yaw = rng.normal(size=(60, 4)), rng.uniform(0, 360, 60)
    properties = {
        "car": Property(np.arange(60) % 4),
        "yaw": Property(yaw // 90, kind="cyclic", values=yaw, period=360.0),
    }
    result = score_properties(x, properties, held=held, intervals=False, chance=False)
    for name, scored in result["properties"].items():
        inside = held not in (None, name)
        expected = [score.key for score in scores_of(properties[name].kind, within_class=inside)]
        assert [key for key in scored if key not in FIELDS] == expected
        for key in expected:
            assert declared(key).lowest <= scored[key]["value"] <= declared(key).highest


def test_every_score_of_neighbors_has_a_declaration():
    assert {*FORMULAS, ORDERED} <= {score.key for score in PROPERTY_SCORES}


def test_result_files_require_what_they_have_always_held():
    assert set(EVERY_PROPERTY) == {
        *("nr_precision", "arp", "r_precision", "map_at_r", "precision_at_1", "decodability"),
    }


def test_scores_that_are_read_alike_share_a_sentence():
    assert readings(RETRIEVAL).startswith("Precision@1, R-Precision: 1 is perfect")
    assert readings((declared("nmi"),)) == ""


def test_every_score_has_a_section_that_says_what_it_tells_and_what_not():
    page = Path(__file__).parents[2] / "docs" / "scores.md"
    sections = dict(
        section.split("\n", 1) for section in page.read_text(encoding="utf-8").split("\n### ")[1:]
    )
    for score in (*PROPERTY_SCORES, *EMBEDDING_SCORES, *INTERVENTION_SCORES):
        text = sections[score.title]
        assert f"`{score.key}`" in text.split(".")[0]
        assert "Tells " in text
        assert "does not" in " ".join(text.split())
