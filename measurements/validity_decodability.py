"""The table of validity.py about decodability: how often intervals and chance hold its value."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores.labels import Property, encode_labels, property_values
from dmlbench.scores.options import Options
from dmlbench.scores.probe import decodability_scores
from dmlbench.scores.registry import DECODABILITY
from dmlbench.scores.score import Score
from dmlbench.scores.uncertainty import PERMUTATIONS, drop_groups

IMAGES = 300
MANY_IMAGES = 10_000
DIMENSIONS = 16
VARIANTS = 5
KINDS = ("linear", "cyclic", "categorical")
SIGNAL = 0.7
FEW_PER_LABEL = 10
"""Images per label where labels have few images."""
DATA = ("isotropic", "clustered", "heavy-tailed", "few per label", "sweep")


@dataclass(frozen=True)
class Sample:
    """Embeddings [N, D], properties of their images, and scenes [N] or None."""

    embeddings: NDArray[np.float64]
    properties: dict[str, Property]
    scenes: NDArray[np.int64] | None


def draw(data: str, images: int, signal: float, rng: np.random.Generator) -> Sample:
    """Draw one property of each kind and embeddings in which they show as far as `signal`.

    Centers and directions are the same for all seeds and numbers of images.
    """
    population = np.random.default_rng(1)
    centers = 2 * population.normal(size=(6, DIMENSIONS))
    labels = IMAGES // FEW_PER_LABEL if data == "few per label" else 6
    directions = population.normal(size=(labels, DIMENSIONS))
    units = images // VARIANTS if data == "sweep" else images
    linear, cyclic, categorical = (rng.integers(0, labels, units) for _ in KINDS)
    turn = 2 * np.pi * cyclic / labels
    x = rng.normal(size=(units, DIMENSIONS))
    if data == "heavy-tailed":
        x = rng.standard_t(3, size=x.shape)
    if data == "clustered":
        x += centers[rng.integers(0, len(centers), units)]
    x[:, 0] += 3 * signal * linear / labels
    x[:, 1] += 1.5 * signal * np.sin(turn)
    x[:, 2] += 1.5 * signal * np.cos(turn)
    x += signal * directions[categorical]
    scenes = None
    if data == "sweep":
        scenes = np.repeat(np.arange(units), VARIANTS)
        x = x[scenes] + 0.3 * rng.normal(size=(len(scenes), DIMENSIONS))
        linear, cyclic, categorical = linear[scenes], cyclic[scenes], categorical[scenes]
    properties = {
        "linear": Property(linear, "linear"),
        "cyclic": Property(cyclic, "cyclic", period=float(labels)),
        "categorical": Property(categorical),
    }
    return Sample(x, properties, scenes)


def decodability_of(
    sample: Sample, seed: int, *, intervals: bool = True, chance: bool = False
) -> dict[str, Score]:
    """Return the decodability of each property."""
    images = len(sample.embeddings)
    options = Options(
        seed=seed,
        groups=drop_groups(images, sample.scenes, seed) if intervals else None,
        permutations=PERMUTATIONS if chance else 0,
        max_queries=images,
        threads=1,
        progress=None,
        scenes=sample.scenes,
    )
    labels = {name: encode_labels(p.labels, images) for name, p in sample.properties.items()}
    values = {
        name: property_values(p, images, name)
        for name, p in sample.properties.items()
        if p.kind != "categorical"
    }
    scores = decodability_scores(sample.embeddings, labels, values, sample.properties, options)
    return {name: score[DECODABILITY.key] for name, score in scores.items()}


def decodability(seeds: int) -> None:
    """Print coverage of `ci95` and false positives of `chance`."""
    print(
        "| data | property | null: mean | outside chance | 0 in ci95 | signal: mean | mean in ci95 "
        f"| of {MANY_IMAGES:,} images | that in ci95 |\n|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for data in DATA:
        null: dict[str, list[Score]] = {kind: [] for kind in KINDS}
        signal: dict[str, list[Score]] = {kind: [] for kind in KINDS}
        for seed in range(seeds):
            rng = np.random.default_rng([seed, 2])
            unrelated = replace(
                draw(data, IMAGES, 0.0, rng), embeddings=draw(data, IMAGES, SIGNAL, rng).embeddings
            )
            related = draw(data, IMAGES, SIGNAL, rng)
            for name, score in decodability_of(unrelated, seed, chance=True).items():
                null[name].append(score)
            for name, score in decodability_of(related, seed).items():
                signal[name].append(score)
        many = [
            decodability_of(
                draw(data, MANY_IMAGES, SIGNAL, np.random.default_rng([seed, 3])),
                seed,
                intervals=False,
            )
            for seed in range(3)
        ]
        for kind in KINDS:
            outside = np.mean([not score.is_chance for score in null[kind]])
            null_mean, mean = _mean(null[kind]), _mean(signal[kind])
            limit = _mean([scores[kind] for scores in many])
            print(
                f"| {data} | {kind} | {null_mean:.3f} | {outside:.1%} "
                f"| {_covered(null[kind], 0):.1%} "
                f"| {mean:.3f} | {_covered(signal[kind], mean):.1%} "
                f"| {limit:.3f} | {_covered(signal[kind], limit):.1%} |",
                flush=True,
            )


def _mean(scores: list[Score]) -> float:
    return float(np.mean([np.nan if score.value is None else score.value for score in scores]))


def _covered(scores: list[Score], truth: float) -> float:
    intervals = [score.ci95 for score in scores if score.ci95 is not None]
    return float(np.mean([low <= truth <= high for low, high in intervals]))
