"""Conditions at equal MAP@R: whether a difference between groups of losses is one of training."""

from __future__ import annotations

import pytest

from dmlbench.study.conditions import ConditionFindings, compare_at_level, moved_by_seed
from dmlbench.study.trajectories import Point

COMPARED = {
    ("arcface", 0): {"hue": 3.0},
    ("proxy_nca", 0): {"hue": 5.0},
    ("triplet", 0): {"hue": 0.5},
    ("contrastive", 0): {"hue": 1.5},
}
"""NR-Precision of the losses of a study at equal MAP@R: classification 4, ranking 1."""
POINT = Point(epoch=3, map_at_r=0.2, best=False)


def condition(scores, left_out=(), **training):
    """A condition that gives these losses these scores."""
    points = {(loss, 0): POINT for loss in (*scores, *left_out)}
    pairs = {(loss, 0): (COMPARED[loss, 0], {"hue": score}) for loss, score in scores.items()}
    pairs |= {(loss, 0): (COMPARED[loss, 0], {"hue": 99.0}) for loss in left_out}
    at_level = compare_at_level(points, pairs, COMPARED, dict.fromkeys(left_out, 0.1))
    return ConditionFindings(
        training=training, folds=1, changes={}, retrieval={}, maps=None, at_level=at_level
    )


def test_losses_are_compared_with_the_mean_of_the_other_group():
    at = condition({"arcface": 1.5, "proxy_nca": 4.5}, images_per_class=4).at_level
    assert (at.other_group, at.other_means) == ("ranking", {"hue": 1.0})
    distances = at.distances("hue")
    assert distances == (pytest.approx((2 + 4) / 2), pytest.approx((0.5 + 3.5) / 2), 2, 2)
    assert at.move("hue") == pytest.approx((1.5 + 0.5) / 2)
    assert at.means("hue") == (4.0, 3.0)


def test_losses_beyond_the_other_group_are_not_nearer():
    distances = condition({"arcface": -3.0}, images_per_class=4).at_level.distances("hue")
    assert (distances.usual, distances.changed, distances.nearer) == (2.0, 4.0, 0)


@pytest.mark.parametrize(("moved", "of_training"), [((0.2, 0.6), True), ((1.5, 0.9), False)])
def test_nearer_counts_beyond_what_another_seed_moves_a_loss_up_or_down(moved, of_training):
    """Up for one loss and down for the other: the mean of both would hardly move."""
    up, down = moved
    seed = condition({"arcface": 3.0 + up, "contrastive": 1.5 - down}, seed=1)
    other = condition({"arcface": 1.5, "proxy_nca": 4.5}, images_per_class=4)
    by_seed = moved_by_seed([seed, other], "hue")
    assert by_seed == pytest.approx((up + down) / 2)
    assert seed.at_level.other_group is None
    assert other.at_level.distances("hue").exceeds_seed(by_seed) is of_training
    assert moved_by_seed([other], "hue") is None
    assert other.at_level.distances("hue").exceeds_seed(None) is None


def test_a_loss_that_does_not_come_near_the_level_is_left_out_and_named():
    at = condition({"proxy_nca": 4.5}, left_out=["arcface"], images_per_class=4).at_level
    assert at.left_out == {"arcface": 0.1}
    assert set(at.scores["hue"]) == {"proxy_nca"}
    assert at.distances("hue") == (4.0, 3.5, 1, 1)


@pytest.mark.parametrize(
    ("hues", "passes"),
    [((0.5, 1.0), True), ((2.0, 1.5), False), ((5.0, 6.0), False), ((0.0, 5.0), False)],
)
def test_a_condition_passes_the_other_group_where_the_mean_of_its_losses_crosses_its_mean(
    hues, passes
):
    """Classification lies at 4, ranking at 1."""
    moved = condition(dict(zip(("arcface", "proxy_nca"), hues, strict=True)))
    assert moved.at_level.passes("hue") is passes
