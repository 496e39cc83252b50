"""How alike the embeddings of two models are: CKA, RSA and Procrustes (protocol, section 8).

There is no noise in an embedding, so the ceiling of each is 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dmlbench.maps.compare import fisher
from dmlbench.results import Result
from dmlbench.results.files import Interval
from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores.jackknife import assign_groups, jackknife_interval, leave_groups_out
from dmlbench.scores.similarity import (
    MIN_IMAGES,
    cka_of_kernels,
    kernel,
    narrow,
    procrustes_of_rows,
    rsa_of_kernels,
)
from dmldata.common.progress import Progress
from dmldata.common.strict import StrictModel

MAX_IMAGES = 1000
"""Images of a comparison, a seeded subset of more: half a million pairs of images."""
PERMUTATIONS = 20

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


class Similarity(StrictModel):
    """A measure of two embeddings of the same images.

    Attributes:
        value: 1 for the same up to rotation; None where it cannot be computed.
        ci95: jackknife interval, computed in Fisher-z.
        floor: mean over permutations of the images of one model: what unrelated embeddings give.
    """

    value: float | None
    ci95: Interval | None
    floor: float | None


class RepresentationPair(StrictModel):
    """Two models, and how alike their embeddings are; see `dmlbench.scores.similarity`."""

    a: str
    b: str
    images: int
    cka: Similarity
    rsa: Similarity
    procrustes: Similarity


OF_KERNELS = {"cka": cka_of_kernels, "rsa": rsa_of_kernels}
"""The measures of two kernels."""

MEASURES: dict[str, str] = {"cka": "CKA", "rsa": "RSA", "procrustes": "Procrustes"}
"""Titles of the measures, by their names in `RepresentationPair`."""


def compare_representations(
    results: Sequence[Result], progress: Progress | None = None
) -> tuple[RepresentationPair, ...]:
    """Compare the embeddings of every pair of models of one dataset.

    Images, jackknife groups and permutations are drawn by the dataset's fingerprint: the same for
    all pairs.
    """
    seed = int(results[0].run.dataset.fingerprint, 16)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(results[0].properties.n)[:MAX_IMAGES])
    if len(rows) < MIN_IMAGES:
        return ()
    scenes = results[0].properties.scenes
    groups = assign_groups(len(rows), rng, units=scenes and [scenes[row] for row in rows.tolist()])
    orders = [rng.permutation(len(rows)) for _ in range(PERMUTATIONS)]
    embeddings = {
        result.model: narrow(unit_rows(result.folder.read_embeddings()[rows].astype(np.float64)))
        for result in results
    }
    couples = list(itertools.combinations(sorted(embeddings), 2))
    pairs = []
    for done, (a, b) in enumerate(couples, start=1):
        pairs.append(_pair(a, b, embeddings, groups, orders))
        if progress is not None:
            progress("compare embeddings", done, len(couples))
    return tuple(pairs)


def similarities(
    pairs: Sequence[RepresentationPair],
) -> dict[str, dict[frozenset[str], float | None]]:
    """Return the values by measure and pair of models."""
    return {
        measure: {frozenset({pair.a, pair.b}): getattr(pair, measure).value for pair in pairs}
        for measure in MEASURES
    }


def _pair(
    a: str,
    b: str,
    embeddings: dict[str, Array],
    groups: NDArray[np.int64],
    orders: Sequence[NDArray[np.int64]],
) -> RepresentationPair:
    x, y = embeddings[a], embeddings[b]
    of_x, of_y = kernel(x), kernel(y)

    def with_bounds(name: str) -> Similarity:
        measure = OF_KERNELS[name]
        return _similarity(
            lambda rows, order: measure(of_x[np.ix_(rows, rows)], of_y[np.ix_(order, order)]),
            groups,
            orders,
        )

    return RepresentationPair(
        a=a,
        b=b,
        images=len(x),
        cka=with_bounds("cka"),
        rsa=with_bounds("rsa"),
        procrustes=_similarity(
            lambda rows, order: procrustes_of_rows(x[rows], y[order]), groups, orders
        ),
    )


def _similarity(
    measure: Callable[[Rows, Rows], float],
    groups: NDArray[np.int64],
    orders: Sequence[NDArray[np.int64]],
) -> Similarity:
    """Return a measure with its bounds.

    Args:
        measure: from the rows of the first and of the second model to their similarity.
    """
    everyone = np.arange(len(groups))

    def of_images(mask: NDArray[np.bool_]) -> float | None:
        rows = np.flatnonzero(mask)
        value = measure(rows, rows) if len(rows) >= MIN_IMAGES else math.nan
        return value if math.isfinite(value) else None

    value = of_images(np.ones(len(groups), bool))
    if value is None:
        return Similarity(value=None, ci95=None, floor=None)
    replicates = leave_groups_out(of_images, groups)
    in_fisher_z = replicates is not None and jackknife_interval(
        float(fisher(value)), fisher(replicates)
    )
    floor = float(np.mean([measure(everyone, order) for order in orders]))
    return Similarity(
        value=value,
        ci95=tuple(np.tanh(in_fisher_z).tolist()) if in_fisher_z else None,
        floor=floor if math.isfinite(floor) else None,
    )
