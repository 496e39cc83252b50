"""Probes: what can be read off an embedding along any direction, on images not seen before."""

from __future__ import annotations

import numpy as np
import pytest

from dmlbench.scores import Property, arp, score_properties
from dmldata.common.errors import UnknownNameError


def decodability(x, prop, **options):
    result = score_properties(x, {"p": prop}, chance=False, **options)
    return result["properties"]["p"]["decodability"]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_value_along_one_direction_is_decodable_though_neighbours_do_not_show_it(rng):
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
    assert decodability(x, Property(labels))["value"] == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["categorical", "linear", "cyclic"])
def test_nothing_is_decodable_from_noise(rng, kind):
    labels = rng.integers(0, 6, 600)
    prop = Property(labels, kind=kind, values=labels / 6.0, period=1.0)
    score = decodability(rng.normal(size=(600, 16)), prop)
    assert -0.15 < score["value"] < 0.1
    assert score["ci95"][0] < score["value"] < score["ci95"][1]


def test_the_interval_covers_the_value_on_many_images(rng):
    def draw(n):
        labels = rng.integers(0, 2, n)
        x = rng.normal(size=(n, 3))
        x[:, 0] += 1.5 * labels
        return x / 10 + [0, 0, 3], Property(labels)

    truth = decodability(*draw(10_000), intervals=False)["value"]
    inside = 0
    for _ in range(20):
        low, high = decodability(*draw(400))["ci95"]
        inside += low <= truth <= high
    assert inside >= 16


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
    assert decodability(x, prop)["value"] > 0.9
    assert decodability(x, prop, scenes=scenes)["value"] < 0.4


def test_images_without_a_label_take_no_part(rng):
    labels = rng.integers(0, 3, 120).astype(float)
    x = rng.normal(size=(120, 4)) * 0.1
    x[:, :3] += np.eye(3)[labels.astype(int)]
    labels[::5] = np.nan
    assert decodability(x, Property(labels))["value"] == pytest.approx(1.0)


def test_within_a_class_only_what_is_not_the_class_explains_neighbours(rng):
    # The colour goes with the car, so it explains neighbours - but not within a car.
    car = rng.integers(0, 4, 400)
    colour = np.where(rng.random(400) < 0.8, car % 2, rng.integers(0, 2, 400))
    pose = rng.integers(0, 2, 400)
    x = np.concatenate([5 * np.eye(4)[car], 0.3 * np.eye(2)[pose], np.zeros((400, 3))], axis=1)
    x += 0.05 * rng.normal(size=x.shape)
    props = {"car": Property(car), "colour": Property(colour), "pose": Property(pose)}
    scores = score_properties(x, props, held="car")["properties"]
    assert scores["colour"]["arp"]["value"] > 0.15
    low, high = scores["colour"]["arp_within_class"]["chance"]
    assert low < scores["colour"]["arp_within_class"]["value"] < high
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
    assert "decodability: too many labels" in result["properties"]["p"]["reason"]
    assert result["properties"]["p"]["arp"]["value"] is not None
    assert not recwarn.list
