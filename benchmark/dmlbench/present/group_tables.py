"""Tables of the tests of two groups of models."""

from __future__ import annotations

from collections.abc import Iterator

from dmlbench.comparison.group_tests import (
    MAPS,
    MAPS_GIVEN_UNTRAINED,
    GroupComparison,
    GroupTest,
    Reach,
    Relabeling,
)
from dmlbench.comparison.representations import MEASURES
from dmlbench.present.numbers import number, p_value
from dmlbench.present.table import Cell, Column, Estimate, Table, interval_columns, names
from dmlbench.scores.registry import MAIN, PAPER

AGREEMENTS = {
    MAPS: "maps, Pearson r",
    MAPS_GIVEN_UNTRAINED: "maps given the untrained network's, partial r",
    **MEASURES,
}
"""Titles of the measures of `GroupComparison.agreements`, but for maps by other methods."""


def agreement_title(measure: str) -> str:
    """Return the title of a measure of `GroupComparison.agreements`."""
    return AGREEMENTS.get(measure, f"maps by {measure}, Pearson r")


def group_tables(groups: GroupComparison) -> dict[str, Table]:
    """Return the tables of tests, of tests given MAP@R, and of the agreement of models."""
    tables = {"group_tests": _test_table(groups)}
    if any(test.given_retrieval for test in _tests(groups).values()):
        tables["group_tests_given_retrieval"] = _retrieval_table(groups)
    if groups.agreements:
        tables["group_agreements"] = _agreement_table(groups)
    return tables


def _test_table(groups: GroupComparison) -> Table:
    """Return one row per property: means of both groups, and the tests of protocol section 5."""
    first, second = groups.groups.names
    columns = (
        *(*names("property"), *(Column(f"mean {name}", MAIN.digits) for name in (first, second))),
        *(*interval_columns("Cliff's delta", 2), Column("U", 1)),
        *(Column(title, role="p") for title in ("p", "p (Holm)", "p (max-T)")),
        *(Column(title, role="p") for title in ("paper: p", "paper: p, two-sided")),
    )
    rows = [
        (name, *_test_cells(test, MAIN.digits if name in groups.properties else 3))
        for name, test in _tests(groups).items()
    ]
    title = f"Groups by {MAIN.title}: {first} against {second}"
    return Table(title, columns, rows, " ".join(_group_words(groups)))


def _retrieval_table(groups: GroupComparison) -> Table:
    """Return one row per property: what the group adds to MAP@R."""
    columns = (
        *(*names("property"), Column("partial r", 2)),
        *(Column(title, role="p") for title in ("p", "p (Holm)")),
    )
    known = {name: test.given_retrieval for name, test in _tests(groups).items()}
    rows = [(name, test.effect, test.p, test.p_holm) for name, test in known.items() if test]
    first, second = groups.groups.names
    note = (
        f"Rank regression on group and MAP@R over {len(groups.retrieval)} units (losses or their "
        "families): partial r is "
        f"above 0 where {first} losses have larger values than MAP@R explains; p is two-sided, "
        "residuals permuted (Freedman and Lane)."
    )
    return Table(f"{first} against {second}, given MAP@R", columns, rows, note)


def _agreement_table(groups: GroupComparison) -> Table:
    """Return one row per measure: agreement within each group and between the two, and its test."""
    columns = (
        *names("agreement"),
        *(Column(f"within {name}") for name in groups.groups.names),
        *(Column("between"), Column("difference"), Column("p", role="p")),
        *(Column("difference given MAP@R"), Column("p given MAP@R", role="p")),
    )
    rows = []
    for measure, agreement in groups.agreements.items():
        test = agreement.relabeling
        tested = test and (
            *(test.difference, test.p, test.difference_given_retrieval, test.p_given_retrieval),
        )
        within = (mean.mean for mean in agreement.within.values())
        row = (agreement_title(measure), *within, agreement.between.mean, *(tested or (None,) * 4))
        rows.append(row)
    return Table("Agreement of models by group", columns, rows, _agreement_words(groups))


