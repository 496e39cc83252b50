"""Tests of two groups of models, as in the paper and corrected. Source: protocol, section 5."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from dmlbench.compare.groups import Groups
from dmlbench.compare.rank_tests import asymptotic_test, cliffs_delta, exact_test, holm, reach
from dmlbench.maps import summarize_correlations
from dmlbench.results.files import Interval, PropertyScores
from dmlbench.scores.registry import MAIN, PAPER
from dmldata.common.strict import StrictModel

CORRECTED_SCORE, PAPER_SCORE = MAIN.key, PAPER.key

Values = Mapping[str, float | None]


class CorrectedTest(StrictModel):
    """Exact two-sided test after averaging the folds of each loss.

    Attributes:
        values: by unit, the mean over its folds.
        means: by group, the mean of these values.
        u: Mann-Whitney U of the first group.
        p_holm: p, adjusted for the number of properties; None if this is not a property.
        delta: Cliff's delta, above 0 if the first group has the larger values.
    """

    values: dict[str, float]
    means: dict[str, float]
    u: float
    p: float
    p_holm: float | None
    delta: float
    delta_ci95: Interval


class PaperTest(StrictModel):
    """Asymptotic test of all models as if independent, not corrected for the number of properties.

    Attributes:
        sizes: by group, the number of models.
        p: the default of the released code's SciPy (1.6.0), half the two-sided p.
    """

    sizes: dict[str, int]
    means: dict[str, float]
    u: float
    p: float
    p_two_sided: float


class GroupTest(StrictModel):
    """Both tests of one property; `paper` is None if a group has no such score."""

    corrected: CorrectedTest
    paper: PaperTest | None


class Reach(StrictModel):
    """Smallest effects that groups of these sizes can show; see `rank_tests.Reach`."""

    sizes: tuple[int, int]
    tests: int
    smallest_p: float
    smallest_delta: float | None


class MeanAgreement(StrictModel):
    """Mean Pearson r of maps over pairs of models, taken in Fisher-z; None without pairs."""

    r: float | None
    pairs: int


class GroupComparison(StrictModel):
    """Comparison of two groups of models.

    Attributes:
        properties: tests by property, of `nr_precision` (corrected) and `nr_precision_paper`
            (paper).
        reach: reach of the corrected tests; None without properties.
        attention_on_car: the same tests of each model's mean.
        within, between: agreement of maps within each group and between the two; pairs of folds of
            one loss are left out.
    """

    groups: Groups
    properties: dict[str, GroupTest]
    reach: Reach | None
    attention_on_car: GroupTest | None
    within: dict[str, MeanAgreement]
    between: MeanAgreement


def compare_groups(
    groups: Groups,
    properties: Mapping[str, Mapping[str, PropertyScores]],
    attention_on_car: Values,
    correlations: Mapping[frozenset[str], float | None],
) -> GroupComparison:
    """Run all tests of two groups.

    Args:
        properties: scores by property, then by id of the model.
        attention_on_car: mean attention on the car by id of the model.
        correlations: mean Pearson r of the maps by pair of models.
    """
    tests = {
        name: _test(groups, _values(by_model, CORRECTED_SCORE), _values(by_model, PAPER_SCORE))
        for name, by_model in properties.items()
    }
    valid_tests = {name: test for name, test in tests.items() if test is not None}
    first, second = groups.names
    sizes = len(groups.of(first)), len(groups.of(second))
    limit = reach(*sizes, len(valid_tests)) if valid_tests else None
    return GroupComparison(
        groups=groups,
        properties=_with_holm(valid_tests),
        reach=limit
        and Reach(
            sizes=sizes, tests=len(valid_tests), smallest_p=limit.p, smallest_delta=limit.delta
        ),
        attention_on_car=_test(groups, attention_on_car, attention_on_car),
        within={name: _agreement(groups, {name}, correlations) for name in groups.names},
        between=_agreement(groups, {*groups.names}, correlations),
    )


def _values(by_model: Mapping[str, PropertyScores], score: str) -> dict[str, float | None]:
    return {model: scores.scores[score].value for model, scores in by_model.items()}


def _test(groups: Groups, values: Values, paper_values: Values) -> GroupTest | None:
    """Run both tests; None if a group has no value."""
    by_unit: dict[str, dict[str, float]] = {name: {} for name in groups.names}
    by_model: dict[str, list[float]] = {name: [] for name in groups.names}
    for unit in groups.units:
        folds = [value for model in unit.models if (value := values.get(model)) is not None]
        if folds:
            by_unit[unit.group][unit.name] = float(np.mean(folds))
        papers = [paper_values.get(model) for model in unit.models]
        by_model[unit.group] += [value for value in papers if value is not None]
    if not all(by_unit.values()):
        return None
    paper = _paper(by_model) if all(by_model.values()) else None
    return GroupTest(corrected=_corrected(by_unit), paper=paper)


def _corrected(by_unit: Mapping[str, Mapping[str, float]]) -> CorrectedTest:
    first, second = (list(units.values()) for units in by_unit.values())
    test = exact_test(first, second)
    delta, interval = cliffs_delta(test.u, len(first), len(second))
    return CorrectedTest(
        values={name: value for units in by_unit.values() for name, value in units.items()},
        means={name: float(np.mean(list(units.values()))) for name, units in by_unit.items()},
        u=test.u,
        p=test.p,
        p_holm=None,
        delta=delta,
        delta_ci95=interval,
    )


def _paper(by_model: Mapping[str, Sequence[float]]) -> PaperTest:
    test = asymptotic_test(*by_model.values())
    return PaperTest(
        sizes={name: len(values) for name, values in by_model.items()},
        means={name: float(np.mean(values)) for name, values in by_model.items()},
        u=test.u,
        p=test.p / 2,
        p_two_sided=test.p,
    )


def _with_holm(tests: Mapping[str, GroupTest]) -> dict[str, GroupTest]:
    adjusted = holm([test.corrected.p for test in tests.values()])
    return {
        name: test.model_copy(
            update={"corrected": test.corrected.model_copy(update={"p_holm": p_holm})}
        )
        for (name, test), p_holm in zip(tests.items(), adjusted, strict=True)
    }


def _agreement(
    groups: Groups, of: set[str], correlations: Mapping[frozenset[str], float | None]
) -> MeanAgreement:
    """Average over pairs of units whose groups are `of`: one group, or one unit of each."""
    pairs = [
        correlations.get(frozenset({a, b}))
        for first, second in itertools.combinations(groups.units, 2)
        if {first.group, second.group} == of
        for a, b in itertools.product(first.models, second.models)
    ]
    known = [r for r in pairs if r is not None]
    return MeanAgreement(r=summarize_correlations(known).mean, pairs=len(known))
