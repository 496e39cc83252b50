"""Compare the maps of several models pairwise, with ceiling and floor of each correlation."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dmlbench.comparison.clustering import cluster_models
from dmlbench.comparison.comparison import (
    Bound,
    Pair,
    SaliencyTable,
    Spread,
    mean_correlations,
)
from dmlbench.maps import (
    agreement_with_bounds,
    common_grid,
    compare_maps,
    noise_ceiling,
    partial_ceiling,
    partial_correlation,
    pearson,
    reliability,
    summarize_correlations,
    summarize_divergences,
)
from dmlbench.maps.bounds import Bounds, Estimate
from dmlbench.maps.compare import Summary
from dmlbench.maps.geometry import Geometry
from dmlbench.results import Result
from dmlbench.results.files import Interval, SaliencyRequest
from dmlbench.results.means import Scenes, mean_reliability, plain_mean
from dmlbench.sources.fingerprint import seed_of
from dmldata.common.progress import Progress

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ModelMaps:
    """One model's maps [n, H, W] of the compared images."""

    id: str
    maps: Array
    half_correlation: Array
    on_car: Array
    geometries: list[Geometry]
    request: SaliencyRequest


def compare_all_maps(
    results: Sequence[Result], keys: Sequence[str], progress: Progress | None = None
) -> SaliencyTable:
    """Compare the maps of every pair of models on the images `keys`, which all have maps of.

    Jackknife groups and the partners for the floor are drawn by the dataset's fingerprint: the same
    for all pairs, whatever the order of the models.
    """
    assert results[0].saliency is not None
    seed = seed_of(results[0].run.dataset.fingerprint)
    scenes = results[0].saliency.scenes_of(keys)
    loaded, attention, reliabilities = [], {}, {}
    for result in results:
        model_maps = _load(result, keys)
        loaded.append(model_maps)
        assert result.saliency is not None
        why = result.saliency.attention_on_car.reason
        attention[model_maps.id] = plain_mean(
            model_maps.on_car,
            scenes,
            np.random.default_rng(seed),
            why,
            limits=(-math.inf, 1.0),
        )
        rng = np.random.default_rng(seed)
        reliabilities[model_maps.id] = mean_reliability(
            model_maps.half_correlation, model_maps.request, scenes, rng
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
        reliability=reliabilities,
        faithfulness={
            result.model: result.saliency.faithfulness
            for result in results
            if result.saliency is not None and result.saliency.faithfulness is not None
        },
        pairs=tuple(pairs),
        clustering=cluster_models([model.id for model in loaded], mean_correlations(pairs)),
    )


class PartialCorrelation(NamedTuple):
    """Partial correlation of the maps of two models given those of a third.

    Attributes:
        r: None where the third model leaves nothing, its maps are noise, or a model's maps are on
            another grid than its.
        ceiling: the largest that the noise of the maps of the two allows.
    """

    r: float | None
    ceiling: float | None


