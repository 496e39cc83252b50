"""Scores from counted hits: means over all queries, without resampling and without sorting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.device_counts import count_hits_on
from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.formulas import Counts, Population, ScoreSet
from dmlbench.scores._kernels.neighbor_counts import Question, count_hits
from dmlbench.scores._kernels.parallel import nothing
from dmlbench.scores._kernels.ranked_means import Labeling
from dmlbench.scores._kernels.units import Units
from dmldata.common.arrays import Ints
from dmldata.common.progress import Advance


def counted_means(
    points: Points,
    units: Units,
    labelings: Sequence[Labeling],
    scores: ScoreSet,
    *,
    threads: int | None = None,
    device: str = "cpu",
    done: Advance = nothing,
) -> list[dict[str, float]]:
    """Return the means of the scores over all queries, by key, for each labeling of the N points.

    On another device than the CPU, PyTorch counts.

    MAP@R is not among them: it needs the order of the neighbors (`ranked_means`). NaN where a
    score is not defined.
    """
    counts = [
        Population.of(labeling.codes, units).counts(labeling.codes, units.sizes)
        for labeling in labelings
    ]
    questions = [
        Question(labeling.codes, _ranks(counts_of_labeling, scores))
        for labeling, counts_of_labeling in zip(labelings, counts, strict=True)
    ]
    if device == "cpu":
        hits = count_hits(points, units, questions, threads=threads, done=done)
    else:
        hits = count_hits_on(device, points, units, questions, done=done)
    return [_means(*pair, scores) for pair in zip(counts, hits, strict=True)]


def _columns(scores: ScoreSet) -> dict[Callable[[Ints], Ints], int]:
    """The distinct rules for how many neighbors count, and the column of hits for each."""
    rules = dict.fromkeys(formula.ranks for formula in scores.formulas.values())
    return {rule: column for column, rule in enumerate(rules)}


def _ranks(counts: Counts, scores: ScoreSet) -> Ints:
    """How many neighbors count: [N, m], a column per rule."""
    return np.stack([rule(counts.sizes) for rule in _columns(scores)], axis=1)


def _means(counts: Counts, hits: NDArray[np.float64], scores: ScoreSet) -> dict[str, float]:
    queries, columns = counts.sizes >= 2, _columns(scores)
    hits, counts = hits[queries], counts.at(queries)
    return {
        key: float(formula.values(hits[:, columns[formula.ranks]], counts).mean())
        for key, formula in scores.formulas.items()
    }
