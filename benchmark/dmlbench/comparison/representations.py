"""How alike the embeddings of two models are: CKA, RSA and Procrustes (protocol, section 8).

There is no noise in an embedding, so the ceiling of each is 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dmlbench.maps.compare import fisher
from dmlbench.results import Result
from dmlbench.results.files import Interval
from dmlbench.scores._kernels.distances import unit_rows
from dmlbench.scores._kernels.parallel import in_order
from dmlbench.scores.jackknife import assign_groups, jackknife_interval
from dmlbench.scores.similarity import (
    MIN_IMAGES,
    Representation,
    debiased_cka,
    narrow,
    rank_agreement,
    rotated_overlaps,
)
from dmlbench.scores.uncertainty import MIN_EXCHANGES, exchanges, permuted_orders, whole_scenes
from dmlbench.sources.fingerprint import seed_of
from dmldata.common.arrays import Floats, Ints
from dmldata.common.progress import Progress
from dmldata.common.strict import StrictModel

MAX_IMAGES = 500
"""Images of a comparison, a seeded subset of more: 125,000 pairs of images. The time for Procrustes
of wide embeddings grows with the third power of it."""
PERMUTATIONS = 5
"""Of the images of one model: their mean is the floor."""

Array = NDArray[np.float64]


class Similarity(StrictModel):
    """A measure of two embeddings of the same images.

    Attributes:
        value: 1 for the same up to rotation; None where it cannot be computed.
        ci95: jackknife interval, computed in Fisher-z.
        floor: mean over permutations of the images of one model, whole scenes where there are
            scenes: what unrelated embeddings give. None where too few scenes can change places.
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


MEASURES: dict[str, str] = {"cka": "CKA", "rsa": "RSA", "procrustes": "Procrustes"}
"""Titles of the measures, by their names in `RepresentationPair`."""


Prepared = Mapping[str, Representation]
"""Representations of the same images by model."""

_FUNCTIONS = {"cka": debiased_cka, "rsa": rank_agreement}
"""What compares prepared representations; Procrustes is of embeddings."""


def compare_representations(
    results: Sequence[Result],
    progress: Progress | None = None,
    only_with: Collection[str] | None = None,
) -> tuple[RepresentationPair, ...]:
    """Compare the embeddings of every pair of models of one dataset.

    Images, jackknife groups and permutations are drawn by the dataset's fingerprint: the same for
    all pairs, so that each model is prepared once for each of them.

    Args:
        only_with: ids of models; pairs without one of them are left out. None for all.
    """
    if len(results) < 2:
        return ()
    return compare_embeddings(
        {
            result.model: result.folder.read_embeddings()
            for result in sorted(results, key=lambda result: result.model)
        },
        results[0].properties.scenes,
        np.random.default_rng(seed_of(results[0].run.dataset.fingerprint)),
        progress,
        only_with,
    )


def compared_rows(images: int, scenes: Sequence[int] | None, rng: np.random.Generator) -> Ints:
    """Return the rows [n] of the images that embeddings are compared on: whole scenes, if possible.

    Args:
        scenes: scene of each image if several images show the same scene, else None.
    """
    if scenes is not None:
        rows = whole_scenes(np.arange(images), np.asarray(scenes), MAX_IMAGES, rng)
        if len(rows) > min(images, MAX_IMAGES) / 2:
            return rows
    return np.sort(rng.permutation(images)[:MAX_IMAGES])


