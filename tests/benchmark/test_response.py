"""Response curves: distance and retrieval of the same car by the size of a change."""

from __future__ import annotations

import numpy as np
import pytest

from dmlbench.scores import Property, score_interventions

SCENES, CARS = 30, 5


def sweep(variants, seed=0):
    """Columns of a sweep, shuffled as datasets are."""
    scene, variant = np.divmod(np.arange(SCENES * variants), variants)
    order = np.random.default_rng(seed).permutation(len(scene))
    return scene[order], variant[order], (scene % CARS)[order]


def curve(x, columns, factor, **options):
    scores = score_interventions(x, *columns, swept={"factor": factor}, **options)
    (response,) = scores["response"]
    return response["points"]


def plain_curve(x, scene, variant, car, values, period=None):
    """Mean distance over the median between cars, and retrieval, by plain loops."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    n = len(x)

    def size(i, j):
        apart = abs(values[i] - values[j])
        return round(apart if period is None else min(apart, period - apart), 6)

    between = np.median(
        [
            np.linalg.norm(x[i] - x[j])
            for i in range(n)
            for j in range(i)
            if variant[i] == variant[j] and car[i] != car[j]
        ]
    )
    distances, hits = {}, {}
    for i in range(n):
        for j in range(i):
            if scene[i] == scene[j]:
                distances.setdefault(size(i, j), []).append(np.linalg.norm(x[i] - x[j]))
        other = [j for j in range(n) if variant[j] == variant[i] and car[j] != car[i]]
        nearest = min(np.linalg.norm(x[i] - x[j]) for j in other)
        for target in np.unique(variant[variant != variant[i]]):
            same = [j for j in range(n) if variant[j] == target and car[j] == car[i]]
            hit = min(np.linalg.norm(x[i] - x[j]) for j in same) < nearest
            hits.setdefault(size(i, same[0]), []).append(hit)
    return {
        at: (np.mean(distances[at]) / between, np.mean(hits[at]), len(distances[at]))
        for at in distances
    }


@pytest.mark.parametrize(("kind", "period"), [("linear", None), ("cyclic", 360.0)])
def test_a_curve_is_that_of_plain_loops(kind, period):
    scene, variant, car = sweep(5)
    rng = np.random.default_rng(1)
    values = np.array([0.0, 10.0, 30.0, 180.0, 350.0])[variant]
    x = 2 * rng.normal(size=(CARS, 8))[car] + rng.normal(size=(5, 8))[variant]
    x += 0.7 * rng.normal(size=x.shape)
    points = curve(x, (scene, variant, car), Property(values, kind, values, period))
    expected = plain_curve(x, scene, variant, car, values, period)
    assert [point["size"] for point in points] == pytest.approx(sorted(expected))
    for point in points:
        distance, retrieval, pairs = expected[round(point["size"], 6)]
        assert point["response"]["value"] == pytest.approx(distance)
        assert point["retrieval"]["value"] == pytest.approx(retrieval)
        assert point["retrieval_expected"] == pytest.approx(1 / CARS)
        assert point["pairs"] == pairs
        for score in (point["response"], point["retrieval"]):
            low, high = score["ci95"]
            assert low <= score["value"] <= high
            assert low < high


def test_a_distance_proportional_to_the_change_gives_a_straight_line():
    scene, variant, car = sweep(6)
    # Points in a plane, so far from the origin that normalizing changes no distance.
    x = np.stack([np.full(len(scene), 1e4), 0.1 * variant, 10.0 * car], axis=1)
    points = curve(x, (scene, variant, car), Property(variant.astype(float), "linear"))
    slope = [point["response"]["value"] / point["size"] for point in points]
    assert slope == pytest.approx([slope[0]] * 5, rel=1e-4)
    assert all(point["retrieval"]["value"] == 1 for point in points)


def test_retrieval_falls_where_the_change_outgrows_the_car():
    scene, variant, car = sweep(6)
    x = np.stack([np.full(len(scene), 1e4), 1.0 * variant, 2.5 * car], axis=1)
    points = curve(x, (scene, variant, car), Property(variant.astype(float), "linear"))
    assert [point["retrieval"]["value"] for point in points] == [1, 1, 0, 0, 0]


def test_a_factor_without_order_has_one_point_and_one_that_never_changes_no_curve():
    scene, variant, car = sweep(3)
    x = np.random.default_rng(0).normal(size=(len(scene), 4))
    factors = {
        "place": Property(np.array(["beach", "town", "town"])[variant]),
        "still": Property(np.zeros(len(scene)), "linear"),
        "of_scenes": Property(car),
    }
    scores = score_interventions(x, scene, variant, car, swept=factors)
    (response,) = scores["response"]
    (point,) = response["points"]
    assert (response["factor"], point["size"], point["pairs"]) == ("place", None, 2 * SCENES)


def test_where_several_factors_change_size_0_is_where_only_the_others_do():
    scene, variant, car = sweep(4)
    hue, value = np.array([0.0, 0.0, 0.5, 0.5])[variant], np.array([0.0, 1.0, 0.0, 1.0])[variant]
    x = np.stack([np.full(len(scene), 1e4), hue, 10.0 * car], axis=1)
    points = curve(x, (scene, variant, car), Property(value, "linear"))
    assert [point["size"] for point in points] == [0, 1]
    points = curve(x, (scene, variant, car), Property(hue, "cyclic", hue, 1.0))
    assert points[0]["response"]["value"] == pytest.approx(0, abs=1e-6)
    assert points[1]["response"]["value"] > 0.01


def test_images_that_a_factor_does_not_apply_to_are_left_out():
    scene, variant, car = sweep(3)
    values = np.where(scene < 10, np.nan, variant.astype(float))
    x = np.random.default_rng(0).normal(size=(len(scene), 4))
    points = curve(x, (scene, variant, car), Property(values, "linear", values))
    assert [point["pairs"] for point in points] == [2 * (SCENES - 10), SCENES - 10]


def test_many_sizes_are_put_into_bins():
    scene, variant, car = sweep(20)
    x = np.random.default_rng(0).normal(size=(len(scene), 4))
    points = curve(x, (scene, variant, car), Property(variant.astype(float), "linear"))
    assert len(points) == 12
    sizes = [point["size"] for point in points]
    assert sizes == sorted(sizes)
    assert sum(point["pairs"] for point in points) == SCENES * 190


def test_without_intervals_and_without_another_car_there_is_less():
    columns = sweep(3)
    x = np.random.default_rng(0).normal(size=(len(columns[0]), 4))
    factor = Property(columns[1].astype(float), "linear")
    points = curve(x, columns, factor, intervals=False)
    assert all(point["response"]["ci95"] is None for point in points)
    one_car = (*columns[:2], np.zeros(len(columns[0]), int))
    assert score_interventions(x, *one_car, swept={"f": factor})["response"] == []
