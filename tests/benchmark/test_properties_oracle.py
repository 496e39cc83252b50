"""The scores agree with a slow, obvious computation that lists and sorts every neighbor."""

from __future__ import annotations

import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dmlbench import scores as properties
from dmlbench.scores import _kernels
from dmlbench.scores._kernels import device_counts, neighbor_counts, products, ranked_means
from dmlbench.scores._kernels.distances import prepare_points
from dmlbench.scores._kernels.neighbor_counts import Question, count_hits
from dmlbench.scores._kernels.neighbor_ranks import tie_groups
from dmlbench.scores._kernels.units import Units

SCORES = ("nr_precision", "arp", "r_precision", "map_at_r", "precision_at_1")
TOLERANCE = 1e-12
CAP = 1023


def brute_force(x, labels, scenes=None, *, normalize=True):
    """All scores from sorted neighbor lists, ties taken apart one by one.

    Images of one of the scenes, if any, are no neighbors of each other.
    """
    labeled = [i for i, label in enumerate(labels) if label is not None]
    scenes = [(scenes if scenes is not None else range(len(x)))[i] for i in labeled]
    x, labels = np.asarray(x, dtype=np.float64)[labeled], [labels[i] for i in labeled]
    if normalize:
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
    spread = float(((x - x.mean(axis=0)) ** 2).sum(axis=1).mean())
    length = float((x**2).sum(axis=1).mean())
    # What rounding leaves of equal embeddings is no spread.
    tolerance = TOLERANCE * (spread if spread > 1e-24 * length else length)
    spread = {
        label: len({s for s, lab in zip(scenes, labels, strict=True) if lab == label})
        for label in labels
    }
    rows = []
    for i in range(len(x)):
        neighbors = [j for j in range(len(x)) if scenes[j] != scenes[i]]
        n, c = len(neighbors) + 1, sum(labels[j] == labels[i] for j in neighbors) + 1
        repeated = sum(spread[labels[j]] >= 2 for j in neighbors) + 1
        if c < 2:
            continue
        others = sorted(
            (math.fsum((a - b) ** 2 for a, b in zip(x[i], x[j], strict=True)), labels[j])
            for j in neighbors
        )
        distances = [distance for distance, _ in others]
        same = [label == labels[i] for _, label in others]
        rank = c - 1
        hits = expected_hits(distances, same, rank, tolerance)
        p, q = c / n, rank / (n - 1)
        capped = min(rank, CAP)
        paper_hits = expected_hits(distances, same, capped, tolerance)
        share = c / repeated
        rows.append(
            {
                "nr_precision": standardise(hits, rank, p),
                "nr_precision_paper": standardise(paper_hits, capped, share),
                "arp": (hits / rank - q) / (1 - q),
                "r_precision": hits / rank,
                "map_at_r": expected_precisions(distances, same, rank, tolerance) / rank,
                "precision_at_1": expected_hits(distances, same, 1, tolerance),
            }
        )
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def standardise(hits, rank, p):
    return (hits - rank * p) / math.sqrt(rank * p * (1 - p)) if p < 1 else math.nan


def expected_hits(distances, same, rank, tolerance):
    at_rank = distances[rank - 1]
    closer = [s for d, s in zip(distances, same, strict=True) if d < at_rank - tolerance]
    tied = [s for d, s in zip(distances, same, strict=True) if abs(d - at_rank) <= tolerance]
    return sum(closer) + (rank - len(closer)) * sum(tied) / len(tied)


def expected_precisions(distances, same, rank, tolerance):
    """Sum of the precisions at hits up to the rank, the mean over all orders of each tied run."""
    runs, total, before, hits_before = [[0]], 0.0, 0, 0
    for i in range(1, len(distances)):
        if distances[i] - distances[i - 1] <= tolerance:
            runs[-1].append(i)
        else:
            runs.append([i])
    for run in runs:
        size, hits = len(run), sum(same[i] for i in run)
        for j in range(1, size + 1):
            if before + j > rank or hits == 0:
                break
            for earlier in range(min(j - 1, hits - 1) + 1):
                ways = math.comb(j - 1, earlier) * math.comb(size - j, hits - 1 - earlier)
                chance = ways / math.comb(size, hits)
                total += chance * (hits_before + earlier + 1) / (before + j)
        before, hits_before = before + size, hits_before + hits
    return total


