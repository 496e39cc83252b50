"""Compare the maps of several models pairwise, with ceiling and floor of each correlation."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.compare.clustering import cluster_models
from dmlbench.compare.comparison import (
    Bound,
    Pair,
    SaliencyTable,
    SharedNoise,
    Spread,
    mean_correlations,
)
from dmlbench.maps import (
    agreement_with_bounds,
    common_grid,
    compare_maps,
    noise_ceiling,
    pearson,
    summarize_correlations,
    summarize_divergences,
)
from dmlbench.maps.compare import Summary
from dmlbench.maps.geometry import Geometry
from dmlbench.results import Result
from dmlbench.results.files import Interval, SaliencyRequest
from dmlbench.results.means import Scenes, plain_mean, self_agreement
from dmldata.common.progress import Progress

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ModelMaps:
    """One model's maps [n, H, W] of the compared images."""

    id: str
    maps: Array
    prime: Array
    geometries: list[Geometry]
    request: SaliencyRequest


def compare_all_maps(
    results: Sequence[Result], keys: Sequence[str], progress: Progress | None = None
) -> SaliencyTable:
    """Compare the maps of every pair of models on the images `keys`, which all have maps of.

    Jackknife groups and the partners for the floor are drawn by the dataset's fingerprint: the same
    for all pairs, whatever the order of the models.
    """
    seed = int(results[0].run.dataset.fingerprint, 16)
    scenes = _scenes(results[0], keys)
    loaded, attention, agreement = [], {}, {}
    for result in results:
        maps = result.maps()
        rows = maps.rows_of(keys)
        geometries = [maps.geometry_of(row) for row in rows.tolist()]
        assert result.saliency is not None
        model_maps = ModelMaps(
            result.model, maps.maps[rows], maps.prime[rows], geometries, result.saliency.request
        )
        loaded.append(model_maps)
        on_car = maps.attention_on_car[rows]
        why = result.saliency.attention_on_car.reason
        attention[model_maps.id] = plain_mean(
            on_car, scenes, np.random.default_rng(seed), absent=why
        )
        rng = np.random.default_rng(seed)
        agreement[model_maps.id] = self_agreement(
            model_maps.maps, model_maps.prime, model_maps.request, scenes, rng
        )
    couples = list(itertools.combinations(sorted(loaded, key=lambda model: model.id), 2))
    pairs = []
    for done, (a, b) in enumerate(couples, start=1):
        pairs.append(compare_pair(a, b, scenes, seed))
        if progress is not None:
            progress("compare maps", done, len(couples))
    return SaliencyTable(
        models=tuple(model.id for model in loaded),
        keys=tuple(keys),
        attention_on_car=attention,
        self_correlation=agreement,
        pairs=tuple(pairs),
        clustering=cluster_models([model.id for model in loaded], mean_correlations(pairs)),
    )


def compare_pair(a: ModelMaps, b: ModelMaps, scenes: Scenes, seed: int) -> Pair:
    """Compare the maps of two models, A under its first noise draw and B under its second."""
    noisy = a.request.draws_noise or b.request.draws_noise
    if noisy and b.request.prime_seed == a.request.seed:
        a, b = b, a
    n = len(a.maps)
    stacks = np.concatenate([a.maps, a.prime]), np.concatenate([b.maps, b.prime])
    of_a, of_b = common_grid(*stacks, 2 * a.geometries, 2 * b.geometries)
    crossed = compare_maps(of_a[:n], of_b[n:])
    agreement, ceiling, floor = _bounds(of_a[:n], of_a[n:], of_b[:n], of_b[n:], scenes, seed)
    divergence = plain_mean(crossed.divergence, scenes, np.random.default_rng(seed))
    return Pair(
        a=a.id,
        b=b.id,
        correlation=_spread(summarize_correlations(crossed.correlation), agreement.ci95),
        divergence=_spread(summarize_divergences(crossed.divergence), divergence.ci95),
        ceiling=ceiling if noisy else _bound(None),
        floor=floor,
        shared_noise=_shared(of_a[:n], of_b[:n]) if _share_noise(a, b) else None,
    )


def _bounds(
    a: Array, a_prime: Array, b: Array, b_prime: Array, scenes: Scenes, seed: int
) -> tuple[Bound, Bound, Bound]:
    """Return agreement, ceiling and floor; with too few scenes no floor and no intervals."""
    rng = np.random.default_rng(seed)
    try:
        bounds = agreement_with_bounds(a, a_prime, b, b_prime, rng=rng, scenes=scenes)
    except ValueError:
        agreement = summarize_correlations(pearson(a, b_prime)).mean
        ceiling = noise_ceiling(pearson(a, a_prime), pearson(b, b_prime))
        return _bound(agreement), _bound(ceiling), _bound(None)
    return (
        _bound(bounds.agreement.value, bounds.agreement.ci95),
        _bound(bounds.ceiling.value, bounds.ceiling.ci95),
        _bound(bounds.floor.value, bounds.floor.ci95),
    )


def _bound(value: float | None, ci95: Interval | None = None) -> Bound:
    return Bound(value=value, ci95=ci95)


def _share_noise(a: ModelMaps, b: ModelMaps) -> bool:
    same = a.request.seed == b.request.seed and a.maps.shape == b.maps.shape
    return same and a.request.draws_noise


def _shared(a: Array, b: Array) -> SharedNoise:
    similarity = compare_maps(a, b)
    return SharedNoise(
        correlation=_spread(summarize_correlations(similarity.correlation)),
        divergence=_spread(summarize_divergences(similarity.divergence)),
    )


def _spread(summary: Summary, ci95: Interval | None = None) -> Spread:
    return Spread(**dataclasses.asdict(summary), ci95=ci95)


def _scenes(result: Result, keys: Sequence[str]) -> Scenes:
    assert result.saliency is not None
    if result.saliency.scenes is None:
        return None
    by_key = dict(zip(result.saliency.keys, result.saliency.scenes, strict=True))
    return [by_key[key] for key in keys]
