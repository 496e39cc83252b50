"""Tables of validity.py about scores of neighbors, clusters, distances and pairs, and of shape."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from validity_tables import coverage_cell, percent, print_table

from dmlbench.scores.clustering import cluster_scores
from dmlbench.scores.geometry import measure_geometry
from dmlbench.scores.interventions import measure_interventions
from dmlbench.scores.labels import Property, encode_labels, property_values
from dmlbench.scores.options import Options
from dmlbench.scores.order import order_scores
from dmlbench.scores.registry import EMBEDDING_SCORES, PAIR_SCORES
from dmlbench.scores.retrieval import neighbor_scores
from dmlbench.scores.score import Scores
from dmlbench.scores.uncertainty import PERMUTATIONS, drop_groups
from dmlbench.scores.verification import verification_scores

IMAGES, DIMENSIONS, VARIANTS, VALUES, FEW = 300, 16, 5, 6, 5
SIGNAL = 1.5
"""Length of what a value of the property adds to an embedding, in standard deviations of noise."""
KEYS = ("nr_precision", "arp", "map_at_r", "precision_at_1", "ami", "distance_spearman")
RETRIEVAL = "retrieval_under_intervention"
SIGNALS = (0.0, 1.5, 3.0, 6.0)
PAIR_KEYS = tuple(score.key for score in PAIR_SCORES)
EMBEDDING_KEYS = tuple(score.key for score in EMBEDDING_SCORES)
KINDS = ("isotropic", "clustered", "heavy-tailed", "few per label", "sweep", "sweep, swept label")


class Sample(NamedTuple):
    """Embeddings [N, D], values of a linear property [N], and scenes [N], None without."""

    embeddings: NDArray[np.float64]
    values: NDArray[np.float64]
    scenes: NDArray[np.int64] | None


def draw_sample(kind: str, signal: float, rng: np.random.Generator) -> Sample:
    """Draw a dataset; near values add vectors that are near each other, on an arc."""
    scenes = np.arange(IMAGES) // VARIANTS if kind.startswith("sweep") else None
    units = IMAGES if scenes is None else IMAGES // VARIANTS
    values = rng.integers(0, IMAGES // FEW if kind == "few per label" else VALUES, units)
    x = rng.normal(size=(units, DIMENSIONS))
    if kind == "heavy-tailed":
        x = rng.standard_t(3, size=x.shape)
    if kind == "clustered":
        x += 2 * np.random.default_rng(1).normal(size=(12, DIMENSIONS))[rng.integers(0, 12, units)]
    if scenes is not None:
        values = values[scenes]
        if kind == "sweep, swept label":
            values = np.arange(IMAGES) % VARIANTS
        x = x[scenes] + 0.7 * rng.normal(size=(IMAGES, DIMENSIONS))
    angle = 1.5 * np.pi * values / values.max()
    x[:, 0] += signal * np.cos(angle)
    x[:, 1] += signal * np.sin(angle)
    return Sample(x, values.astype(np.float64), scenes)


Scorer = Callable[[Sample, Options, int], Scores]
"""From a sample, options and a seed to scores, with intervals or with chance."""


def options_of(sample: Sample, seed: int, *, intervals: bool) -> Options:
    """Return how to score a sample: with intervals, or with chance."""
    return Options(
        seed=seed,
        groups=drop_groups(IMAGES, sample.scenes, seed) if intervals else None,
        permutations=0 if intervals else PERMUTATIONS,
        max_queries=IMAGES,
        threads=1,
        progress=None,
        scenes=sample.scenes,
    )


def neighbor_sample(sample: Sample, options: Options, seed: int) -> Scores:
    """Return the scores of `KEYS`, and with intervals retrieval under intervention."""
    prop = Property(sample.values, "linear")
    scenes = sample.scenes
    labels = {"p": encode_labels(prop.labels, IMAGES, scenes=scenes)}
    values = {"p": property_values(prop, IMAGES, "p")}
    scores = neighbor_scores(sample.embeddings, labels, options)["p"]
    scores |= cluster_scores(sample.embeddings, labels, options)["p"]
    scores |= order_scores(sample.embeddings, labels, values, {"p": prop}, options)["p"]
    if options.groups is not None and scenes is not None:
        cars = np.random.default_rng(seed).integers(0, 4, scenes.max() + 1)[scenes]
        variants = np.arange(IMAGES) % VARIANTS
        interventions = measure_interventions(
            sample.embeddings, scenes, variants, cars, group="", seed=seed
        )
        scores[RETRIEVAL] = interventions.retrieval_under_intervention
    return scores


def pair_sample(sample: Sample, options: Options, seed: int) -> Scores:
    """Return the scores of pairs, and with intervals those of the embeddings' shape."""
    labels = {"p": encode_labels(sample.values, IMAGES, scenes=sample.scenes)}
    scores = verification_scores(sample.embeddings, labels, options).scores["p"]
    if options.groups is not None:
        scores |= measure_geometry(sample.embeddings, options).scores
    return scores


