"""Scores from counted hits: all queries, no resampling, and no sorting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels import formulas
from dmlbench.scores._kernels.block_sums import Scores
from dmlbench.scores._kernels.distances import Points
from dmlbench.scores._kernels.neighbor_counts import Question, count_hits
from dmlbench.scores._kernels.parallel import nothing
from dmlbench.scores._kernels.resampled import Labelling
from dmlbench.scores.labels import Ints


def counted_means(
    points: Points,
    labellings: Sequence[Labelling],
    scores: Scores,
    *,
    threads: int | None = None,
    done: Callable[[int], None] = nothing,
) -> list[dict[str, float]]:
    """Means of the scores over all queries, by score, for each labelling of the N points.

    MAP@R is not among them: it needs the order of the neighbours (`resampled`). NaN where a score
    is not defined.
    """
    questions = [Question(one.codes, _ranks(one, scores)) for one in labellings]
    hits = count_hits(points, questions, threads=threads, done=done)
    return [_means(one, h, scores) for one, h in zip(labellings, hits, strict=True)]


def _ranks(labelling: Labelling, scores: Scores) -> Ints:
    sizes = labelling.sizes
    by_label = [sizes - 1, np.minimum(sizes - 1, 1)] if scores.standard else []
    if scores.paper:
        by_label.append(formulas.paper_ranks(sizes))
    return np.stack(by_label, axis=1)[labelling.codes]


def _means(labelling: Labelling, hits: NDArray[np.float64], scores: Scores) -> dict[str, float]:
    carried = labelling.sizes[labelling.codes]
    counted = carried >= 2
    hits, carried, images = hits[counted], carried[counted], len(labelling.codes)
    means = {}
    if scores.standard:
        means["nr_precision"] = formulas.normalised(hits[:, 0], carried, images)
        means["arp"] = formulas.adjusted(hits[:, 0], carried, images)
        means["r_precision"] = formulas.precision(hits[:, 0], carried)
        means["precision_at_1"] = hits[:, 1]
    if scores.paper:
        repeated = formulas.repeated_images(labelling.sizes)
        means["nr_precision_paper"] = formulas.normalised_paper(hits[:, -1], carried, repeated)
    return {name: float(each.mean()) for name, each in means.items()}
