"""The mean of a score over folds has an interval of the score's kind."""

import numpy as np
import pytest

from dmlbench.results.files import Score
from dmlbench.scores.jackknife import Sample, jackknife_interval
from dmlbench.scores.score import make_score
from dmlbench.study.averages import average


def score(key, value, replicates, sample=None):
    return make_score(key, value, np.asarray(replicates, dtype=float), sample=sample)


def test_one_fold_has_its_own_interval():
    rng = np.random.default_rng(0)
    share = score("precision_at_1", 0.99, 0.99 + 0.002 * rng.normal(size=20), Sample(100, 100))
    assert average([share]).ci95 == pytest.approx(share.ci95)
    ratio = score("sensitivity", 0.14, 0.14 * np.exp(rng.normal(size=20)))
    assert average([ratio]).ci95 == pytest.approx(ratio.ci95)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_proportion_that_is_0_or_1_in_every_fold_keeps_a_width_inside_its_range(value):
    fold = score("retrieval_under_intervention", value, np.full(20, value), Sample(240, 40))
    low, high = average([fold] * 4).ci95
    assert 0 <= low < high <= 1
    assert (low, high) == pytest.approx(fold.ci95)


def test_an_interval_that_is_symmetric_in_each_fold_is_that_of_the_mean_of_the_replicates():
    rng = np.random.default_rng(1)
    replicates = [value + 0.1 * rng.normal(size=20) for value in (2.0, 4.0)]
    folds = [score("nr_precision", r.mean(), r) for r in replicates]
    mean = average(folds)
    assert mean.ci95 == pytest.approx(jackknife_interval(mean.mean, np.mean(replicates, axis=0)))


def test_a_fold_without_an_interval_leaves_the_mean_without_one():
    known = score("nr_precision", 1.0, np.linspace(0.9, 1.1, 20))
    unknown = Score(value=2.0, ci95=None, chance=None, replicates=None)
    assert average([known, unknown]).ci95 is None
    assert average([known, unknown]).mean == 1.5