def _agreement_words(groups: GroupComparison) -> str:
    counts = {
        agreement_title(measure): ", ".join(
            [
                *(f"{mean.pairs} within {name}" for name, mean in agreement.within.items()),
                f"{agreement.between.pairs} between",
            ]
        )
        for measure, agreement in groups.agreements.items()
    }
    alike = len(set(counts.values())) == 1
    pairs = next(iter(counts.values())) if alike else "; ".join(map(": ".join, counts.items()))
    tests = [each.relabeling for each in groups.agreements.values() if each.relabeling]
    deals = f", over {tests[0].deals:,} deals of the losses into groups" if tests else ""
    return (
        f"Means over pairs of models, in Fisher-z ({pairs}). The difference is within minus "
        "between groups, of what is left of agreements once each loss agrees more or less with all "
        f"others (one factor, least squares); p is one-sided{deals}. Given MAP@R: with the "
        "difference of two losses in MAP@R regressed out."
    )


def relabeling_words(test: Relabeling) -> str:
    """Describe the test of agreement within groups against agreement between groups.

    >>> plain = {"difference_given_retrieval": None, "p_given_retrieval": None, "deals": 2002}
    >>> relabeling_words(Relabeling(difference=0.05, p=0.004, **plain))
    'Beyond what a loss agrees with all others, losses agree by 0.050 more within their group than \
between groups, p 0.004 of 2,002 deals of the losses.'
    """
    controlled = (
        "; with the difference in MAP@R regressed out by "
        f"{number(test.difference_given_retrieval, 3)}, p {p_value(test.p_given_retrieval)}"
        if test.p_given_retrieval is not None
        else ""
    )
    return (
        f"Beyond what a loss agrees with all others, losses agree by {number(test.difference, 3)} "
        f"more within their group than between groups, p {p_value(test.p)} of {test.deals:,} deals "
        f"of the losses{controlled}."
    )


def _tests(groups: GroupComparison) -> dict[str, GroupTest]:
    """Return the tests by property, and that of the attention."""
    on_car = groups.attention_on_car
    return {**groups.properties, **({"attention on car": on_car} if on_car else {})}


def reach_words(reach: Reach) -> str:
    """Describe the smallest effects that groups of these sizes can show.

    >>> reach_words(Reach(sizes=(2, 2), tests=3, smallest_p=1.0, smallest_delta=None))
    '2 against 2 over 3 properties cannot reach p < 0.05: 1.000 is the smallest possible p (Holm).'
    """
    start = f"{reach.sizes[0]} against {reach.sizes[1]} over {reach.tests} properties"
    possible = p_value(reach.smallest_p)
    if reach.smallest_delta is None:
        return f"{start} cannot reach p < 0.05: {possible} is the smallest possible p (Holm)."
    delta = number(reach.smallest_delta, 2)
    return (
        f"{start} can reach p (Holm) {possible}; the first below 0.05 takes |delta| >= {delta}, "
        "further ones less."
    )


def _group_words(groups: GroupComparison) -> Iterator[str]:
    if groups.reach is not None:
        yield reach_words(groups.reach)
    yield (
        "Folds are averaged first; U and p are exact, two-sided; delta: Newcombe's interval. p is "
        "adjusted by Holm, and by step-down max-T over deals of the losses, which knows how "
        "properties go together."
    )
    if groups.spread is not None:
        yield f"Spread: {spread_words(groups)}"
    papers = [test.paper for test in groups.properties.values() if test.paper is not None]
    if papers:
        sizes = " against ".join(str(size) for size in papers[0].sizes.values())
        yield (
            f"Paper: {sizes} models as if independent, {PAPER.title}, asymptotic, not "
            "corrected; p is half the two-sided one, as SciPy 1.6.0 gives it by default."
        )


def spread_words(groups: GroupComparison) -> str:
    """Describe the test of how far losses lie from the median of their group."""
    spread = groups.spread
    assert spread is not None
    first, second = groups.groups.names
    wider = spread.wider, spread.properties - spread.wider
    names = (first, second) if wider[0] >= wider[1] else (second, first)
    times = ""
    if spread.ratio:
        ratio = spread.ratio if names[0] == first else 1 / spread.ratio
        times = f", {number(ratio, 2)} times as far from the median of their group on average"
    return (
        f"{names[0]} losses differ more from each other than {names[1]} losses in "
        f"{max(wider)} of {spread.properties} properties{times}; p {p_value(spread.p)} of "
        f"{spread.deals:,} deals."
    )


def _test_cells(test: GroupTest, digits: int) -> tuple[Cell, ...]:
    corrected, paper = test.corrected, test.paper
    return (
        *(Estimate(mean, digits=digits) for mean in corrected.means.values()),
        *(corrected.delta, corrected.delta_ci95, corrected.u),
        *(corrected.p, corrected.p_holm, corrected.p_max_t),
        *((paper.p, paper.p_two_sided) if paper else (None, None)),
    )
