"""Summarize a comparison in sentences, from numbers of the result files."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from dmlbench.comparison import Comparison
from dmlbench.comparison.simultaneous import may_be_highest
from dmlbench.present.difference_sentences import MAX_NAMED, how_models_differ, with_interval
from dmlbench.present.map_sentences import how_embeddings_agree, how_maps_agree
from dmlbench.results.files import Score
from dmlbench.scores.registry import MAIN


def summary(comparison: Comparison) -> Iterator[str]:
    """Yield how models differ, how alike their maps and embeddings are, what each clusters by.

    The first sentence says how the models differ; on a sweep dataset, in what the swept group does.
    """
    yield from how_models_differ(comparison)
    yield from how_maps_agree(comparison)
    yield from how_embeddings_agree(comparison)
    if not comparison.interventions:
        yield from _strongest(comparison)
    yield from _chance(comparison)


def _strongest(comparison: Comparison) -> Iterator[str]:
    if not comparison.varied:
        return
    strongest = {model.label: _highest(comparison, model.id) for model in comparison.models}
    tied = any(len(highest) > 1 for highest in strongest.values())
    unsure = (
        " Where several are named, the images do not tell at 95 % which is the strongest."
        if tied
        else ""
    )
    if len(strongest) <= MAX_NAMED:
        parts = [
            f"{label} by {' or '.join(_scored(name, score) for name, score in highest.items())}"
            if highest
            else f"{label} by no property beyond chance"
            for label, highest in strongest.items()
        ]
        yield f"Embeddings cluster most strongly, by {MAIN.title}: {'; '.join(parts)}.{unsure}"
    else:
        counted = Counter(
            " or ".join(sorted(highest)) or "none beyond chance" for highest in strongest.values()
        )
        parts = [f"{name} for {count}" for name, count in counted.most_common()]
        yield (
            f"The property with the highest {MAIN.title}, over {len(strongest)} models: "
            f"{', '.join(parts)}.{unsure}"
        )


def _highest(comparison: Comparison, model: str) -> dict[str, Score]:
    """Return the properties beyond chance that may have a model's highest score, highest first.

    Where a score has no replicates, which tell scores apart, it is the highest value alone.
    """
    scores = [
        (value, name, score)
        for name in comparison.varied
        if (value := (score := comparison.properties[name][model].scores[MAIN.key]).value)
        is not None
        and value > 0
        and not score.is_chance
    ]
    scores.sort(key=lambda entry: -entry[0])
    replicates = [score.replicates for *_, score in scores if score.replicates is not None]
    candidates = scores[:1]
    if len(replicates) == len(scores) > 1:
        may_be = may_be_highest([value for value, *_ in scores], replicates)
        candidates = list(itertools.compress(scores, may_be))
    return {name: score for _, name, score in candidates}


def _scored(name: str, score: Score) -> str:
    return f"{name} {with_interval(score.value, score.ci95)}"


def _chance(comparison: Comparison) -> Iterator[str]:
    scores = [
        scores_of_model.scores[MAIN.key]
        for name in comparison.varied
        for scores_of_model in comparison.properties[name].values()
    ]
    judged = [score for score in scores if score.value is not None and score.chance is not None]
    if judged:
        inside = sum(score.is_chance for score in judged)
        yield (
            f"{inside} of {len(judged)} scores are no different from chance, as gray cells of the "
            "table show: they lie inside the central 95 % of what the same embeddings score with "
            f"permuted labels{', scenes kept whole' if comparison.interventions else ''}."
        )
