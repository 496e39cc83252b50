"""What is said of a study: by hand, and of the full one that stands in the docs."""

from pathlib import Path

import numpy as np
import pytest

from dmlbench.present.study_files import write_study
from dmlbench.results.files import Score
from dmlbench.study.averages import Averaged
from dmlbench.study.changes import Differences, count_differences
from dmlbench.study.find import retrieval_spearman
from dmlbench.study.findings import Findings

ROOT = Path(__file__).parents[3]
LOSSES = ("arcface", "cosface", "triplet", "margin", "fastap")


def averaged(*values):
    """A score a loss; of a control, too, which is worse than all."""
    given = dict(zip((*LOSSES, "none"), (*values, -9.0), strict=True))
    return {
        loss: Averaged(mean=value, std=None, ci95=None, beyond_chance=0, folds=1)
        for loss, value in given.items()
    }


def retrieved(*values):
    return {"car_model": {loss: {"map_at_r": one} for loss, one in averaged(*values).items()}}


def test_rank_correlation_with_retrieval_is_over_trained_losses_alone():
    properties = {
        "rises": averaged(1, 2, 3, 4, 50),
        "falls": averaged(5, 4, 3, 2, 1),
        "swapped": averaged(2, 1, 3, 4, 5),
    }
    found = retrieval_spearman(properties, retrieved(0.1, 0.2, 0.3, 0.4, 0.5))
    # One swap of neighbors among five: 1 - 6 * 2 / (5 * 24).
    assert {name: test.rho for name, test in found.items()} == pytest.approx(
        {"rises": 1.0, "falls": -1.0, "swapped": 0.9}
    )
    # Two of 120 orders are as far from 0 as all in order, ten as one swap; Holm over three.
    assert {name: test.p_holm for name, test in found.items()} == pytest.approx(
        {"rises": 6 / 120, "falls": 6 / 120, "swapped": 10 / 120}
    )


def test_what_has_no_ranks_has_no_rank_correlation():
    classes = retrieved(0.1, 0.2, 0.3, 0.4, 0.5)
    properties = {"same": averaged(1, 1, 1, 1, 1), "missing": averaged(1, 2, None, 4, 5)}
    assert retrieval_spearman(properties, classes) == {}
    few = {"car_model": {loss: classes["car_model"][loss] for loss in (*LOSSES[:4], "none")}}
    assert retrieval_spearman({"rises": averaged(1, 2, 3, 4, 5)}, few) == {}
    assert retrieval_spearman({"rises": averaged(1, 2, 3, 4, 5)}, {}) == {}


def test_all_that_the_docs_say_of_the_full_study_is_made_from_its_numbers(tmp_path):
    docs = ROOT / "docs" / "study"
    findings = Findings.model_validate_json((docs / "study.json").read_text())
    write_study(findings, tmp_path)
    for written in ("study.json", "summary.md", *(f"tables/{path.name}" for path in _tables(docs))):
        assert (tmp_path / written).read_text() == (docs / written).read_text()
    assert len(findings.losses) == 22


def _tables(docs):
    return (docs / "tables").iterdir()


def replicated(value, *spread):
    """A score whose jackknife replicates lie so far from it."""
    return Score(
        value=value, ci95=None, chance=None, replicates=tuple(value + away for away in spread)
    )


def test_pairs_of_losses_that_differ_are_counted_by_what_other_images_would_change_of_both():
    """The shared part of two losses cancels: their own intervals would overlap by far."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=20)
    own = {loss: 0.01 * rng.normal(size=20) for loss in ("arcface", "triplet", "margin", "none")}
    values = {"arcface": 1.0, "triplet": 1.0, "margin": 5.0, "none": 50.0}
    scores = {
        (loss, fold): replicated(values[loss] + fold, *(shared + own[loss]) / 10)
        for loss in own
        for fold in (0, 1)
    }
    counted = count_differences(scores, list(own))
    assert counted == Differences(pairs=3, apart=2, apart_of_all=2)
    del scores["margin", 0], scores["margin", 1]
    assert count_differences(scores, list(own)) is None
