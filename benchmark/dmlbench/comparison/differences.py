"""Paired differences of models' scores, on the same images and the same jackknife groups."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from dmlbench.comparison.rank_tests import LEVEL
from dmlbench.comparison.simultaneous import simultaneous_p
from dmlbench.results.files import Interval, PropertiesFile, PropertyScores, Score
from dmlbench.scores.jackknife import jackknife_interval
from dmlbench.scores.registry import MAIN
from dmldata.common.arrays import Floats
from dmldata.common.strict import StrictModel

SCORE = MAIN.key
SAME = ("seed", "jackknife_groups", "jackknife_unit", "max_queries")
"""Settings that decide which images are queries and which are left out together."""


class Scored(Protocol):
    """A model with its scores: a result, or an entry of a leaderboard."""

    @property
    def model(self) -> str:
        """Id of the model."""

    @property
    def properties(self) -> PropertiesFile:
        """Scores of the model."""


class Difference(StrictModel):
    """A score (NR-Precision) of model `a` minus that of model `b`.

    Attributes:
        ci95: interval from the differences of the two models' jackknife replicates; effects that
            both models share, such as hard images, cancel out.
        tied: whether `ci95`, which is that of this pair alone, contains 0; None without `ci95`.
        p: p-value adjusted for the number of pairs (`simultaneous.simultaneous_p`); None without
            `ci95`.
        reason: reason why there is no `ci95`.
    """

    a: str
    b: str
    value: float | None
    ci95: Interval | None
    tied: bool | None
    p: float | None
    reason: str | None

    @property
    def better_and_worse(self) -> tuple[str, str] | None:
        """Return the better and the worse model; None where they may be equal."""
        if self.p is None or self.p >= LEVEL or not self.value:
            return None
        return (self.a, self.b) if self.value > 0 else (self.b, self.a)


def common_properties(results: Sequence[Scored]) -> list[str]:
    """Return the names of the properties that all results have, in the order of the first."""
    first, *others = (result.properties.properties for result in results)
    return [name for name in first if all(name in other for other in others)]


def score_differences(
    results: Sequence[Scored], score: str = SCORE
) -> dict[str, tuple[Difference, ...]]:
    """Return the differences of all pairs of models by property; ids of a sort before b."""
    ordered = sorted(results, key=lambda result: result.model)
    pairs = [(a, b, _not_paired(a, b)) for a, b in itertools.combinations(ordered, 2)]
    differences_by_property = {}
    for name in common_properties(results):
        differences = [_difference(name, score, a, b, reason) for a, b, reason in pairs]
        p_of_pair = {
            (models[i], models[j]): float(p[i, j])
            for models, _, p in _simultaneous(name, score, ordered)
            for i, j in itertools.combinations(range(len(models)), 2)
        }
        differences_by_property[name] = tuple(
            difference.model_copy(update={"p": p_of_pair.get((difference.a, difference.b))})
            for difference in differences
        )
    return differences_by_property


def sensitivity_differences(results: Sequence[Scored]) -> tuple[Difference, ...]:
    """Return the differences of sensitivity to the swept group of all pairs of models.

    Models without a sensitivity, such as all of another design than a sweep, are in no pair.
    """
    measured = [
        (result, result.properties.interventions.sensitivity)
        for result in sorted(results, key=lambda result: result.model)
        if result.properties.interventions is not None
        and result.properties.interventions.sensitivity.value is not None
    ]
    return tuple(
        _paired(a, b, score_a, score_b, _not_paired(a, b))
        for (a, score_a), (b, score_b) in itertools.combinations(measured, 2)
    )


def behind(differences: Sequence[Difference]) -> frozenset[str]:
    """Return the models that some other model exceeds, over all pairs together.

    The others contain the best, and all that equal it, with 95 % confidence.
    """
    decided = filter(None, (difference.better_and_worse for difference in differences))
    return frozenset(worse for _, worse in decided)


def leaders(
    scores: Mapping[str, PropertyScores], differences: Sequence[Difference]
) -> frozenset[str]:
    """Return the models that cannot be excluded from having the highest NR-Precision, at 95 %.

    The set is empty if the highest score is not above chance, if its difference from some other is
    not known, or if there is no other.
    """
    values = {
        model: property_scores.scores[SCORE].value for model, property_scores in scores.items()
    }
    known = {model: value for model, value in values.items() if value is not None}
    if len(known) < 2:
        return frozenset()
    highest = max(sorted(known), key=lambda model: known[model])
    from_highest = [
        difference
        for difference in differences
        if highest in (difference.a, difference.b) and {difference.a, difference.b} <= {*known}
    ]
    best = scores[highest].scores[SCORE]
    above = best.chance is None or known[highest] > best.chance[1]
    if not above or any(d.p is None for d in from_highest):
        return frozenset()
    return frozenset(known) - behind(differences)


def exceeded_counts(results: Sequence[Scored], name: str, score: str) -> dict[str, tuple[int, int]]:
    """Return by model how many others exceed it, and how many it exceeds, over all pairs together.

    As `Difference.better_and_worse` tells them, without a `Difference` for each pair.
    """
    counts = {result.model: (0, 0) for result in results}
    for models, values, p in _simultaneous(name, score, results):
        exceeds = (p < LEVEL) & (values[:, None] > values)
        both = zip(exceeds.sum(axis=0).tolist(), exceeds.sum(axis=1).tolist(), strict=True)
        counts |= dict(zip(models, both, strict=True))
    return counts


def _simultaneous(
    name: str, score: str, results: Sequence[Scored]
) -> Iterator[tuple[tuple[str, ...], Floats, Floats]]:
    """Yield models that were scored on the same groups, their scores [M], and the adjusted p-values
    [M, M] of their differences."""
    scored_alike: dict[str, list[tuple[str, float, tuple[float, ...]]]] = {}
    for result in results:
        scored = result.properties.properties[name].scores[score]
        settings = result.properties.settings
        if scored.value is not None and scored.replicates is not None:
            same = str([settings.get(setting) for setting in SAME])
            scored_alike.setdefault(same, []).append(
                (result.model, scored.value, scored.replicates)
            )
    for alike in scored_alike.values():
        models, values, replicates = zip(*alike, strict=True)
        yield models, np.array(values), simultaneous_p(values, replicates)


def _difference(name: str, score: str, a: Scored, b: Scored, not_paired: str | None) -> Difference:
    of_a, of_b = a.properties.properties[name], b.properties.properties[name]
    score_a, score_b = of_a.scores[score], of_b.scores[score]
    if score_a.value is None or score_b.value is None:
        not_paired = of_a.reason or of_b.reason
    return _paired(a, b, score_a, score_b, not_paired)


def _paired(
    a: Scored, b: Scored, score_a: Score, score_b: Score, not_paired: str | None
) -> Difference:
    """Return the difference of two scores; its interval if `not_paired` gives no reason against."""
    value = (
        None if score_a.value is None or score_b.value is None else score_a.value - score_b.value
    )
    ci95, reason = None, not_paired
    if value is not None and reason is None:
        if score_a.replicates is not None and score_b.replicates is not None:
            left_out = [x - y for x, y in zip(score_a.replicates, score_b.replicates, strict=True)]
            ci95 = jackknife_interval(value, left_out)
        else:
            reason = "a score without a jackknife interval"
    tied = None if ci95 is None else ci95[0] <= 0 <= ci95[1]
    return Difference(
        a=a.model, b=b.model, value=value, ci95=ci95, tied=tied, p=None, reason=reason
    )


def _not_paired(a: Scored, b: Scored) -> str | None:
    """Return why the scores of two models have no replicates to pair, or None."""
    for scored in (a, b):
        if scored.properties.settings.get("jackknife_groups") is None:
            return f"{scored.model} was scored without jackknife intervals"
    return _differing(a.properties, b.properties)


def _differing(a: PropertiesFile, b: PropertiesFile) -> str | None:
    for name in SAME:
        values = sorted({str(file.settings.get(name)) for file in (a, b)})
        if len(values) > 1:
            return f"not comparable: {name} {' and '.join(values)}"
    return None
