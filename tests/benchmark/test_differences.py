"""Ties: the paired difference of two models' scores on the same images and groups."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dmlbench.comparison.differences import Difference, behind, leaders, score_differences
from dmlbench.comparison.simultaneous import simultaneous_p
from dmlbench.evaluation.workbench import from_json
from dmlbench.leaderboard.ranks import ranks
from dmlbench.results import find_results
from dmlbench.results.files import PropertyScores, Score
from dmlbench.scores import Property, score_properties
from dmlbench.scores.jackknife import jackknife_interval
from dmlbench.scores.labels import encode_labels
from dmlbench.scores.options import Options
from dmlbench.scores.registry import declared
from dmlbench.scores.retrieval import neighbor_scores
from dmlbench.scores.uncertainty import drop_groups


@pytest.fixture(scope="module")
def two(results):
    """Results of two models."""
    return find_results([results])[:2]


def changed(result, **settings):
    """The result of a model as if it had been scored with other settings."""
    properties = result.properties.model_copy(
        update={"settings": result.properties.settings | settings}
    )
    return dataclasses.replace(result, properties=properties)


def scored(result, embeddings, name, **options):
    """A result of its own name, its properties scored from these embeddings."""
    labels = np.arange(len(embeddings)) % 4
    result_json = score_properties(embeddings, {"p": Property(labels)}, chance=False, **options)
    scores = {
        key: from_json(PropertyScores, document)
        for key, document in result_json["properties"].items()
    }
    properties = result.properties.model_copy(
        update={"properties": scores, "settings": result_json["settings"]}
    )
    model = result.run.model.model_copy(update={"id": name})
    run = result.run.model_copy(update={"model": model})
    return dataclasses.replace(result, run=run, properties=properties)


def test_difference_is_that_of_the_files_with_the_interval_of_its_replicates(two):
    a, b = sorted(two, key=lambda result: result.model)
    for name, (difference,) in score_differences(two).items():
        first, other = (
            result.properties.properties[name].scores["nr_precision"] for result in (a, b)
        )
        assert (difference.a, difference.b) == (a.model, b.model)
        assert difference.value == first.value - other.value
        left_out = np.array(first.replicates) - np.array(other.replicates)
        assert difference.ci95 == pytest.approx(jackknife_interval(difference.value, left_out))
        assert difference.tied == (difference.ci95[0] <= 0 <= difference.ci95[1])


def test_interval_is_that_of_the_replicates_in_the_file_as_far_as_the_score_goes(two):
    for property_scores in two[0].properties.properties.values():
        for name, score in property_scores.scores.items():
            if score.ci95 is not None:
                assert len(score.replicates) == 20
            if score.ci95 is not None and not declared(name).proportion:
                expected = jackknife_interval(score.value, score.replicates)
                clipped = np.clip(expected, declared(name).lowest, declared(name).highest)
                assert score.ci95 == pytest.approx(clipped)


def test_rotated_embeddings_are_tied_however_wide_their_intervals(two):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 8))
    x[:, :4] += 2 * np.eye(4)[np.arange(60) % 4]
    turned = x @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    ((difference,),) = score_differences(
        [scored(two[0], x, "a"), scored(two[0], turned, "b")]
    ).values()
    assert difference.tied
    assert np.ptp(difference.ci95) < 1e-6


def test_models_of_different_strength_are_not_tied(two):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(60, 8))
    strong = noise + np.pad(3 * np.eye(4)[np.arange(60) % 4], ((0, 0), (0, 4)))
    ((difference,),) = score_differences(
        [scored(two[0], strong, "strong"), scored(two[0], noise, "weak")]
    ).values()
    assert difference.a == "strong"
    assert difference.ci95[0] > 0
    assert not difference.tied


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"seed": 7}, "not comparable: seed 0 and 7"),
        ({"jackknife_unit": "scene"}, "not comparable: jackknife_unit image and scene"),
        ({"max_queries": 9}, "not comparable: max_queries 5000 and 9"),
    ],
)
def test_models_on_other_groups_are_not_comparable(two, settings, reason):
    for (difference,) in score_differences([two[0], changed(two[1], **settings)]).values():
        assert difference.value is not None
        assert (difference.ci95, difference.tied, difference.reason) == (None, None, reason)


def test_ties_of_a_model_without_intervals_are_not_known(two):
    for (difference,) in score_differences(
        [two[0], changed(two[1], jackknife_groups=None)]
    ).values():
        assert difference.tied is None
        assert difference.reason == f"{two[1].model} was scored without jackknife intervals"


def test_paired_intervals_of_equal_models_hold_0_in_about_95_percent_of_seeds():
    """Two models that see the same property through noise of their own."""
    labels = {"p": encode_labels(np.arange(80) % 4, 80, "p")}
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        options = Options(seed, drop_groups(80, None, seed), 0, 80, 1, None)
        shared = 1.5 * np.eye(4)[np.arange(80) % 4]
        first, other = (
            neighbor_scores(shared + rng.normal(size=(80, 4)), labels, options)["p"]["nr_precision"]
            for _ in range(2)
        )
        left_out = np.subtract(first.replicates, other.replicates)
        low, high = jackknife_interval(first.value - other.value, left_out)
        held.append(low <= 0 <= high)
    assert np.mean(held) >= 0.9


def scores(chance=None, **values):
    return {
        model: PropertyScores.model_validate(
            {
                "n": 20,
                "labels": 2,
                "left_out": {},
                "reason": None,
                "nr_precision": Score(value=value, ci95=None, chance=chance),
            }
        )
        for model, value in values.items()
    }


def difference(a, b, value, p):
    return Difference(a=a, b=b, value=value, ci95=None, tied=None, p=p, reason=None)


def test_leaders_are_all_that_no_other_model_exceeds():
    differences = [
        difference("a", "b", 1.0, 0.2),
        difference("a", "c", 2.0, 0.01),
        difference("b", "c", 1.0, 0.3),
    ]
    assert leaders(scores(a=3.0, b=2.0, c=1.0), differences) == {"a", "b"}


def test_a_model_behind_another_than_the_highest_does_not_lead():
    """The highest may owe its score to images that say little: its own differences are wide."""
    differences = [
        difference("a", "b", 1.0, 0.9),
        difference("a", "c", 2.0, 0.2),
        difference("b", "c", 1.0, 0.01),
    ]
    assert leaders(scores(a=3.0, b=2.0, c=1.0), differences) == {"a", "b"}


def test_nobody_leads_where_a_difference_from_the_highest_is_not_known():
    differences = [
        difference("a", "b", 1.0, None),
        difference("a", "c", 2.0, 0.2),
        difference("b", "c", 1.0, 0.2),
    ]
    assert leaders(scores(a=3.0, b=2.0, c=1.0), differences) == frozenset()
    assert leaders(scores(a=1.0, b=2.0, c=3.0), differences) == {"a", "b", "c"}


def test_model_without_a_score_and_a_single_model_do_not_lead():
    differences = [
        difference("a", "b", None, None),
        difference("a", "c", 2.0, 0.2),
        difference("b", "c", None, None),
    ]
    assert leaders(scores(a=3.0, b=None, c=1.0), differences) == {"a", "c"}
    assert leaders(scores(a=3.0), []) == frozenset()


def test_nobody_leads_where_the_highest_lies_inside_chance():
    differences = [difference("a", "b", 5.0, 0.01)]
    assert leaders(scores(a=2.0, b=-3.0, chance=(-2.1, 2.1)), differences) == frozenset()
    assert leaders(scores(a=2.2, b=-3.0, chance=(-2.1, 2.1)), differences) == {"a"}


def test_a_model_inside_chance_may_be_the_best_where_its_difference_does_not_tell():
    """Otherwise equal models near the bound of chance would lead or not by luck."""
    differences = [difference("a", "b", 2.1, 0.6)]
    assert leaders(scores(a=2.0, b=-0.1, chance=(-0.4, 0.4)), differences) == {"a", "b"}


def test_p_values_are_those_of_all_pairs_together(two):
    labels = np.arange(60) % 4
    rng = np.random.default_rng(0)
    models = [
        scored(two[0], strength * np.eye(4)[labels] + rng.normal(size=(60, 4)), name)
        for name, strength in {"a": 0.5, "b": 0.5, "c": 3.0}.items()
    ]
    (differences,) = score_differences(models).values()
    of_models = [model.properties.properties["p"].scores["nr_precision"] for model in models]
    expected = simultaneous_p(
        [score.value for score in of_models], [score.replicates for score in of_models]
    )
    assert [pair.p for pair in differences] == expected[np.triu_indices(3, k=1)].tolist()
    assert behind(differences) == {"a", "b"}
    ranking = ranks(models, "p", "nr_precision")
    assert {model for model, rank in ranking.items() if rank.best == 1} == {"c"}


def test_nobody_leads_where_the_highest_is_below_chance():
    differences = [difference("a", "b", 0.1, 0.5)]
    assert leaders(scores(chance=(-0.2, 0.2), a=-0.4, b=-0.5), differences) == frozenset()
    assert leaders(scores(chance=(-0.2, 0.2), a=0.4, b=-0.5), differences) == {"a", "b"}
