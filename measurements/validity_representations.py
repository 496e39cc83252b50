"""How often intervals of CKA, RSA and Procrustes cover, of embeddings that are alike and not."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from validity_scores import DIMENSIONS, KINDS, SIGNAL, Sample, draw_sample
from validity_tables import coverage_cell, print_table

from dmlbench.comparison.representations import MEASURES, RepresentationPair, compare_embeddings

NOISE = 0.7
"""Standard deviation of what each of two models that are alike adds by itself."""


def representations(seeds: int) -> None:
    """Print the coverage of two models that see the same, each in its own way, and of unrelated."""
    columns = (f"{of}: {title}" for of in ("alike", "unrelated") for title in MEASURES.values())
    kinds = [kind for kind in KINDS if kind != "sweep, swept label"]
    print_table(("data", *columns), ([kind, *_row(kind, seeds)] for kind in kinds))


def _row(kind: str, seeds: int) -> Iterator[str]:
    for alike in (True, False):
        pairs = [_compare(kind, seed, alike=alike) for seed in range(seeds)]
        for measure in MEASURES:
            yield coverage_cell([getattr(pair, measure) for pair in pairs])


def _compare(kind: str, seed: int, *, alike: bool) -> RepresentationPair:
    rng = np.random.default_rng(seed)
    first = draw_sample(kind, SIGNAL, rng)
    second = first if alike else draw_sample(kind, SIGNAL, rng)
    scenes = None if first.scenes is None else first.scenes.tolist()
    embeddings = {"a": _seen(first, rng), "b": _seen(second, rng)}
    (pair,) = compare_embeddings(embeddings, scenes, np.random.default_rng(seed))
    return pair


def _seen(sample: Sample, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the embeddings of a model: the sample in directions of its own, with noise."""
    rotation = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    noise = NOISE * rng.normal(size=sample.embeddings.shape)
    seen: NDArray[np.float64] = sample.embeddings @ rotation + noise
    return seen