def by_function(x, labels):
    scores = {name: getattr(properties, name)(x, labels) for name in SCORES}
    return scores | {"nr_precision_paper": properties.nr_precision_paper(x, labels)}


def by_report(x, labels, **options):
    result = properties.score_properties(
        x, {"p": properties.Property(labels)}, intervals=False, chance=False, **options
    )["properties"]["p"]
    return {name: result[name]["value"] for name in (*SCORES, "nr_precision_paper")}


def assert_agrees(scores, x, labels):
    normalized = brute_force(x, labels)
    paper = brute_force(x, labels, normalize=False)
    for name in SCORES:
        assert scores[name] == pytest.approx(normalized[name], abs=1e-9), name
    if math.isnan(paper["nr_precision_paper"]):
        assert scores["nr_precision_paper"] is None
    else:
        assert scores["nr_precision_paper"] == pytest.approx(paper["nr_precision_paper"], abs=1e-9)


def embeddings(kind, n, dimensions, rng):
    if kind == "random":
        return rng.normal(size=(n, dimensions))
    if kind == "duplicates":
        return rng.normal(size=(max(1, n // 4), dimensions))[rng.integers(0, max(1, n // 4), n)]
    if kind == "grid":
        return rng.integers(-1, 2, (n, dimensions)) + np.eye(1, dimensions) * 3.0
    if kind == "clusters":
        return rng.normal(size=(3, dimensions))[rng.integers(0, 3, n)] + 1e-3 * rng.normal(
            size=(n, dimensions)
        )
    return np.ones((n, dimensions))


KINDS = ("random", "duplicates", "grid", "clusters", "all the same")


@st.composite
def cases(draw):
    n = draw(st.integers(4, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = embeddings(draw(st.sampled_from(KINDS)), n, draw(st.integers(1, 5)), rng)
    labels = rng.integers(0, draw(st.integers(2, 8)), n).tolist()
    labels[:4] = [0, 0, 1, 1]
    for row in rng.integers(4, n, draw(st.integers(0, 5))) if n > 4 else []:
        labels[row] = None
    return x, labels


@settings(max_examples=60, deadline=None)
@given(cases())
def test_every_score_equals_the_brute_force_score(case):
    x, labels = case
    assert_agrees(by_function(x, labels), x, labels)
    assert_agrees(by_report(x, labels), x, labels)


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float64, (8, 2), elements=st.integers(1, 3).map(float)),
    st.lists(st.sampled_from("abc"), min_size=8, max_size=8).filter(
        lambda labels: len(set(labels)) > 1 and len(set(labels)) < 8
    ),
)
def test_every_score_equals_the_brute_force_score_on_tiny_grids(x, labels):
    assert_agrees(by_function(x, labels), x, labels)
    assert_agrees(by_report(x, labels), x, labels)


@pytest.mark.parametrize("kind", KINDS)
def test_counting_and_sorting_agree_whatever_the_blocks(kind, monkeypatch):
    rng = np.random.default_rng(7)
    x = embeddings(kind, 57, 3, rng)
    labels = rng.integers(0, 5, 57).tolist()
    whole = by_report(x, labels)
    monkeypatch.setattr(neighbor_counts, "BLOCK_ELEMENTS", 57 * 10)
    monkeypatch.setattr(ranked_means, "BLOCK_ELEMENTS", 57 * 7)
    assert by_report(x, labels, threads=3) == pytest.approx(whole, abs=1e-12)
    assert by_function(x, labels) == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neither_a_guess_nor_the_way_of_counting_changes_a_count(kind, dtype, monkeypatch):
    rng = np.random.default_rng(13)
    x = embeddings(kind, 400, 3, rng).astype(dtype)
    x = x[np.argsort(x[:, 0])]
    questions = [
        Question(rng.integers(0, 3, 400), rng.integers(0, most, (400, 2))) for most in (5, 60, 400)
    ]
    points = prepare_points(x, normalize=False)
    units = Units.of(np.arange(400))
    assert neighbor_counts.compiled_loops() is not None
    expected = count_hits(points, units, questions)
    for compiled, sample in itertools.product((True, False), (1, 5, 64, 400)):
        monkeypatch.setattr(neighbor_counts, "SAMPLE", sample)
        if not compiled:
            monkeypatch.setattr(neighbor_counts, "compiled_loops", lambda: None)
        for question, hits in zip(questions, expected, strict=True):
            np.testing.assert_array_equal(count_hits(points, units, [question])[0], hits)


@pytest.mark.parametrize("kind", ["random", "grid"])
@pytest.mark.parametrize("scenes", [None, 4])
def test_scores_are_the_same_without_numba(kind, scenes, monkeypatch):
    rng = np.random.default_rng(23)
    x = embeddings(kind, 80, 6, rng)
    props = {
        "category": properties.Property(rng.integers(0, 4, 80)),
        "line": properties.Property(rng.integers(0, 9, 80), "linear"),
        "circle": properties.Property(rng.integers(0, 9, 80), "cyclic", period=9.0),
    }
    how = {"scenes": None if scenes is None else (np.arange(80) // scenes).tolist(), "threads": 1}
    compiled = properties.score_properties(x, props, held="category", **how)
    monkeypatch.setitem(sys.modules, "dmlbench.scores._kernels.compiled", None)
    monkeypatch.delattr(_kernels, "compiled")
    products.compiled_loops.cache_clear()
    try:
        assert products.compiled_loops() is None
        plain = properties.score_properties(x, props, held="category", **how)
    finally:
        products.compiled_loops.cache_clear()
    for name, scores in compiled["properties"].items():
        for score, expected in scores.items():
            if isinstance(expected, dict) and "value" in expected:
                for part in ("value", "ci95", "chance", "replicates"):
                    ours = plain["properties"][name][score][part]
                    assert ours == pytest.approx(expected[part], abs=1e-6), (name, score, part)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenes", [1, 5])
def test_pytorch_counts_the_same_hits(kind, scenes, monkeypatch):
    rng = np.random.default_rng(19)
    points = prepare_points(embeddings(kind, 200, 3, rng), normalize=False)
    units = Units.of(np.arange(200) // scenes)
    questions = [
        Question(rng.integers(0, 3, 200), rng.integers(0, most, (200, 2))) for most in (5, 60, 190)
    ]
    monkeypatch.setattr(device_counts, "BLOCK_ELEMENTS", 200 * 64)
    ours = device_counts.count_hits_on("cpu", points, units, questions)
    for hits, expected in zip(ours, count_hits(points, units, questions), strict=True):
        np.testing.assert_allclose(hits, expected, atol=1e-9)


def counted_and_ranked(x, props):
    """NR-Precision of each property: all queries counted, and all queries put in order."""
    how = {"intervals": False, "chance": False, "threads": 1}
    return [
        {
            name: scores["nr_precision"]["value"]
            for name, scores in properties.score_properties(x, props, max_queries=most, **how)[
                "properties"
            ].items()
        }
        for most in (100, len(x))
    ]


def test_all_properties_together_may_have_more_labels_than_a_byte_can_tell_apart():
    rng = np.random.default_rng(5)
    second = rng.permutation(np.repeat(np.arange(200), 3))
    x = (rng.normal(size=(600, 8)) + 2 * rng.normal(size=(200, 8))[second]).astype(np.float32)
    first = properties.Property(np.repeat(np.arange(100), 6))
    counted, ranked = counted_and_ranked(x, {"a": first, "b": properties.Property(second)})
    assert counted == pytest.approx(ranked, rel=1e-9)


@pytest.mark.parametrize("dimensions", [8, 512])
def test_counting_tells_apart_what_lies_few_tolerances_apart(dimensions, monkeypatch):
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(20, dimensions))
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    cluster, label = rng.integers(0, 20, 1000), rng.integers(0, 4, 1000)
    offset = 1e-3 * np.eye(4, dimensions)[label]
    noise = 2e-4 * rng.normal(size=(1000, dimensions)) / np.sqrt(dimensions)
    x = (centers[cluster] + offset + noise).astype(np.float32)
    props = {"label": properties.Property(cluster * 4 + label)}
    counted, ranked = counted_and_ranked(x, props)
    assert counted == pytest.approx(ranked, rel=1e-6)
    monkeypatch.setattr(neighbor_counts, "compiled_loops", lambda: None)
    assert counted_and_ranked(x, props)[0] == pytest.approx(ranked, rel=1e-6)
    units, codes = Units.of(np.arange(1000)), cluster * 4 + label
    questions = [Question(codes, np.bincount(codes)[codes][:, None] - 1)]
    points = prepare_points(x, normalize=True)
    on_device = device_counts.count_hits_on("cpu", points, units, questions)[0]
    np.testing.assert_allclose(on_device, count_hits(points, units, questions)[0], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_ranking_only_the_nearest_changes_no_score(kind, monkeypatch):
    rng = np.random.default_rng(17)
    x, labels = embeddings(kind, 300, 3, rng), rng.integers(0, 60, 300)
    props = {"p": properties.Property(labels)}
    ranked = []
    for slack in (1000, 40, 0):
        monkeypatch.setattr(ranked_means, "SLACK", slack)
        ranked.append(properties.score_properties(x, props)["properties"]["p"])
    for score in SCORES:
        for scores in ranked[1:]:
            for part in ("value", "ci95", "chance", "replicates"):
                assert scores[score][part] == pytest.approx(ranked[0][score][part], abs=1e-9)


@pytest.mark.parametrize("kind", ["random", "duplicates", "grid", "all the same"])
def test_float32_embeddings_score_like_their_float64_copies(kind):
    rng = np.random.default_rng(11)
    x = embeddings(kind, 80, 6, rng).astype(np.float32)
    labels = rng.integers(0, 4, 80)
    double = by_function(x.astype(np.float64), labels)
    assert by_function(x, labels) == pytest.approx(double, abs=2e-3)
    assert by_report(x, labels) == pytest.approx(double, abs=2e-3)


def test_float32_products_are_accurate_where_all_embeddings_point_one_way():
    rng = np.random.default_rng(17)
    x = (1 + 0.01 * rng.normal(size=(300, 16))).astype(np.float32)
    labels = rng.integers(0, 4, 300)
    counted, ranked = by_function(x, labels), by_report(x, labels)
    assert counted == pytest.approx(ranked, abs=1e-6)


@st.composite
def sweeps(draw):
    """Embeddings whose scenes are alike, scenes of one to four images, and labels of scenes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scenes = np.repeat(np.arange(12), rng.integers(1, 5, 12))
    rng.shuffle(scenes)
    x = embeddings(draw(st.sampled_from(KINDS)), 12, draw(st.integers(1, 5)), rng)[scenes]
    x = x + draw(st.sampled_from([0.0, 0.1])) * rng.normal(size=x.shape)
    of_scene = rng.integers(0, draw(st.integers(2, 5)), 12)
    of_scene[:4] = [0, 0, 1, 1]
    labels = of_scene[scenes].tolist()
    for row in rng.integers(0, len(labels), draw(st.integers(0, 3))):
        labels[row] = None
    return x, labels, scenes


@settings(max_examples=60, deadline=None)
@given(sweeps(), st.booleans())
def test_neighbors_of_the_same_scene_are_left_out_for_labels_of_scenes(sweep, resample):
    x, labels, scenes = sweep
    scored = properties.score_properties(
        x,
        {"p": properties.Property(labels)},
        scenes=scenes,
        intervals=False,
        chance=resample,
        max_queries=None if resample else 1,
    )["properties"]["p"]
    try:
        expected = brute_force(x, labels, scenes)
    except IndexError:
        assert scored["reason"] is not None
        return
    expected["nr_precision_paper"] = brute_force(x, labels, scenes, normalize=False)[
        "nr_precision_paper"
    ]
    for name, value in expected.items():
        if scored["reason"] is None and (resample or name != "map_at_r"):
            assert scored[name]["value"] == pytest.approx(value, abs=1e-9), name


def test_neighbors_of_the_same_scene_are_left_out_within_a_class():
    rng = np.random.default_rng(5)
    scenes = np.repeat(np.arange(24), 3)
    cars, colors = rng.integers(0, 2, 24)[scenes], rng.integers(0, 3, 24)[scenes]
    x = rng.normal(size=(24, 4))[scenes] + 0.1 * rng.normal(size=(72, 4))
    props = {"car": properties.Property(cars), "color": properties.Property(colors)}
    scored = properties.score_properties(
        x, props, scenes=scenes, held="car", intervals=False, chance=False
    )
    parts = [
        brute_force(x[cars == c], colors[cars == c].tolist(), scenes[cars == c]) for c in (0, 1)
    ]
    expected = np.average([part["arp"] for part in parts], weights=np.bincount(cars))
    value = scored["properties"]["color"]["arp_within_class"]["value"]
    assert value == pytest.approx(expected, abs=1e-9)


def test_the_paper_cap_counts_1023_neighbors():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2100, 2))
    labels = (x[:, 0] + rng.normal(size=2100) > 0).astype(int)
    i = 5
    squared = ((x - x[i]) ** 2).sum(axis=1)
    nearest = np.argsort(squared)[1 : CAP + 1]
    questions = [Question(labels, np.full((2100, 1), CAP))]
    points = prepare_points(x, normalize=False)
    hits = count_hits(points, Units.of(np.arange(len(x))), questions)[0][:, 0]
    assert hits[i] == (labels[nearest] == labels[i]).sum()
    p = np.bincount(labels)[labels] / 2100
    z = (hits - CAP * p) / np.sqrt(CAP * p * (1 - p))
    assert properties.nr_precision_paper(x, labels) == pytest.approx(z.mean(), abs=1e-9)


def test_map_at_r_of_tied_neighbors_is_the_mean_over_their_orders():
    x = [[0.0], [1.0], [1.0], [1.0], [1.0], [3.0]]
    labels = ["a", "a", "a", "a", "b", "b"]
    rank, means = 3, []
    for order in itertools.permutations([True, True, True, False]):
        hits = np.cumsum(order)
        means.append(sum(hits[k] / (k + 1) for k in range(rank) if order[k]) / rank)
    assert brute_force(x, labels, normalize=False)["map_at_r"] == pytest.approx(
        properties.map_at_r(x, labels, normalize=False)
    )
    only = expected_precisions([1.0] * 4 + [9.0], [True] * 3 + [False] * 2, rank, 1e-12) / rank
    assert only == pytest.approx(np.mean(means))


def test_a_crowd_of_close_distances_is_cut_into_pieces_no_wider_than_the_tolerance():
    squared = np.array([[0.0, 0.6, 1.2, 1.8, 2.4, 9.0]])
    groups = tie_groups(squared, tolerance=1.0)
    assert list(zip(groups.low, groups.high, strict=True)) == [(0, 2), (2, 4)]
    assert groups.alone.tolist() == [[False, False, False, False, True, True]]


def test_an_exact_tie_is_one_group_although_its_distances_differ_by_rounding():
    squared = np.array([[1.0, 1.0 + 3e-13, 1.0 + 6e-13, 2.0]])
    groups = tie_groups(squared, tolerance=1e-12)
    assert list(zip(groups.low, groups.high, strict=True)) == [(0, 3)]