def compare_embeddings(
    embeddings: Mapping[str, Floats],
    scenes: Sequence[int] | None,
    rng: np.random.Generator,
    progress: Progress | None = None,
    only_with: Collection[str] | None = None,
) -> tuple[RepresentationPair, ...]:
    """Compare the embeddings [N, D] of every pair of models, of the same N images in one order.

    Args:
        embeddings: by model; at least two models.
        scenes: scene of each image if several images show the same scene, else None.
        rng: draws images, jackknife groups and permutations.
        progress: called with what is done.
        only_with: as for `compare_representations`.

    Returns:
        Pairs in the order of the models; none for fewer than four images.
    """
    images = len(next(iter(embeddings.values())))
    rows = compared_rows(images, scenes, rng)
    shown = None if scenes is None else np.unique(np.asarray(scenes)[rows], return_inverse=True)[1]
    if len(rows) < MIN_IMAGES:
        return ()
    groups = assign_groups(len(rows), rng, units=None if shown is None else shown.tolist())
    same = np.arange(len(rows)) if shown is None else shown
    few = shown is not None and exchanges(same, shown) < MIN_EXCHANGES
    orders = [] if few else list(permuted_orders(same, PERMUTATIONS, rng, shown))
    narrowed: dict[str, Array] = {
        model: narrow(unit_rows(x[rows].astype(np.float64))) for model, x in embeddings.items()
    }
    couples = [
        couple
        for couple in itertools.combinations(narrowed, 2)
        if only_with is None or not set(couple).isdisjoint(only_with)
    ]
    masks = [groups != group for group in range(int(groups.max()) + 1)]
    done, total = 0, 1 + len(masks) + len(orders) + len(couples)

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress("compare embeddings", done, total)

    tables = []
    for firsts, seconds in _versions(narrowed, masks, orders):
        compare = partial(_compare, firsts, seconds)
        tables.append([values for _, values in in_order(compare, couples, None)])
        advance()

    def rotate(couple: tuple[str, str]) -> list[float]:
        a, b = (narrowed[model] for model in couple)
        return rotated_overlaps(a, b, masks, orders)

    result = []
    for place, ((a, b), procrustes) in enumerate(in_order(rotate, couples, None)):
        values = {
            measure: [table[place][measure] for table in tables] for measure in _FUNCTIONS
        } | {"procrustes": procrustes}
        bounds = {measure: _similarity(part, len(orders)) for measure, part in values.items()}
        result.append(RepresentationPair(a=a, b=b, images=len(rows), **bounds))
        advance()
    return tuple(result)


def _versions(
    embeddings: Mapping[str, Array],
    masks: Sequence[NDArray[np.bool_]],
    orders: Sequence[Ints],
) -> Iterator[tuple[Prepared, Prepared]]:
    """Yield what is compared: all images, those without each group, and permuted images."""
    everything = _prepared(embeddings, np.ones(len(masks[0]), bool))
    yield everything, everything
    for mask in masks:
        left = _prepared(embeddings, mask)
        yield left, left
    for order in orders:
        yield everything, {model: each.permuted(order) for model, each in everything.items()}


def _prepared(embeddings: Mapping[str, Array], images: NDArray[np.bool_]) -> Prepared:
    """Return the representations by model; none of too few images."""
    if int(images.sum()) < MIN_IMAGES:
        return {}
    return {model: Representation.of(x[images]) for model, x in embeddings.items()}


def _compare(firsts: Prepared, seconds: Prepared, couple: tuple[str, str]) -> dict[str, float]:
    """Return the value of each measure of two models; NaN of too few images."""
    if not firsts:
        return dict.fromkeys(_FUNCTIONS, math.nan)
    a, b = firsts[couple[0]], seconds[couple[1]]
    return {measure: function(a, b) for measure, function in _FUNCTIONS.items()}


def similarities(
    pairs: Sequence[RepresentationPair],
) -> dict[str, dict[frozenset[str], float | None]]:
    """Return the values by measure and pair of models."""
    return {
        measure: {frozenset({pair.a, pair.b}): getattr(pair, measure).value for pair in pairs}
        for measure in MEASURES
    }


def _similarity(values: Sequence[float], permuted: int) -> Similarity:
    """Return a measure with its bounds.

    Args:
        values: of all images, without each jackknife group, and with `permuted` orders of images;
            NaN where it cannot be computed.
    """
    after = len(values) - permuted
    value, replicates, floors = values[0], values[1:after], values[after:]
    if not math.isfinite(value):
        return Similarity(value=None, ci95=None, floor=None)
    in_fisher_z = (
        jackknife_interval(float(fisher(value)), fisher(replicates))
        if len(replicates) > 1
        else None
    )
    floor = float(np.mean(floors)) if floors else math.nan
    return Similarity(
        value=value,
        ci95=tuple(np.tanh(in_fisher_z).tolist()) if in_fisher_z else None,
        floor=floor if math.isfinite(floor) else None,
    )
