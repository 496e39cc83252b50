"""Tables of the tests of two groups of models."""

from __future__ import annotations

from collections.abc import Iterator

from dmlbench.compare.group_tests import GroupComparison, GroupTest, Reach
from dmlbench.present.numbers import number, p_value
from dmlbench.present.table import Cell, Column, Estimate, Table, names, with_interval
from dmlbench.scores.registry import MAIN, PAPER


def group_tables(groups: GroupComparison) -> Iterator[Table]:
    """Yield the table of tests and, if there are maps, that of their agreement."""
    yield _test_table(groups)
    if groups.between.pairs:
        yield _agreement_table(groups)


def _test_table(groups: GroupComparison) -> Table:
    """Return one row per property: means of both groups, and the tests of protocol section 5."""
    first, second = groups.groups.names
    columns = (
        *(*names("property"), *(Column(f"mean {name}", MAIN.digits) for name in (first, second))),
        *(*with_interval("Cliff's delta", 2), Column("U", 1)),
        *(Column(title, role="p") for title in ("p", "p (Holm)")),
        *(Column(title, role="p") for title in ("paper: p", "paper: p, two-sided")),
    )
    rows = [(name, *_test_cells(test, MAIN.digits)) for name, test in groups.properties.items()]
    if groups.attention_on_car is not None:
        rows.append(("attention on car", *_test_cells(groups.attention_on_car, 3)))
    title = f"Groups by {MAIN.title}: {first} against {second}"
    return Table(title, columns, rows, " ".join(_group_words(groups)))


def _agreement_table(groups: GroupComparison) -> Table:
    """Return the mean r of the maps within each group and between the two."""
    rows = [
        *((f"within {name}", within.r, within.pairs) for name, within in groups.within.items()),
        ("between", groups.between.r, groups.between.pairs),
    ]
    columns = *names("pairs of models"), Column("r"), Column("pairs")
    return Table("Pearson r of saliency maps by group", columns, rows)


def reach_words(reach: Reach) -> str:
    """Describe the smallest effects that groups of these sizes can show.

    >>> reach_words(Reach(sizes=(2, 2), tests=3, smallest_p=1.0, smallest_delta=None))
    '2 against 2 over 3 properties cannot reach p < 0.05: the smallest p (Holm) is 1.000.'
    """
    start = f"{reach.sizes[0]} against {reach.sizes[1]} over {reach.tests} properties"
    smallest = f"the smallest p (Holm) is {p_value(reach.smallest_p)}"
    if reach.smallest_delta is None:
        return f"{start} cannot reach p < 0.05: {smallest}."
    delta = number(reach.smallest_delta, 2)
    return f"{start}: {smallest}; p < 0.05 takes a property with |delta| >= {delta}."


def _group_words(groups: GroupComparison) -> Iterator[str]:
    if groups.reach is not None:
        yield reach_words(groups.reach)
    yield "Folds are averaged first; U and p are exact, two-sided; delta: Newcombe's interval."
    papers = [test.paper for test in groups.properties.values() if test.paper is not None]
    if papers:
        sizes = " against ".join(str(size) for size in papers[0].sizes.values())
        yield (
            f"Paper: {sizes} models as if independent, {PAPER.title}, asymptotic, not "
            "corrected; p is half the two-sided one, as SciPy 1.6.0 gives it by default."
        )


def _test_cells(test: GroupTest, digits: int) -> tuple[Cell, ...]:
    corrected, paper = test.corrected, test.paper
    return (
        *(Estimate(mean, digits=digits) for mean in corrected.means.values()),
        *(corrected.delta, corrected.delta_ci95, corrected.u, corrected.p, corrected.p_holm),
        *((paper.p, paper.p_two_sided) if paper else (None, None)),
    )