def coverages(kind: str, seeds: int, scorer: Scorer, keys: tuple[str, ...]) -> Iterator[str]:
    """Yield per score its mean, how often ci95 covers it, and width against the right width."""
    results = []
    for seed in range(seeds):
        sample = draw_sample(kind, SIGNAL, np.random.default_rng(seed))
        results.append(scorer(sample, options_of(sample, seed, intervals=True), seed))
    for key in keys:
        yield coverage_cell([scores[key] for scores in results if key in scores])


def false_positives(kind: str, seeds: int, scorer: Scorer, keys: tuple[str, ...]) -> Iterator[str]:
    """Yield per score how often that of embeddings without a signal lies outside chance."""
    results = []
    for seed in range(seeds):
        sample = draw_sample(kind, 0.0, np.random.default_rng(seed))
        results.append(scorer(sample, options_of(sample, seed, intervals=False), seed))
    for key in keys:
        yield percent(np.array([not scores[key].is_chance for scores in results]))


def curve_sample(sample: Sample, options: Options, seed: int) -> Scores:
    """Return the scores of response curves, by measure and size of the change."""
    assert sample.scenes is not None
    variants = np.arange(IMAGES) % VARIANTS
    cars = np.random.default_rng(seed).integers(0, 4, sample.scenes.max() + 1)[sample.scenes]
    interventions = measure_interventions(
        sample.embeddings,
        sample.scenes,
        variants,
        cars,
        group="",
        swept={"p": Property(variants.astype(np.float64), "linear")},
        seed=seed,
    )
    return {
        f"{measure}, size {point.size:.0f}": score
        for point in interventions.response[0].points
        for measure, score in (("distance", point.response), ("retrieval", point.retrieval))
    }


def response(seeds: int) -> None:
    """Print the coverage of response curves, on the sweeps."""
    keys = tuple(
        f"{measure}, size {size}" for measure in ("distance", "retrieval") for size in (1, 2, 3, 4)
    )
    kinds = [kind for kind in KINDS if kind.startswith("sweep")]
    print_table(
        ("data", *keys), ([kind, *coverages(kind, seeds, curve_sample, keys)] for kind in kinds)
    )


def widths(kind: str, seeds: int) -> Iterator[str]:
    """Yield for each signal the mean ARP, and the width of its intervals over the right width."""
    for signal in SIGNALS:
        values, errors = [], []
        for seed in range(seeds):
            sample = draw_sample(kind, signal, np.random.default_rng(seed))
            labels = {"p": encode_labels(sample.values, IMAGES, scenes=sample.scenes)}
            options = options_of(sample, seed, intervals=True)
            arp = neighbor_scores(sample.embeddings, labels, options)["p"]["arp"]
            assert arp.value is not None
            assert arp.ci95 is not None
            values.append(arp.value)
            errors.append((arp.ci95[1] - arp.ci95[0]) / (2 * 2.093))
        right = np.std(values, ddof=1)
        yield f"{np.sqrt(np.mean(np.square(errors))) / right:.2f} ({np.mean(values):.2f})"


def width(seeds: int) -> None:
    """Print how wide intervals of ARP are, over the right width, by how much there is to find."""
    rows = ([kind, *widths(kind, seeds)] for kind in KINDS)
    print_table(("data", *(f"signal {signal:g}" for signal in SIGNALS)), rows)


def coverage(seeds: int) -> None:
    """Print how often ci95 covers the mean of a score, beside the mean and the relative width."""
    keys = (*KEYS, RETRIEVAL)
    print_table(
        ("data", *keys), ([kind, *coverages(kind, seeds, neighbor_sample, keys)] for kind in KINDS)
    )


def chance(seeds: int) -> None:
    """Print how often scores of embeddings that know nothing of the property lie outside chance."""
    print_table(
        ("data", *KEYS),
        ([kind, *false_positives(kind, seeds, neighbor_sample, KEYS)] for kind in KINDS),
    )


def pairs(seeds: int) -> None:
    """Print both of scores of pairs, and the coverage of scores of the embeddings' shape."""
    keys = (*PAIR_KEYS, *EMBEDDING_KEYS)
    print_table(
        ("data", *keys), ([kind, *coverages(kind, seeds, pair_sample, keys)] for kind in KINDS)
    )
    print()
    print_table(
        ("data", *PAIR_KEYS),
        ([kind, *false_positives(kind, seeds, pair_sample, PAIR_KEYS)] for kind in KINDS),
    )
