"""The scores that come from nearest neighbours, for many properties of one set of embeddings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels import formulas
from dmlbench.scores._kernels.block_sums import PAPER, STANDARD, Scores
from dmlbench.scores._kernels.distances import Points, equal_lengths, prepare_points
from dmlbench.scores._kernels.from_counts import counted_means
from dmlbench.scores._kernels.resampled import Labelling, Means, resampled_means
from dmlbench.scores.embeddings import Floats
from dmlbench.scores.jackknife import GROUPS
from dmlbench.scores.labels import Ints, Labels, compact
from dmlbench.scores.options import Options, entry, same_rows
from dmlbench.scores.uncertainty import generator, permuted_codes

Entries = dict[str, dict[str, Any]]


def neighbour_scores(
    embeddings: Floats, labels: Mapping[str, Labels], options: Options
) -> dict[str, Entries]:
    """By property, the entry of each score in `tally.STANDARD` and `tally.PAPER`.

    Properties whose labels are missing on the same images share their passes over the distances.
    The default scores look at normalised embeddings and the paper's at them as they are; where
    all embeddings have one length, one pass serves both.
    """
    plans = []
    for names in same_rows({name: one.rows for name, one in labels.items()}):
        rows = labels[names[0]].rows
        shared = equal_lengths(embeddings[rows])
        passes = [Scores(True, True)] if shared else [Scores(True, False), Scores(False, True)]
        plans.append((names, rows, passes))
    step = options.stage(
        "neighbours", sum(_work(len(rows), passes, options) for _, rows, passes in plans)
    )
    result: dict[str, Entries] = {name: {} for name in labels}
    for names, rows, passes in plans:
        labellings = [make_labelling(name, labels[name], options) for name in names]
        for scores in passes:
            points = prepare_points(embeddings[rows], normalise=scores.standard)
            means = labelling_means(points, labellings, rows, scores, options, step)
            for name, labelling, mean in zip(names, labellings, means, strict=True):
                groups = options.groups_of(rows)
                result[name] |= {
                    score: entry(
                        score,
                        mean.values[score],
                        mean.replicates[score],
                        mean.permuted[score],
                        _growth(score, labelling, groups),
                    )
                    for score in scores.names
                }
    return {name: {s: entries[s] for s in ORDER} for name, entries in result.items()}


ORDER = ("nr_precision", *PAPER, *(score for score in STANDARD if score != "nr_precision"))


def queries_of(labels: Labels, options: Options) -> dict[str, int]:
    """How many images are queries: for the scores, and for MAP@R."""
    everyone = labels.sizes[labels.codes] >= 2
    ordered = options.choose(np.arange(len(labels.rows)), options.max_queries, "queries")
    some = int(everyone[ordered].sum())
    return {"scores": some if options.resample else int(everyone.sum()), "map_at_r": some}


def labelling_means(
    points: Points,
    labellings: list[Labelling],
    rows: Ints,
    scores: Scores,
    options: Options,
    step: Callable[[int], None],
) -> list[Means]:
    """Means of the scores for labellings of the same points, [N] `rows` of all images."""
    queries = options.choose(np.arange(len(rows)), options.max_queries, "queries")
    counted: list[dict[str, float]] = [{} for _ in labellings]
    if not options.resample and len(queries) < len(rows):
        counted = counted_means(points, labellings, scores, threads=options.threads, done=step)
        if not scores.standard:
            nothing = {score: np.zeros(0) for score in scores.names}
            return [Means(values, nothing, nothing) for values in counted]
    ranked = resampled_means(
        points,
        labellings,
        queries,
        scores,
        groups=options.groups_of(rows),
        threads=options.threads,
        done=step,
    )
    for means, values in zip(ranked, counted, strict=True):
        means.values.update(values)
    return ranked


def make_labelling(name: str, labels: Labels, options: Options) -> Labelling:
    """The labels of the property `name` with their permutations."""
    codes = compact(labels.codes)
    rng = generator(options.seed, "chance", name)
    scenes = options.scenes_of(labels.rows)
    permuted = permuted_codes(codes, options.permutations, rng, scenes)
    return Labelling(codes, labels.sizes, list(permuted))


def _growth(score: str, one: Labelling, groups: Ints | None) -> NDArray[np.float64] | float:
    """What a score grows with, for all images and without each group.

    NR-Precision grows with sqrt(N). The paper's stops where its ranks are capped, so its growth is
    taken from the ranks: z is proportional to sqrt(R), and R to N until the cap.
    """
    if groups is None or score not in ("nr_precision", *PAPER):
        return 1.0
    kept = [one.codes, *(one.codes[groups != group] for group in range(GROUPS))]
    if score == "nr_precision":
        return np.sqrt([max(len(codes), 1) for codes in kept])
    sizes = [np.bincount(codes) for codes in kept]
    ranks = [float(formulas.paper_ranks(s) @ s) / max(int(s.sum()), 1) for s in sizes]
    return np.sqrt(np.maximum(np.array(ranks), 1e-9))


def _work(images: int, passes: list[Scores], options: Options) -> int:
    """Queries to go through, as progress counts them."""
    ordered = min(images, options.max_queries)
    if options.resample or ordered == images:
        return ordered * len(passes)
    return images * len(passes) + ordered
