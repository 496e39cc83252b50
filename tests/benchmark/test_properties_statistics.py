"""Intervals cover what they should, as often as they should."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlbench import scores as properties
from dmlbench.scores import Property, clustering, order, probe, score_properties, verification
from dmlbench.scores.clustering import cluster_scores
from dmlbench.scores.labels import compact, encode_labels, property_values
from dmlbench.scores.options import Options
from dmlbench.scores.order import order_scores
from dmlbench.scores.retrieval import neighbor_scores
from dmlbench.scores.uncertainty import (
    PERMUTATIONS,
    drop_groups,
    generator,
    permuted_codes,
    permuted_orders,
)

SEEDS = 120
CHANCE_SCORES = (
    "nr_precision",
    "nr_precision_paper",
    "arp",
    "r_precision",
    "map_at_r",
    "precision_at_1",
    "ami",
    "nmi",
)


def options_of(images, *, seed, scenes=None, intervals=False, chance=False):
    """How `score_properties` computes its scores with such arguments, on one thread."""
    return Options(
        seed=seed,
        groups=drop_groups(images, scenes, seed) if intervals else None,
        permutations=PERMUTATIONS if chance else 0,
        max_queries=images,
        threads=1,
        progress=None,
        scenes=None if scenes is None else compact(scenes),
    )


def with_chance(x, prop, *, seed, scenes=None):
    """Scores of neighbors, clusters and order; all others would take most of the time."""
    options = options_of(len(x), seed=seed, scenes=scenes, chance=True)
    labels = {"p": encode_labels(prop.labels, len(x), "p", options.scenes)}
    values = {"p": property_values(prop, len(x), "p")}
    in_order = order_scores(x, labels, values, {"p": prop}, options)["p"]
    return (
        neighbor_scores(x, labels, options)["p"]
        | cluster_scores(x, labels, options)["p"]
        | in_order
    )


def inside(interval, value):
    return interval[0] <= value <= interval[1]


def share_inside_chance(embed, score_names):
    """Of SEEDS seeded sets of images with unrelated labels, the share inside `chance`, by score."""
    hits = dict.fromkeys(score_names, 0)
    for seed in range(SEEDS):
        rng = np.random.default_rng([seed, 1])
        labels = rng.integers(0, 4, 48)
        prop = Property(labels, kind="cyclic", period=4.0)
        scores = with_chance(embed(rng), prop, seed=seed)
        for name in score_names:
            hits[name] += inside(scores[name].chance, scores[name].value)
    return {name: count / SEEDS for name, count in hits.items()}


def test_scores_of_random_embeddings_are_inside_chance_in_95_percent_of_seeds():
    names = (*CHANCE_SCORES, "distance_spearman")
    shares = share_inside_chance(lambda rng: rng.normal(size=(48, 6)), names)
    for name, share in shares.items():
        assert 0.92 <= share <= 0.98, (name, share)


def test_scores_of_one_hots_of_another_property_are_inside_chance_in_95_percent_of_seeds():
    names = (*CHANCE_SCORES, "distance_spearman")
    shares = share_inside_chance(lambda rng: np.eye(5)[rng.integers(0, 5, 48)], names)
    for name, share in shares.items():
        assert 0.92 <= share <= 0.98, (name, share)


def sample(rng, n):
    """Images of 4 labels whose embeddings lie around the mean of their label."""
    labels = rng.integers(0, 4, n)
    return rng.normal(size=(n, 5)) + 1.2 * np.eye(5)[labels], labels


def test_jackknife_intervals_cover_the_large_sample_value():
    small, large = 160, 8000
    x, labels = sample(np.random.default_rng(99), large)
    coded = {"p": encode_labels(labels, large, "p")}
    scores = neighbor_scores(x, coded, options_of(large, seed=0))["p"]
    truth = {name: scores[name].value for name in ("arp", "r_precision", "nr_precision")}
    truth["nr_precision"] *= (small / large) ** 0.5
    covered = dict.fromkeys(truth, 0)
    values = {name: [] for name in truth}
    widths = {name: [] for name in truth}
    for seed in range(SEEDS):
        x, labels = sample(np.random.default_rng([seed, 2]), small)
        options = options_of(small, seed=seed, intervals=True)
        scores = neighbor_scores(x, {"p": encode_labels(labels, small, "p")}, options)["p"]
        for name, value in truth.items():
            covered[name] += inside(scores[name].ci95, value)
            values[name].append(scores[name].value)
            widths[name].append(np.ptp(scores[name].ci95))
    for name, count in covered.items():
        assert count / SEEDS >= 0.92, (name, count / SEEDS)
        needed = 2 * 2.093 * np.std(values[name])  # t with 19 degrees of freedom
        assert np.mean(widths[name]) < 1.3 * needed, (name, np.mean(widths[name]) / needed)


def test_an_interval_ends_where_its_score_does():
    x, labels = sample(np.random.default_rng(4), 40)
    x[:, :4] += 2.6 * np.eye(4)[labels]
    scores = score_properties(x, {"p": Property(labels)}, chance=False)["properties"]["p"]
    assert scores["map_at_r"]["value"] < scores["map_at_r"]["ci95"][1] == 1.0


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("with_scenes", [False, True])
def test_the_interval_of_precision_at_1_has_a_width_at_0_and_1(value, with_scenes):
    scenes = np.arange(120) // 2 if with_scenes else None
    units = np.arange(120) if scenes is None else scenes
    labels = units % 2
    x = np.eye(2)[labels] if value else np.eye(60)[units // 2]
    x = x + 0.01 * np.random.default_rng(0).normal(size=x.shape)
    scores = score_properties(x, {"p": Property(labels)}, scenes=scenes, chance=False)
    score = scores["properties"]["p"]["precision_at_1"]
    bound = 2.0930240544**2 / (len(set(units)) + 2.0930240544**2)
    assert score["value"] == pytest.approx(value)
    assert score["ci95"] == pytest.approx([0.0, bound] if value == 0 else [1 - bound, 1.0])


def test_dropping_whole_scenes_widens_the_interval_where_scenes_repeat_themselves():
    rng = np.random.default_rng(5)
    scenes = np.repeat(np.arange(60), 6)
    x = np.repeat(rng.normal(size=(60, 5)), 6, axis=0) + 0.05 * rng.normal(size=(360, 5))
    labels = np.repeat(rng.integers(0, 3, 60), 6)
    labels = np.where(rng.random(360) < 0.3, rng.integers(0, 3, 360), labels)

    def width(scenes):
        scores = score_properties(x, {"p": Property(labels)}, scenes=scenes, chance=False)
        low, high = scores["properties"]["p"]["arp"]["ci95"]
        return high - low

    assert width(scenes) > 1.3 * width(None)


def nearest(x, i):
    cosine = (x @ x[i]) / np.linalg.norm(x, axis=1)
    return np.argsort(-cosine)[1]


def wilson(p, n, t):
    """Where |p - q| = t sqrt(q(1 - q) / n)."""
    return np.sort(np.roots([1 + t**2 / n, -2 * p - t**2 / n, p**2])).real.tolist()


@pytest.mark.parametrize("with_scenes", [False, True])
def test_an_interval_is_that_of_scores_recomputed_without_each_group(with_scenes):
    rng = np.random.default_rng(8)
    n = 90
    labels = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 4)) + np.eye(4)[labels]
    scenes = rng.integers(0, 30, n) if with_scenes else None
    scores = score_properties(x, {"p": Property(labels)}, scenes=scenes, seed=3, chance=False)
    groups = drop_groups(n, scenes, 3)
    sizes = np.array([(groups != g).sum() for g in range(20)])
    for name in ("arp", "r_precision", "map_at_r", "precision_at_1", "nr_precision"):
        score = getattr(properties, name)
        left = np.array([score(x[groups != g], labels[groups != g]) for g in range(20)])
        if name == "nr_precision":
            left *= np.sqrt(n / sizes)
        value = score(x, labels)
        if name == "precision_at_1":
            hit = np.array([labels[i] == labels[nearest(x, i)] for i in range(n)])
            of_queries = np.array([hit[groups != g].mean() for g in range(20)])
            left = 0.6 * left + 0.4 * of_queries
        error = np.sqrt(19 / 20 * ((left - left.mean()) ** 2).sum())
        expected = [value - 2.0930240544 * error, value + 2.0930240544 * error]
        if name == "precision_at_1":
            effective = min(value * (1 - value) / error**2, n)
            expected = wilson(value, effective, 2.0930240544)
        assert scores["properties"]["p"][name]["ci95"] == pytest.approx(expected, abs=1e-8), name


def test_chance_is_that_of_scores_recomputed_with_permuted_labels():
    rng = np.random.default_rng(4)
    labels = np.repeat([0, 1, 2], [5, 9, 12])
    x = rng.normal(size=(26, 3)).round(1)
    scores = score_properties(x, {"p": Property(labels)}, seed=6, intervals=False)["properties"][
        "p"
    ]
    permuted = list(permuted_codes(compact(labels), 199, generator(6, "chance", "p")))
    for name in ("arp", "map_at_r", "nr_precision_paper"):
        by_chance = sorted(getattr(properties, name)(x, codes) for codes in permuted)
        assert scores[name]["chance"] == pytest.approx([by_chance[4], by_chance[194]], abs=1e-9)


@pytest.mark.parametrize("of_scene", [True, False])
def test_embeddings_that_know_the_scene_alone_are_inside_chance_in_nearly_all_seeds(of_scene):
    hits = dict.fromkeys(("nr_precision", "ami", "distance_spearman"), 0)
    scenes = np.repeat(np.arange(12), 4)
    for seed in range(100):
        rng = np.random.default_rng([seed, 3])
        x = np.repeat(rng.normal(size=(12, 6)), 4, axis=0) + 0.1 * rng.normal(size=(48, 6))
        labels = rng.integers(0, 3, 12)[scenes] if of_scene else rng.permuted(scenes % 4)
        prop = Property(labels, kind="linear")
        scores = with_chance(x, prop, scenes=scenes, seed=seed)
        for name in hits:
            hits[name] += inside(scores[name].chance, scores[name].value)
    for name, count in hits.items():
        assert count / 100 >= 0.92, (name, count)


@given(st.data())
def test_orders_leave_scenes_whole_and_labels_where_they_belong(data):
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=8))
    scenes = np.repeat(np.arange(len(sizes)), sizes)
    scenes = np.array(data.draw(st.permutations(scenes.tolist())))
    of_scene = data.draw(st.booleans())
    labels = scenes % 3 if of_scene else np.arange(len(scenes)) % 3
    (order,) = permuted_orders(labels, 1, np.random.default_rng(0), scenes)
    assert sorted(order) == list(range(len(scenes)))
    whole = all(len(set(labels[scenes == scene])) == 1 for scene in scenes)
    for scene in set(scenes):
        came_from = set(scenes[order[scenes == scene]])
        assert len(came_from) == 1
        assert whole or came_from == {scene}


def sweep_without_knowledge(scenes, variants, rng):
    """Embeddings that know the scene and nothing else, and a label that belongs to the scene."""
    scene = np.repeat(np.arange(scenes), variants)
    x = rng.normal(size=(scenes, 16))[scene] + 0.1 * rng.normal(size=(len(scene), 16))
    return x, rng.integers(0, 4, scenes)[scene], scene


def test_a_label_of_scenes_is_not_found_by_embeddings_that_know_the_scene_alone():
    x, labels, scenes = sweep_without_knowledge(80, 5, np.random.default_rng(1))
    scores = score_properties(x, {"p": Property(labels)}, scenes=scenes)["properties"]["p"]
    for name in ("nr_precision", "arp", "precision_at_1", "r_precision", "map_at_r"):
        low, high = scores[name]["chance"]
        assert low <= scores[name]["value"] <= high, name
    assert 0.1 < scores["precision_at_1"]["value"] < 0.4
    assert scores["precision_at_1"]["chance"][1] < 0.5


def notes_on(x, labels, scenes, **settings):
    result = score_properties(
        x, {"p": Property(labels)}, scenes=scenes, intervals=False, **settings
    )
    return [note for note in result["notes"] if "property 'p'" in note]


def test_where_too_few_scenes_can_change_places_it_is_noted():
    """Scenes of different sizes cannot: labels keep their places, and chance is the score."""
    scenes = np.repeat(np.arange(40), np.arange(2, 42))
    labels = (np.arange(40) % 4)[scenes]
    x = np.eye(4)[labels] + 0.3 * np.random.default_rng(0).normal(size=(len(scenes), 4))
    (note,) = notes_on(x, labels, scenes)
    assert "can't be told from chance: too few scenes of the same number of images" in note
    assert notes_on(x, labels, scenes, chance=False) == []


def test_a_label_that_differs_within_few_scenes_is_noted():
    x, labels, scenes = sweep_without_knowledge(40, 5, np.random.default_rng(1))
    mistaken = labels.copy()
    mistaken[7] = (labels[7] + 1) % 4
    swept = np.random.default_rng(2).integers(0, 4, 200)
    assert notes_on(x, labels, scenes, chance=False) == []
    assert notes_on(x, swept, scenes, chance=False) == []
    (note,) = notes_on(x, mistaken, scenes, chance=False)
    assert "has one label in most scenes but differs within 1: " in note


def test_within_a_class_scenes_stay_whole_too():
    """Classes of few scenes and of many have chance together."""
    x, labels, scenes = sweep_without_knowledge(40, 5, np.random.default_rng(1))
    car = np.minimum(scenes // 3, 2)
    result = score_properties(
        x, {"car": Property(car), "p": Property(labels)}, scenes=scenes, held="car", intervals=False
    )
    low, high = result["properties"]["p"]["arp_within_class"]["chance"]
    assert low < result["properties"]["p"]["arp_within_class"]["value"] < high


def test_arp_of_a_label_of_scenes_does_not_fall_with_their_number():
    def arp(scenes, seed):
        x, labels, scene = sweep_without_knowledge(scenes, 5, np.random.default_rng(seed))
        x[:, :4] += 1.5 * np.eye(4)[labels]
        scores = score_properties(
            x, {"p": Property(labels)}, scenes=scene, intervals=False, chance=False
        )
        return scores["properties"]["p"]["arp"]["value"]

    few = np.mean([arp(60, seed) for seed in range(12)])
    many = arp(600, 0)
    assert many == pytest.approx(few, abs=0.02)
    assert few > 0.1


def test_a_label_that_varies_within_scenes_keeps_the_neighbors_of_its_scene():
    x, _, scenes = sweep_without_knowledge(30, 4, np.random.default_rng(3))
    labels = np.tile([0, 0, 1, 1], 30)
    scores = [
        score_properties(x, {"p": Property(labels)}, scenes=s, intervals=False, chance=False)
        for s in (scenes, None)
    ]
    first, second = (result["properties"]["p"] for result in scores)
    for name in ("nr_precision", "arp", "precision_at_1", "r_precision", "map_at_r"):
        assert first[name] == second[name]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros(40), "a single label ('0.0')"),
        (np.arange(40) // 2, "every label occurs in one scene only"),
    ],
)
def test_a_property_without_variation_where_it_is_scored_says_why(labels, reason):
    x = np.random.default_rng(0).normal(size=(40, 3))
    result = score_properties(x, {"p": Property(labels)}, scenes=np.arange(40) // 2)
    assert reason in result["properties"]["p"]["reason"]
    assert result["properties"]["p"]["arp"]["value"] is None


def test_chance_of_a_subset_of_a_sweep_is_that_of_whole_scenes(monkeypatch):
    for module in (order, verification, clustering, probe):
        monkeypatch.setattr(module, "MAX_IMAGES", 150)
    rng = np.random.default_rng(0)
    variant = np.tile(np.arange(3.0), 500)
    x = rng.normal(size=(1500, 8))
    x[:, 0] += 1.5 * variant
    scenes = np.repeat(np.arange(500), 3).tolist()
    swept = {"swept": Property(variant, "linear")}
    scores = score_properties(x, swept, scenes=scenes, threads=1, intervals=False)
    for key in ("distance_spearman", "ami", "decodability"):
        score = scores["properties"]["swept"][key]
        low, high = score["chance"]
        assert -0.1 < low < high < 0.1 < score["value"], key
    low, high = scores["properties"]["swept"]["roc_auc"]["chance"]
    assert 0.45 < low < high < 0.55 < scores["properties"]["swept"]["roc_auc"]["value"]
    pairs = scores["settings"]["pairs"]["swept"]
    assert (pairs["same"] + pairs["different"]) == 150 * 149 // 2


@pytest.mark.parametrize("seed", range(4))
def test_a_scene_that_does_not_fit_leaves_room_for_those_that_do(seed):
    scenes = np.repeat(np.arange(10), [2100, *[100] * 9])
    chosen = options_of(3000, seed=seed, scenes=scenes).choose_images(np.arange(3000), 2000, "x")
    assert np.array_equal(chosen, np.arange(2100, 3000))


def test_groups_hold_whole_scenes_in_equal_numbers():
    scenes = np.repeat([f"scene {i}" for i in range(47)], 3)
    groups = drop_groups(len(scenes), scenes, 0)
    assert all(len(set(groups[scenes == scene])) == 1 for scene in set(scenes))
    assert set(np.bincount(groups) // 3) == {2, 3}


def test_fewer_than_20_units_have_no_interval():
    x = np.random.default_rng(0).normal(size=(40, 3))
    props = {"p": Property(np.arange(40) % 2)}
    result = score_properties(x, props, scenes=np.arange(40) // 4, chance=False)
    assert result["properties"]["p"]["arp"]["ci95"] is None
    assert result["settings"]["jackknife_groups"] is None


def test_a_label_that_one_group_takes_away_leaves_the_score_without_an_interval():
    scenes = np.arange(60) // 2
    groups = drop_groups(60, scenes, 0)
    labels = (groups == np.bincount(groups).argmax()).astype(int)
    x = np.random.default_rng(0).normal(size=(60, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prop = Property(labels, kind="linear")
        scores = score_properties(x, {"p": prop}, scenes=scenes)["properties"]["p"]
    for name in ("nr_precision", "nr_precision_paper", "arp", "ami", "distance_spearman"):
        assert scores[name]["value"] is not None
        assert scores[name]["ci95"] is None, name
        assert scores[name]["chance"] is not None
