"""Probes: what can be read off an embedding along any direction, on images not seen before."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from dmlbench.scores import Property, arp, score_properties
from dmlbench.scores._kernels.cross_validation import (
    PENALTIES,
    CrossValidation,
    FeatureSums,
    TargetSums,
)
from dmlbench.scores._kernels.logistic import explained_likelihood
from dmldata.common.errors import UnknownNameError

KINDS = ["categorical", "linear", "cyclic"]


def decodability(x, prop, **options):
    result = score_properties(x, {"p": prop}, **{"chance": False, **options})
    return result["properties"]["p"]["decodability"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_value_along_one_direction_is_decodable_though_neighbors_do_not_show_it(rng):
    value = rng.integers(0, 5, 400) / 4
    x = rng.normal(size=(400, 8))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x = np.concatenate([0.5 * value[:, None], x], axis=1)
    score = decodability(x, Property(value, kind="linear", values=value))
    assert score["value"] > 0.85
    assert arp(x, value) < 0.1


def test_a_circle_is_decodable_as_a_cyclic_property_whatever_its_unit(rng):
    turn = rng.integers(0, 12, 300) / 12
    x = np.stack([np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)], axis=1)
    for period in (1.0, 360.0):
        prop = Property(turn, kind="cyclic", values=turn * period, period=period)
        assert decodability(x, prop)["value"] == pytest.approx(1.0, abs=1e-6)


def test_labels_that_a_plane_separates_are_decodable(rng):
    labels = rng.integers(0, 3, 240)
    x = rng.normal(size=(240, 5)) * 0.1
    x[:, :3] += np.eye(3)[labels]
    assert decodability(x, Property(labels))["value"] > 0.95


def of_kind(kind, labels):
    return Property(labels, kind=kind, values=labels / 6.0, period=1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_decodable_from_noise(rng, kind):
    score = decodability(rng.normal(size=(600, 16)), of_kind(kind, rng.integers(0, 6, 600)))
    assert -0.02 < score["value"] < 0.02
    assert score["ci95"][0] <= 0 <= score["ci95"][1]


@pytest.mark.parametrize("scenes", [40, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_a_label_of_the_scene_unrelated_to_the_embedding_is_not_decodable(rng, kind, scenes):
    # The other images of a scene give its label away where they take part in choosing the penalty.
    scene = np.repeat(np.arange(scenes), 6)
    x = rng.normal(size=(scenes, 32))[scene] + 0.1 * rng.normal(size=(6 * scenes, 32))
    prop = of_kind(kind, rng.integers(0, 6, scenes)[scene])
    score = decodability(x, prop, scenes=scene, chance=True, intervals=False)
    assert -0.12 < score["value"] < 0.05
    assert score["chance"][0] <= score["value"] <= score["chance"][1]


def test_a_probe_does_not_pass_through_all_of_a_few_scenes():
    scores = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        scene = np.repeat(np.arange(25), 4)
        x = rng.normal(size=(25, 32))[scene] + 0.1 * rng.normal(size=(100, 32))
        prop = of_kind("linear", rng.integers(0, 6, 25)[scene])
        scores.append(decodability(x, prop, scenes=scene, intervals=False)["value"])
    assert min(scores) > -0.25


@pytest.mark.parametrize("kind", KINDS)
def test_equal_embeddings_know_nothing(rng, kind):
    score = decodability(np.full((90, 5), 0.3), of_kind(kind, rng.integers(0, 6, 90)))
    assert score["value"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_chance_holds_the_score_of_unrelated_labels_and_not_that_of_others(rng, kind):
    inside = 0
    for _ in range(10):
        labels, x = rng.integers(0, 6, 120), rng.normal(size=(120, 6))
        score = decodability(x, of_kind(kind, labels), chance=True, intervals=False)
        inside += score["chance"][0] <= score["value"] <= score["chance"][1]
    assert inside >= 8
    x[:, 0] += 3 * (labels == 0)
    x[:, 1] += 3 * (labels == 3)
    score = decodability(x, of_kind(kind, labels), chance=True, intervals=False)
    assert score["value"] > score["chance"][1]


def test_the_score_is_that_of_scikit_learn_with_the_penalty_chosen_by_folds(rng):
    n = 120
    x = rng.normal(size=(n, 5))
    value = x[:, 0] + rng.normal(size=n)
    label = (x[:, 1:4] + rng.normal(size=(n, 3))).argmax(axis=1)
    x -= x.mean(axis=0)
    x /= np.sqrt(np.square(x).sum(axis=1).mean())
    folds = rng.integers(0, 5, n)

    def ridge(train, penalty, target):
        return Ridge(min(penalty, 1e9) * train.sum()).fit(x[train], target[train])

    def squared_error(train, test, penalty, target):
        return np.square(ridge(train, penalty, target).predict(x[test]) - target[test]).sum()

    def best_penalty(fold, target):
        errors = [
            sum(
                squared_error((folds != fold) & (folds != other), folds == other, penalty, target)
                for other in range(5)
                if other != fold
            )
            for penalty in PENALTIES
        ]
        best = int(np.argmin(errors))
        if not 0 < best < len(PENALTIES) - 2:
            return PENALTIES[best]
        near = slice(best - 1, best + 2)
        a, b, _ = np.polyfit(np.log10(PENALTIES[near]), errors[near], 2)
        return 10 ** (-b / (2 * a))

    left = total = likelihood = by_shares = 0.0
    one_hot = np.eye(3)[label]
    for fold in range(5):
        train, test = folds != fold, folds == fold
        left += squared_error(train, test, best_penalty(fold, value), value)
        total += squared_error(train, test, np.inf, value)
        shares = np.bincount(label[train]) + 0.5
        shares /= shares.sum()
        by_shares += np.log(shares[label[test]]).sum()
        penalty = best_penalty(fold, one_hot) * train.sum() * (shares * (1 - shares)).mean()
        # Half an image of each label lies at the mean.
        fitted = LogisticRegression(C=1 / penalty, tol=1e-8).fit(
            np.concatenate([x[train] - x[train].mean(axis=0), np.zeros((3, 5))]),
            np.concatenate([label[train], [0, 1, 2]]),
            np.concatenate([np.ones(train.sum()), np.full(3, 0.5)]),
        )
        predicted = fitted.predict_log_proba(x[test] - x[train].mean(axis=0))
        likelihood += predicted[np.arange(test.sum()), label[test]].sum()

    validation = CrossValidation(FeatureSums.of(x, folds, 5, np.arange(n)))
    ours = validation.fit(TargetSums.of(x, value[:, None], np.zeros(1, int), folds, 5))
    assert ours.share[0] == pytest.approx(1 - left / total, abs=1e-6)
    penalties = validation.fit(TargetSums.of(x, one_hot, np.zeros(1, int), folds, 5)).penalties
    share = explained_likelihood(x, label[:, None], np.ones((n, 1)), folds, penalties)
    assert share[0] == pytest.approx(1 - likelihood / by_shares, abs=1e-4)
    assert 0.2 < share[0] < 0.8


def test_the_interval_covers_the_value_on_many_images(rng):
    def draw(n):
        labels = rng.integers(0, 2, n)
        x = rng.normal(size=(n, 3))
        x[:, 0] += 1.5 * labels
        return x / 10 + [0, 0, 3], Property(labels)

    truth = decodability(*draw(3_000), intervals=False)["value"]
    inside = 0
    for _ in range(10):
        low, high = decodability(*draw(300))["ci95"]
        inside += low <= truth <= high
    assert inside >= 8


def test_a_dimension_that_hardly_varies_where_the_probe_is_fitted_does_not_decide(rng):
    """As those of a network without a last linear layer, of which a ReLU lets little through."""
    value = np.arange(40) % 5 / 4
    x = np.concatenate([value[:, None], rng.normal(size=(40, 6)), np.zeros((40, 30))], axis=1)
    x[rng.integers(0, 40, 30), 7 + np.arange(30)] = 0.05
    x[:, 7:] += 1e-5 * rng.normal(size=(40, 30))
    assert -0.5 < decodability(x, Property(value, kind="linear", values=value))["value"] < 1


def test_images_of_a_scene_are_never_on_both_sides(rng):
    # Each scene has a look of its own and a label of its own: nothing to learn for other scenes,
    # but a probe that has seen the scene knows the label.
    scenes = np.repeat(np.arange(60), 4)
    x = rng.normal(size=(60, 80))[scenes]
    prop = Property(rng.integers(0, 2, 60)[scenes])
    assert decodability(x, prop, intervals=False)["value"] > 0.5
    assert decodability(x, prop, scenes=scenes, intervals=False)["value"] < 0.1


def test_images_without_a_label_take_no_part(rng):
    labels = rng.integers(0, 3, 120).astype(float)
    x = rng.normal(size=(120, 4)) * 0.1
    x[:, :3] += np.eye(3)[labels.astype(int)]
    labels[::5] = np.nan
    assert decodability(x, Property(labels))["value"] > 0.95


def test_within_a_class_only_what_is_not_the_class_explains_neighbors(rng):
    # The color goes with the car, so it explains neighbors - but not within a car.
    car = rng.integers(0, 4, 400)
    color = np.where(rng.random(400) < 0.8, car % 2, rng.integers(0, 2, 400))
    pose = rng.integers(0, 2, 400)
    x = np.concatenate([5 * np.eye(4)[car], 0.3 * np.eye(2)[pose], np.zeros((400, 3))], axis=1)
    x += 0.05 * rng.normal(size=x.shape)
    props = {"car": Property(car), "color": Property(color), "pose": Property(pose)}
    scores = score_properties(x, props, held="car")["properties"]
    assert scores["color"]["arp"]["value"] > 0.15
    low, high = scores["color"]["arp_within_class"]["chance"]
    assert low < scores["color"]["arp_within_class"]["value"] < high
    assert scores["pose"]["arp"]["value"] < 0.4 < scores["pose"]["arp_within_class"]["value"]
    assert "arp_within_class" not in scores["car"]


def test_within_one_class_it_is_the_score_of_its_images_alone(rng):
    x, pose = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    car = np.repeat([0, 1], 30)
    props = {"car": Property(car), "pose": Property(pose)}
    options = {"held": "car", "intervals": False, "chance": False}
    score = score_properties(x, props, **options)["properties"]["pose"]["arp_within_class"]["value"]
    parts = [arp(x[car == c], pose[car == c]) for c in (0, 1)]
    assert score == pytest.approx(np.mean(parts), abs=1e-9)


def test_holding_a_property_that_is_not_there_is_refused(rng):
    with pytest.raises(UnknownNameError, match="car_modl"):
        score_properties(
            rng.normal(size=(8, 2)), {"car_model": Property([0, 1] * 4)}, held="car_modl"
        )


@pytest.mark.parametrize(("images", "labels"), [(1500, 300), (40, 10)])
def test_a_probe_of_very_many_labels_or_few_images_is_not_fitted(rng, images, labels, recwarn):
    prop = Property(np.arange(images) % labels)
    result = score_properties(rng.normal(size=(images, 4)), {"p": prop}, chance=False)
    assert result["properties"]["p"]["decodability"]["value"] is None
    assert "decodability: more than 30 labels" in result["properties"]["p"]["reason"]
    assert result["properties"]["p"]["arp"]["value"] is not None
    assert not recwarn.list


def test_a_little_more_data_moves_the_penalty_a_little():
    """Penalties a factor of ten apart would make jumps of the score that an interval takes for
    uncertainty."""
    rng = np.random.default_rng(5)
    n = 200
    x = rng.normal(size=(n, 8))
    value = x[:, :1] + 0.8 * rng.normal(size=(n, 40))
    folds, units = rng.integers(0, 5, n), np.arange(n)
    validation = CrossValidation(FeatureSums.of(x, folds, 5, units))
    penalties = validation.fit(
        TargetSums.of(x, value, np.arange(value.shape[1]), folds, 5)
    ).penalties
    chosen = penalties[np.isfinite(penalties)]
    assert len(np.unique(chosen.round(9))) > 0.8 * len(chosen)
    assert chosen.min() >= PENALTIES[0]
    assert chosen.max() <= PENALTIES[-2]
