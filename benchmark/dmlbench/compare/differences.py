"""Which models' scores differ: paired, on the same images and the same jackknife groups."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Protocol

from dmlbench.results.files import Interval, PropertiesFile, PropertyScores
from dmlbench.scores.jackknife import jackknife_interval
from dmlbench.scores.registry import MAIN
from dmldata.common.strict import StrictModel

SCORE = MAIN.key
SAME = ("seed", "jackknife_groups", "jackknife_unit", "max_queries")
"""Settings that decide which images are queries and which are left out together."""


class Scored(Protocol):
    """A model with its scores: a result, or what is left of one in a leaderboard."""

    @property
    def model(self) -> str:
        """Id of the model."""

    @property
    def properties(self) -> PropertiesFile:
        """Its scores."""


class Difference(StrictModel):
    """A score (NR-Precision) of model `a` minus that of model `b`.

    Attributes:
        ci95: from the differences of the two models' jackknife replicates: what both models share,
            such as hard images, cancels out.
        tied: whether `ci95` holds 0; None without `ci95`.
        reason: why there is no `ci95`.
    """

    a: str
    b: str
    value: float | None
    ci95: Interval | None
    tied: bool | None
    reason: str | None


def score_differences(
    results: Sequence[Scored], score: str = SCORE
) -> dict[str, tuple[Difference, ...]]:
    """By property, all pairs of models, a before b in the order of their ids."""
    ordered = sorted(results, key=lambda one: one.model)
    pairs = [(a, b, _not_paired(a, b)) for a, b in itertools.combinations(ordered, 2)]
    return {
        name: tuple(_difference(name, score, a, b, reason) for a, b, reason in pairs)
        for name in results[0].properties.properties
    }


def leaders(
    scores: Mapping[str, PropertyScores], differences: Sequence[Difference]
) -> frozenset[str]:
    """Of the models beyond chance, the one with the highest NR-Precision and those tied with it.

    None of them where the highest lies inside chance, where a tie with it is not known, and where
    it is the only model.
    """
    values = {model: found.scores[SCORE].value for model, found in scores.items()}
    known = {model: value for model, value in values.items() if value is not None}
    if len(known) < 2:
        return frozenset()
    highest = max(sorted(known), key=lambda model: known[model])
    if scores[highest].scores[SCORE].is_chance:
        return frozenset()
    with_it = [
        one for one in differences if highest in (one.a, one.b) and {one.a, one.b} <= {*known}
    ]
    if any(one.tied is None for one in with_it):
        return frozenset()
    tied = {highest}.union(*({one.a, one.b} for one in with_it if one.tied))
    return frozenset(model for model in tied if not scores[model].scores[SCORE].is_chance)


def _difference(name: str, score: str, a: Scored, b: Scored, not_paired: str | None) -> Difference:
    of_a, of_b = (one.properties.properties[name] for one in (a, b))
    one, other = of_a.scores[score], of_b.scores[score]
    value = None if one.value is None or other.value is None else one.value - other.value
    if value is None or not_paired is not None:
        reason = (of_a.reason or of_b.reason) if value is None else not_paired
        return Difference(a=a.model, b=b.model, value=value, ci95=None, tied=None, reason=reason)
    if one.replicates is None or other.replicates is None:
        reason = "a score without a jackknife interval"
        return Difference(a=a.model, b=b.model, value=value, ci95=None, tied=None, reason=reason)
    left_out = [x - y for x, y in zip(one.replicates, other.replicates, strict=True)]
    ci95 = jackknife_interval(value, left_out)
    tied = ci95[0] <= 0 <= ci95[1]
    return Difference(a=a.model, b=b.model, value=value, ci95=ci95, tied=tied, reason=None)


def _not_paired(a: Scored, b: Scored) -> str | None:
    """Why the scores of two models have no replicates to pair."""
    for one in (a, b):
        if one.properties.settings.get("jackknife_groups") is None:
            return f"{one.model} was scored without jackknife intervals"
    return _differing(a.properties, b.properties)


def _differing(a: PropertiesFile, b: PropertiesFile) -> str | None:
    for name in SAME:
        values = sorted({str(one.settings.get(name)) for one in (a, b)})
        if len(values) > 1:
            return f"not comparable: {name} {' and '.join(values)}"
    return None
