"""Tests of two groups of models, as in the paper and corrected. Source: protocol, section 5."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from dmlbench.comparison.groups import Groups, Unit
from dmlbench.comparison.joint_tests import max_t, spread_test
from dmlbench.comparison.rank_tests import asymptotic_test, cliffs_delta, exact_test, holm, reach
from dmlbench.comparison.relabeling import (
    group_given_covariate,
    relabeling_test,
)
from dmlbench.maps import summarize_correlations
from dmlbench.results.files import CLASSES, Interval, PropertyScores
from dmlbench.scores.registry import MAIN, PAPER, declared
from dmldata.common.arrays import Floats
from dmldata.common.strict import StrictModel

MAPS = "maps"
"""The agreement of two models' saliency maps, Pearson's r."""
MAPS_GIVEN_UNTRAINED = "maps_given_untrained"
"""The same given the maps of the untrained network: the partial correlation."""

CORRECTED_SCORE, PAPER_SCORE, RETRIEVAL_SCORE = MAIN.key, PAPER.key, declared("map_at_r").key

Values = Mapping[str, float | None]
Agreements = Mapping[frozenset[str], float | None]
"""How alike two models are, by pair of ids."""


class CorrectedTest(StrictModel):
    """Exact two-sided test after averaging the folds of each loss.

    Attributes:
        values: by unit, the mean over its folds.
        means: by group, the mean of these values.
        u: Mann-Whitney U of the first group.
        p_holm: p, adjusted for the number of properties; None if this is not a property.
        p_max_t: p, adjusted for all properties given how they go together over the units; None if
            this is not a property, or a unit has no value.
        delta: Cliff's delta, above 0 if the first group has the larger values.
    """

    values: dict[str, float]
    means: dict[str, float]
    u: float
    p: float
    p_holm: float | None
    p_max_t: float | None = None
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


class RetrievalTest(StrictModel):
    """Rank regression of the corrected values on group and MAP@R; see `relabeling`.

    Attributes:
        effect: partial correlation of the ranks with the first group, given those of MAP@R.
        p: two-sided, over `permutations` of residuals (Freedman and Lane).
        p_holm: p, adjusted for the number of properties; None if this is not a property.
    """

    effect: float
    p: float
    p_holm: float | None
    permutations: int


class GroupTest(StrictModel):
    """The tests of one property.

    Attributes:
        given_retrieval: None if the MAP@R of a loss is not known, or explains all.
        paper: None if a group has no such score.
    """

    corrected: CorrectedTest
    given_retrieval: RetrievalTest | None
    paper: PaperTest | None


class Reach(StrictModel):
    """Smallest effects that groups of these sizes can show; see `rank_tests.Reach`."""

    sizes: tuple[int, int]
    tests: int
    smallest_p: float
    smallest_delta: float | None


class GroupSpread(StrictModel):
    """How far units lie from the median of their group; see `joint_tests.spread_test`.

    Attributes:
        ratio: mean distance in the first group over that in the second, in the geometric mean over
            the properties.
        wider: number of properties, of `properties`, in which the first group's is larger.
        p: two-sided, over `deals` of the units into groups of these sizes.
    """

    ratio: float | None
    wider: int
    properties: int
    p: float
    deals: int


class MeanAgreement(StrictModel):
    """Mean agreement over pairs of models, taken in Fisher-z; None without pairs."""

    mean: float | None
    pairs: int


class Relabeling(StrictModel):
    """Test whether losses of one group agree more than losses of different groups.

    Attributes:
        difference: the mean within the groups minus the mean between them, of what is left of
            agreements once each loss agrees more or less with all; see `relabeling_test`.
        p: one-sided, over `deals` of the losses into groups of these sizes.
        difference_given_retrieval, p_given_retrieval: the same of what the difference of two
            losses in MAP@R leaves of that, too; None if the MAP@R of a loss is not known.
    """

    difference: float
    p: float
    difference_given_retrieval: float | None
    p_given_retrieval: float | None
    deals: int


class AgreementGiven(StrictModel):
    """The test of `Relabeling` with the difference of two losses in a covariate regressed out."""

    difference: float
    p: float


class GroupAgreement(StrictModel):
    """How alike models are within each group and between the two, by one measure.

    Attributes:
        within, between: pairs of models of one unit, such as the folds of a loss, are left out.
        relabeling: test of these agreements; None if a pair of losses has none.
    """

    within: dict[str, MeanAgreement]
    between: MeanAgreement
    relabeling: Relabeling | None


class GroupComparison(StrictModel):
    """Comparison of two groups of models.

    Attributes:
        properties: tests by property, of `nr_precision` (corrected) and `nr_precision_paper`
            (paper).
        reach: reach of the corrected tests; None without properties.
        spread: test of the spread of both groups over the properties that all units have a value
            of; None without them, and for a group of fewer than three units.
        attention_on_car: the same tests of each model's mean.
        agreements: by measure, of those that models of both groups have.
        retrieval: MAP@R of the class by unit, averaged over its folds; empty if it is not known.
    """

    groups: Groups
    properties: dict[str, GroupTest]
    reach: Reach | None
    spread: GroupSpread | None = None
    attention_on_car: GroupTest | None
    agreements: dict[str, GroupAgreement]
    retrieval: dict[str, float]


def compare_groups(
    groups: Groups,
    properties: Mapping[str, Mapping[str, PropertyScores]],
    attention_on_car: Values,
    agreements: Mapping[str, Agreements],
    retrieval: Values,
) -> GroupComparison:
    """Run all tests of two groups.

    Args:
        properties: scores by property, then by id of the model.
        attention_on_car: mean attention on the car by id of the model.
        agreements: by measure and pair of models, 1 for the same: Pearson r of maps, CKA and so on.
        retrieval: MAP@R of the class by id of the model; empty if it is not known.
    """
    of_units = unit_means(groups, retrieval)
    tests = {
        name: _test(
            groups, _values(by_model, CORRECTED_SCORE), _values(by_model, PAPER_SCORE), of_units
        )
        for name, by_model in properties.items()
    }
    valid_tests = {name: test for name, test in tests.items() if test is not None}
    first, second = groups.names
    sizes = len(groups.of(first)), len(groups.of(second))
    limit = reach(*sizes, len(valid_tests)) if valid_tests else None
    return GroupComparison(
        groups=groups,
        properties=_adjusted(groups, valid_tests),
        spread=_spread(groups, valid_tests),
        reach=limit
        and Reach(
            sizes=sizes, tests=len(valid_tests), smallest_p=limit.p, smallest_delta=limit.delta
        ),
        attention_on_car=_test(groups, attention_on_car, attention_on_car, of_units),
        agreements={
            measure: agreement
            for measure, of_pairs in agreements.items()
            if (agreement := _group_agreement(groups, of_pairs, of_units)).between.pairs
        },
        retrieval=of_units,
    )


def further_tests(
    groups: Groups, values: Mapping[str, Values], retrieval: Mapping[str, float]
) -> dict[str, GroupTest]:
    """Test two groups in further values of their models.

    Args:
        values: by name, then by id of the model; p_holm and p_max_t account for their number.
        retrieval: MAP@R by unit, as of `GroupComparison`; may be empty.

    Returns:
        Tests by name, without that of the paper; names that a group has no value of are left out.
    """
    tests = {name: _test(groups, of_models, {}, retrieval) for name, of_models in values.items()}
    return _adjusted(groups, {name: test for name, test in tests.items() if test is not None})


def agreement_given(
    groups: Groups, agreements: Agreements, covariate: Mapping[str, float]
) -> AgreementGiven | None:
    """Test whether losses of one group agree more, given a covariate of the losses.

    Args:
        agreements: by pair of models.
        covariate: by unit.

    Returns:
        None if a pair of losses has no agreement, or a loss no covariate.
    """
    agreement = _agreement_matrix(groups, agreements)
    if agreement is None or any(unit.name not in covariate for unit in groups.units):
        return None
    of_units = [covariate[unit.name] for unit in groups.units]
    test = relabeling_test(agreement, _in_first(groups), of_units)
    return test and AgreementGiven(difference=test.effect, p=test.p)


def class_retrieval(properties: Mapping[str, Mapping[str, PropertyScores]]) -> Values:
    """Return MAP@R of the class by id of the model; empty where no property is the class."""
    name = next((name for name in CLASSES if name in properties), None)
    return {} if name is None else _values(properties[name], RETRIEVAL_SCORE)


def _values(by_model: Mapping[str, PropertyScores], score: str) -> dict[str, float | None]:
    return {model: scores.scores[score].value for model, scores in by_model.items()}


def unit_means(groups: Groups, values: Values) -> dict[str, float]:
    """Return the mean over the folds of each unit that has a value."""
    folds_by_unit = {
        unit.name: [value for model in unit.models if (value := values.get(model)) is not None]
        for unit in groups.units
    }
    return {name: float(np.mean(folds)) for name, folds in folds_by_unit.items() if folds}


def _test(
    groups: Groups, values: Values, paper_values: Values, retrieval: Mapping[str, float]
) -> GroupTest | None:
    """Run the tests; None if a group has no value."""
    means = unit_means(groups, values)
    by_unit: dict[str, dict[str, float]] = {name: {} for name in groups.names}
    by_model: dict[str, list[float]] = {name: [] for name in groups.names}
    for unit in groups.units:
        if unit.name in means:
            by_unit[unit.group][unit.name] = means[unit.name]
        papers = [paper_values.get(model) for model in unit.models]
        by_model[unit.group] += [value for value in papers if value is not None]
    if not all(by_unit.values()):
        return None
    paper = _paper(by_model) if all(by_model.values()) else None
    return GroupTest(
        corrected=_corrected(by_unit),
        given_retrieval=_given_retrieval(by_unit, retrieval),
        paper=paper,
    )


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


def _given_retrieval(
    by_unit: Mapping[str, Mapping[str, float]], retrieval: Mapping[str, float]
) -> RetrievalTest | None:
    first, second = by_unit.values()
    values = {**first, **second}
    if not values.keys() <= retrieval.keys():
        return None
    in_first = [name in first for name in values]
    covariate = [retrieval[name] for name in values]
    test = group_given_covariate(list(values.values()), in_first, covariate)
    if test is None:
        return None
    return RetrievalTest(effect=test.effect, p=test.p, p_holm=None, permutations=test.deals)


def _paper(by_model: Mapping[str, Sequence[float]]) -> PaperTest:
    test = asymptotic_test(*by_model.values())
    return PaperTest(
        sizes={name: len(values) for name, values in by_model.items()},
        means={name: float(np.mean(values)) for name, values in by_model.items()},
        u=test.u,
        p=test.p / 2,
        p_two_sided=test.p,
    )


def _adjusted(groups: Groups, tests: Mapping[str, GroupTest]) -> dict[str, GroupTest]:
    """Adjust both tests for the number of properties."""
    p_given = {name: test.given_retrieval.p for name, test in tests.items() if test.given_retrieval}
    adjusted = dict(zip(tests, holm([test.corrected.p for test in tests.values()]), strict=True))
    together = _of_all_units(groups, tests)
    p_max_t: dict[str, float] = {}
    if together:
        in_all = max_t(list(together.values()), _in_first(groups))
        p_max_t = dict(zip(together, in_all.tolist(), strict=True))
    adjusted_given = dict(zip(p_given, holm(list(p_given.values())), strict=True))
    return {
        name: GroupTest(
            corrected=test.corrected.model_copy(
                update={"p_holm": adjusted[name], "p_max_t": p_max_t.get(name)}
            ),
            given_retrieval=test.given_retrieval
            and test.given_retrieval.model_copy(update={"p_holm": adjusted_given[name]}),
            paper=test.paper,
        )
        for name, test in tests.items()
    }


def _spread(groups: Groups, tests: Mapping[str, GroupTest]) -> GroupSpread | None:
    together = _of_all_units(groups, tests)
    test = spread_test(list(together.values()), _in_first(groups)) if together else None
    return test and GroupSpread(**test._asdict())


def _of_all_units(groups: Groups, tests: Mapping[str, GroupTest]) -> dict[str, list[float]]:
    """Return the values of the units, in their order, of the tests that all units have one of."""
    return {
        name: [test.corrected.values[unit.name] for unit in groups.units]
        for name, test in tests.items()
        if len(test.corrected.values) == len(groups.units)
    }


def _in_first(groups: Groups) -> list[bool]:
    """Return of each unit whether it is in the first group."""
    return [unit.group == groups.names[0] for unit in groups.units]


def _group_agreement(
    groups: Groups, of_pairs: Agreements, retrieval: Mapping[str, float]
) -> GroupAgreement:
    return GroupAgreement(
        within={name: _mean_agreement(groups, {name}, of_pairs) for name in groups.names},
        between=_mean_agreement(groups, {*groups.names}, of_pairs),
        relabeling=_relabeling(groups, of_pairs, retrieval),
    )


def _mean_agreement(groups: Groups, of: set[str], of_pairs: Agreements) -> MeanAgreement:
    """Average over pairs of units whose groups are `of`: one group, or one unit of each."""
    known = [
        agreement
        for first, second in itertools.combinations(groups.units, 2)
        if {first.group, second.group} == of
        for agreement in _agreements(first, second, of_pairs)
    ]
    return MeanAgreement(mean=summarize_correlations(known).mean, pairs=len(known))


def _agreements(first: Unit, second: Unit, of_pairs: Agreements) -> list[float]:
    """Return the known agreements of the models of two units."""
    pairs = itertools.product(first.models, second.models)
    return [value for pair in pairs if (value := of_pairs.get(frozenset(pair))) is not None]


def _relabeling(
    groups: Groups, of_pairs: Agreements, retrieval: Mapping[str, float]
) -> Relabeling | None:
    agreement = _agreement_matrix(groups, of_pairs)
    if agreement is None:
        return None
    test = relabeling_test(agreement, _in_first(groups))
    controlled = agreement_given(groups, of_pairs, retrieval)
    return test and Relabeling(
        difference=test.effect,
        p=test.p,
        difference_given_retrieval=controlled.difference if controlled else None,
        p_given_retrieval=controlled.p if controlled else None,
        deals=test.deals,
    )


def _agreement_matrix(groups: Groups, of_pairs: Agreements) -> Floats | None:
    """Return the mean agreement [n, n] of the models of every two units; None if one has none."""
    units = groups.units
    agreement = np.eye(len(units))
    for i, j in itertools.combinations(range(len(units)), 2):
        mean = summarize_correlations(_agreements(units[i], units[j], of_pairs)).mean
        if mean is None:
            return None
        agreement[i, j] = agreement[j, i] = mean
    return agreement
