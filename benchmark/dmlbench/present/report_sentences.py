"""Summarize a comparison in sentences, from numbers of the result files."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from dmlbench.comparison import Comparison, Pair
from dmlbench.comparison.simultaneous import may_be_highest
from dmlbench.present.numbers import interval, number, range_text
from dmlbench.results.files import Interval, Mean, Score
from dmlbench.scores.registry import MAIN

MAX_NAMED = 6
"""Maximum number of models that are named individually."""


def summary(comparison: Comparison) -> Iterator[str]:
    """Yield sentences on the strongest property, chance, agreement of maps, and attention.

    On a sweep dataset, whose properties go with scenes, the effect of the swept group replaces the
    strongest property.
    """
    yield from _interventions(comparison) if comparison.interventions else _strongest(comparison)
    yield from _chance(comparison)
    yield from _agreement(comparison)
    yield from _attention(comparison)


def _interventions(comparison: Comparison) -> Iterator[str]:
    by_model = comparison.interventions
    if named := _named(
        comparison, {model: interventions.sensitivity for model, interventions in by_model.items()}
    ):
        group = next(iter(by_model.values())).group
        yield (
            f"Changing {group} alone moves an embedding this many times as far as another car is: "
            f"{named}."
        )


def _strongest(comparison: Comparison) -> Iterator[str]:
    if not comparison.properties:
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
            " or ".join(highest) or "none beyond chance" for highest in strongest.values()
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
        for name, by_model in comparison.properties.items()
        if (value := (score := by_model[model].scores[MAIN.key]).value) is not None
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
    return f"{name} ({_with_interval(score.value, score.ci95)})"


def _with_interval(value: float | None, ci95: Interval | None) -> str:
    shown = number(value, 2)
    return f"{shown}, 95 % interval {interval(ci95, 2)}" if ci95 else shown


def _chance(comparison: Comparison) -> Iterator[str]:
    scores = [
        scores_of_model.scores[MAIN.key]
        for by_model in comparison.properties.values()
        for scores_of_model in by_model.values()
    ]
    judged = [score for score in scores if score.value is not None and score.chance is not None]
    if judged:
        inside = sum(score.is_chance for score in judged)
        yield (
            f"{inside} of {len(judged)} scores lie inside the central 95 % of what the same "
            "embeddings score with permuted labels"
            f"{', scenes kept whole' if comparison.interventions else ''}."
        )


def _agreement(comparison: Comparison) -> Iterator[str]:
    pairs = comparison.saliency.pairs if comparison.saliency else ()
    known = [pair for pair in pairs if pair.correlation.mean is not None]
    if not known or comparison.saliency is None:
        return
    images = len(comparison.saliency.keys)
    if len(known) == 1:
        pair = known[0]
        yield (
            f"Saliency maps of {comparison.label(pair.a)} and {comparison.label(pair.b)} "
            f"correlate with r = {_with_interval(pair.correlation.mean, pair.correlation.ci95)}, "
            f"over {images} images. Maps of different images give {number(pair.floor.value, 2)} "
            f"(floor); {_ceiling(known)}."
        )
        return
    yield (
        f"Saliency maps of different models correlate with r from "
        f"{range_text(pair.correlation.mean for pair in known)} over {len(known)} pairs of models "
        f"and {images} images; maps of different images give "
        f"{range_text(pair.floor.value for pair in known)} (floor); {_ceiling(known)}."
    )


def _ceiling(pairs: Sequence[Pair]) -> str:
    known = [pair.ceiling.value for pair in pairs if pair.ceiling.value is not None]
    if not known:
        return "a ceiling is not known"
    shown = number(known[0], 2) if len(pairs) == 1 else range_text(known)
    return f"the maps' own noise allows {shown} (ceiling)"


def _attention(comparison: Comparison) -> Iterator[str]:
    means = comparison.saliency.attention_on_car if comparison.saliency else {}
    if named := _named(comparison, means):
        yield (
            f"Attention on the car, where 0 is what its area explains and 1 is all of it: {named}."
        )


def _named(comparison: Comparison, scores: Mapping[str, Score | Mean]) -> str:
    """List the models' scores, or their range for many models; empty if none is known."""
    known = {model: score for model, score in scores.items() if score.value is not None}
    if len(known) > MAX_NAMED:
        return f"{range_text(score.value for score in known.values())} over {len(known)} models"
    return "; ".join(
        f"{comparison.label(model)} {_with_interval(score.value, score.ci95)}"
        for model, score in known.items()
    )
