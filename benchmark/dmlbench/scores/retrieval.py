"""The scores of nearest neighbors, for many properties of one set of embeddings.

NR-Precision, ARP, R-Precision, MAP@R and precision@1, with jackknife replicates and permutations
(protocol section 3).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.counted_means import counted_means
from dmlbench.scores._kernels.distances import Points, equal_lengths, prepare_points
from dmlbench.scores._kernels.formulas import FORMULAS, Population, ScoreSet
from dmlbench.scores._kernels.ranked_means import Labeling, Means, ranked_means
from dmlbench.scores._kernels.units import Units
from dmlbench.scores.jackknife import GROUPS, Sample, proportion_replicates
from dmlbench.scores.labels import Labels, compact
from dmlbench.scores.options import Options, same_rows
from dmlbench.scores.registry import declared
from dmlbench.scores.score import Scores, make_score
from dmlbench.scores.uncertainty import generator, permuted_codes
from dmldata.common.arrays import Floats, Ints
from dmldata.common.progress import Advance

KEYS = ScoreSet(normalized=True, raw=True).keys
"""Keys of all scores of nearest neighbors."""


def neighbor_scores(
    embeddings: Floats, labels: Mapping[str, Labels], options: Options
) -> dict[str, Scores]:
    """Return all scores of nearest neighbors, by property.

    Properties share their passes over the distances where their labels are missing on the same
    images, and all belong to scenes or none.
    Most scores are of normalized embeddings, the paper's of embeddings as they are; where all
    embeddings have one length, one pass serves both.
    """
    plans = []
    for names in same_images(labels):
        rows = labels[names[0]].rows
        shared = equal_lengths(embeddings[rows])
        passes = (
            [ScoreSet(True, True)] if shared else [ScoreSet(True, False), ScoreSet(False, True)]
        )
        plans.append((names, rows, passes))
    step = options.stage(
        "neighbors", sum(_work(len(rows), passes, options) for _, rows, passes in plans)
    )
    result: dict[str, Scores] = {name: {} for name in labels}
    for names, rows, passes in plans:
        units = Units.of(labels[names[0]].units)
        groups = options.groups_of(rows)
        labelings = [make_labeling(name, labels[name], options) for name in names]
        for scores in passes:
            points = prepare_points(embeddings[rows], normalize=scores.normalized)
            means = labeling_means(points, units, labelings, rows, scores, options, step)
            for name, labeling, mean in zip(names, labelings, means, strict=True):
                sample = _sample(labels[name], options)
                for key in scores.keys:
                    proportion = declared(key).proportion
                    replicates = mean.replicates[key]
                    if proportion:
                        replicates = proportion_replicates(replicates, mean.query_replicates[key])
                    result[name][key] = make_score(
                        key,
                        mean.values[key],
                        replicates,
                        mean.permuted[key],
                        _growth(key, labeling, units, groups),
                        sample if proportion else None,
                    )
    return result


def queries_of(labels: Labels, options: Options) -> dict[str, int]:
    """Return how many images are queries: for the scores, and for MAP@R."""
    some = _sample(labels, options).queries
    return {"scores": some if options.resample else int(labels.queries.sum()), "map_at_r": some}


def _sample(labels: Labels, options: Options) -> Sample:
    """Return how many queries are put in order, and how many units they are of."""
    ordered = options.choose(np.arange(len(labels.rows)), options.max_queries, "queries")
    rows = labels.rows[ordered[labels.queries[ordered]]]
    scenes = options.scenes_of(rows)
    return Sample(len(rows), len(rows) if scenes is None else len(np.unique(scenes)))


def same_images(labels: Mapping[str, Labels]) -> list[list[str]]:
    """Return the names of properties, grouped by their images and who is whose neighbor."""
    return same_rows(
        {name: np.concatenate([coded.rows, coded.units]) for name, coded in labels.items()}
    )


def labeling_means(
    points: Points,
    units: Units,
    labelings: list[Labeling],
    rows: Ints,
    scores: ScoreSet,
    options: Options,
    step: Advance,
) -> list[Means]:
    """Return the means of the scores for labelings of the same points, [N] `rows` of all images.

    Without resampling, hits are counted over all queries, and only MAP@R comes from the subset of
    queries whose neighbors are put in order.
    """
    queries = options.choose(np.arange(len(rows)), options.max_queries, "queries")
    counted: list[dict[str, float]] = [{} for _ in labelings]
    if not options.resample and len(queries) < len(rows):
        counted = counted_means(
            points,
            units,
            labelings,
            scores,
            threads=options.threads,
            device=options.device,
            done=step,
        )
        if not scores.ordered:
            nothing = {key: np.zeros(0) for key in scores.keys}
            return [Means(values, nothing, nothing, nothing) for values in counted]
    ranked = ranked_means(
        points,
        units,
        labelings,
        queries,
        scores,
        groups=options.groups_of(rows),
        threads=options.threads,
        done=step,
    )
    for means, values in zip(ranked, counted, strict=True):
        means.values.update(values)
    return ranked


def make_labeling(name: str, labels: Labels, options: Options) -> Labeling:
    """Return the labels of the property `name` with their permutations."""
    codes = compact(labels.codes)
    rng = generator(options.seed, "chance", name)
    scenes = options.scenes_of(labels.rows)
    permuted = np.empty((options.permutations, len(codes)), codes.dtype)
    for row, shuffled in enumerate(permuted_codes(codes, options.permutations, rng, scenes)):
        permuted[row] = shuffled
    return Labeling(codes, permuted)


def _growth(
    key: str, labeling: Labeling, units: Units, groups: Ints | None
) -> NDArray[np.float64] | float:
    """What a score grows with, for all images and without each group."""
    growth = FORMULAS[key].growth if key in FORMULAS else None
    if groups is None or growth is None:
        return 1.0
    masks = [None, *(groups != group for group in range(GROUPS))]
    means = []
    for staying in masks:
        images = slice(None) if staying is None else staying
        population = Population.of(labeling.codes, units, staying)
        counts = population.counts(labeling.codes[images], units.sizes[images])
        means.append(growth(counts).mean())
    return np.sqrt(np.maximum(means, 1e-9))


def _work(images: int, passes: list[ScoreSet], options: Options) -> int:
    """Queries to go through, as progress counts them."""
    ordered = min(images, options.max_queries)
    if options.resample or ordered == images:
        return ordered * len(passes)
    return images * len(passes) + ordered
