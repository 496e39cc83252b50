"""Scores from counted hits: means over all queries, without resampling and without sorting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.formulas import ScoreSet
from dmlbench.scores._kernels.neighbor_counts import Question, count_hits
from dmlbench.scores._kernels.parallel import nothing
from dmlbench.scores._kernels.ranked_means import Labeling
from dmldata.common.arrays import Ints
from dmldata.common.progress import Advance


def counted_means(
    points: Points,
    labelings: Sequence[Labeling],
    scores: ScoreSet,
    *,
    threads: int | None = None,
    done: Advance = nothing,
) -> list[dict[str, float]]:
    """Return the means of the scores over all queries, by key, for each labeling of the N points.

    MAP@R is not among them: it needs the order of the neighbors (`ranked_means`). NaN where a
    score is not defined.
    """
    questions = [Question(labeling.codes, _ranks(labeling, scores)) for labeling in labelings]
    hits = count_hits(points, questions, threads=threads, done=done)
    return [_means(*pair, scores) for pair in zip(labelings, hits, strict=True)]


def _columns(scores: ScoreSet) -> dict[Callable[[Ints], Ints], int]:
    """The distinct rules for how many neighbors count, and the column of hits for each."""
    rules = dict.fromkeys(formula.ranks for formula in scores.formulas.values())
    return {rule: column for column, rule in enumerate(rules)}


def _ranks(labeling: Labeling, scores: ScoreSet) -> Ints:
    """How many neighbors count: [N, m], a column per rule."""
    by_label = [rule(labeling.sizes) for rule in _columns(scores)]
    return np.stack(by_label, axis=1)[labeling.codes]


def _means(labeling: Labeling, hits: NDArray[np.float64], scores: ScoreSet) -> dict[str, float]:
    sizes = labeling.sizes[labeling.codes]
    queries = sizes >= 2
    hits, sizes, columns = hits[queries], sizes[queries], _columns(scores)
    return {
        key: float(formula.values(hits[:, columns[formula.ranks]], sizes, labeling.sizes).mean())
        for key, formula in scores.formulas.items()
    }