def correlations_given(
    results: Sequence[Result], third: Result, keys: Sequence[str]
) -> dict[frozenset[str], PartialCorrelation]:
    """Return how the maps of every two models correlate given those of a third model.

    Noise of the maps of the third model is accounted for, that of the two is not, and lowers their
    correlation. It is the partial correlation of the three models' mean correlations, each taken
    over the images `keys` in Fisher-z.
    """
    loaded, of_third = [_load(result, keys) for result in results], _load(third, keys)

    def correlate(a: ModelMaps, b: ModelMaps) -> float:
        mean = summarize_correlations(
            pearson(*common_grid(a.maps, b.maps, a.geometries, b.geometries))
        ).mean
        return _number(mean)

    with_third = {maps.id: correlate(maps, of_third) for maps in loaded}
    same_grid = all(maps.geometries == of_third.geometries for maps in loaded)
    reliabilities = {
        maps.id: _number(reliability(_halves(maps)) if same_grid else None)
        for maps in (*loaded, of_third)
    }
    pairs = list(itertools.combinations([maps.id for maps in loaded], 2))
    correlations = [correlate(a, b) for a, b in itertools.combinations(loaded, 2)]
    of_a, of_b = ([with_third[pair[side]] for pair in pairs] for side in (0, 1))
    own_a, own_b = ([reliabilities[pair[side]] for pair in pairs] for side in (0, 1))
    of_noise = reliabilities[of_third.id]
    partial = partial_correlation(correlations, of_a, of_b, of_noise)
    ceilings = partial_ceiling((own_a, own_b), of_a, of_b, of_noise)
    return {
        frozenset(pair): PartialCorrelation(_known(r), None if math.isnan(r) else _known(ceiling))
        for pair, r, ceiling in zip(pairs, partial.tolist(), ceilings.tolist(), strict=True)
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _load(result: Result, keys: Sequence[str]) -> ModelMaps:
    """Return the maps of the images `keys`, in their order."""
    maps = result.maps()
    rows = maps.rows_of(keys)
    assert result.saliency is not None
    return ModelMaps(
        result.model,
        maps.maps[rows],
        maps.half_correlation[rows],
        maps.attention_on_car[rows],
        [maps.geometry_of(row) for row in rows.tolist()],
        result.saliency.request,
    )


def compare_pair(a: ModelMaps, b: ModelMaps, scenes: Scenes, seed: int) -> Pair:
    """Compare the maps of two models."""
    # Averaging maps to a coarser grid takes noise away that their half correlations tell of.
    has_ceiling = (a.request.draws_noise or b.request.draws_noise) and a.geometries == b.geometries
    of_a, of_b = common_grid(a.maps, b.maps, a.geometries, b.geometries)
    maps = compare_maps(of_a, of_b)
    bounds = _bounds(of_a, of_b, _halves(a), _halves(b), scenes, seed)
    divergence = plain_mean(
        maps.divergence, scenes, np.random.default_rng(seed), limits=(0.0, math.log(2))
    )
    more_on_car = plain_mean(a.on_car - b.on_car, scenes, np.random.default_rng(seed))
    return Pair(
        a=a.id,
        b=b.id,
        correlation=_spread(summarize_correlations(maps.correlation), bounds.agreement.ci95),
        divergence=_spread(summarize_divergences(maps.divergence), divergence.ci95),
        ceiling=_bound(bounds.ceiling) if has_ceiling else Bound(),
        floor=_bound(bounds.floor),
        above_floor=_bound(bounds.above_floor),
        below_ceiling=_bound(bounds.below_ceiling) if has_ceiling else Bound(),
        more_on_car=Bound(value=more_on_car.value, ci95=more_on_car.ci95),
    )


def _halves(model: ModelMaps) -> Array:
    """Return the half correlations [n], which are 1 for maps without noise."""
    return model.half_correlation if model.request.draws_noise else np.ones(len(model.maps))


def _bounds(
    a: Array, b: Array, halves_a: Array, halves_b: Array, scenes: Scenes, seed: int
) -> Bounds:
    """Return agreement, ceiling and floor; with too few scenes no floor and no intervals."""
    rng = np.random.default_rng(seed)
    try:
        return agreement_with_bounds(a, b, halves_a, halves_b, rng=rng, scenes=scenes)
    except ValueError:
        agreement = summarize_correlations(pearson(a, b)).mean
        ceiling = noise_ceiling(halves_a, halves_b)
        below = None if agreement is None or ceiling is None else ceiling - agreement
        return Bounds(
            agreement=Estimate(agreement, None),
            ceiling=Estimate(ceiling, None),
            floor=Estimate(None, None),
            above_floor=Estimate(None, None),
            below_ceiling=Estimate(below, None),
            images=len(a),
        )


def _bound(estimate: Estimate) -> Bound:
    return Bound(value=estimate.value, ci95=estimate.ci95)


def _spread(summary: Summary, ci95: Interval | None = None) -> Spread:
    return Spread(**dataclasses.asdict(summary), ci95=ci95)
