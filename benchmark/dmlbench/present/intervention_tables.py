"""Tables of a study's interventions: what changing one group of factors alone does."""

from __future__ import annotations

from dmlbench.losses import without_controls
from dmlbench.present.loss_columns import NAMES, folds_words, names_of
from dmlbench.present.numbers import number
from dmlbench.present.table import Cell, Column, Row, Table, interval_columns, names
from dmlbench.scores.registry import declared
from dmlbench.study.changes import UNTRAINED, apart
from dmlbench.study.findings import Findings

SENSITIVITY, SAME_CAR = map(declared, ("sensitivity", "retrieval_under_intervention"))


def intervention_table(findings: Findings) -> Table:
    """Return one row per loss: what changing each group of factors alone does."""
    rows: list[Row] = []
    for loss in findings.losses:
        cells: list[Cell] = []
        for of_group in findings.interventions.values():
            sensitivity = of_group.sensitivity[loss]
            cells += [sensitivity.mean, sensitivity.ci95, of_group.retrieval[loss].mean]
        rows.append((*names_of(loss), *cells))
    columns = [
        column
        for group in findings.interventions
        for column in (
            *interval_columns(
                f"{SENSITIVITY.title}: {group}", SENSITIVITY.digits, of=f" ({group})"
            ),
            Column(f"{SAME_CAR.title}: {group}", SAME_CAR.digits),
        )
    ]
    expected = ", ".join(
        f"{group} {number(of_group.retrieval_expected, SAME_CAR.digits)}"
        for group, of_group in findings.interventions.items()
    )
    note = (
        f"{folds_words(findings)}; {SENSITIVITY.title} in units of the {SENSITIVITY.unit}, with "
        f"intervals over scenes; {SAME_CAR.title}: share of images whose nearest neighbor is "
        "the same car after the change, in this scene or another, and not another car without it "
        f"(random embeddings: {expected})."
    )
    return Table("What changing one group of factors alone does", (*NAMES, *columns), rows, note)


def intervention_test_table(findings: Findings) -> Table:
    """Return one row per sweep: its sensitivity in both groups of losses, and with training."""
    names_of_groups = findings.groups.groups.names if findings.groups else ()
    trained = without_controls(findings.losses)
    rows: list[Row] = []
    for group, of_group in findings.interventions.items():
        test, changes = of_group.test, of_group.changes.values()
        tested: tuple[Cell, ...] = (None,) * (len(names_of_groups) + 6)
        if test is not None:
            p_given = test.given_retrieval.p_holm if test.given_retrieval else None
            tested = (
                *test.corrected.means.values(),
                *(test.corrected.delta, test.corrected.delta_ci95),
                *(test.corrected.p, test.corrected.p_holm, p_given),
                of_group.family_test.corrected.p_holm if of_group.family_test else None,
            )
        untrained = of_group.sensitivity.get(UNTRAINED)
        higher, lower = (f"{many} of {len(trained)}" for many in apart(changes))
        before = untrained.mean if untrained else None
        rows.append((group, *tested, before, higher, lower))
    columns = (
        *names("changed alone"),
        *(Column(f"mean {name}", SENSITIVITY.digits) for name in names_of_groups),
        *interval_columns("Cliff's delta", 2),
        *(Column(title, role="p") for title in ("p", "p (Holm)", "p (Holm) given MAP@R")),
        Column("p (Holm) by family", role="p"),
        Column("untrained", SENSITIVITY.digits),
        *(Column(title, role="words") for title in ("higher by training", "lower by training")),
    )
    note = (
        "Folds are averaged first; p exact and two-sided; by family: losses that differ in one "
        "detail counted once. Higher and lower: losses whose paired "
        "95 % interval of the change from the untrained network excludes 0."
    )
    return Table("Sensitivity in both groups, and with training", columns, rows, note)
