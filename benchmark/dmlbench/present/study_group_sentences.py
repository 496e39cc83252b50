"""Sentences on two groups of losses, each from numbers of a table."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

from dmlbench.losses import loss_named
from dmlbench.present.group_tables import reach_words, spread_words
from dmlbench.present.group_words import (
    SIGNIFICANCE,
    beyond_doubt,
    difference_words,
    given_retrieval,
    large_words,
    smallest_words,
)
from dmlbench.present.numbers import joined, number, p_value
from dmlbench.present.study_level_sentences import by_family_words, on_equal_retrieval
from dmlbench.study.findings import Findings


def on_groups(findings: Findings) -> Iterator[str]:
    """Yield sentences on properties in both groups of losses."""
    yield from on_equal_retrieval(findings)
    yield from _between_groups(findings)
    yield from _given_retrieval(findings)
    yield from _by_family(findings)
    yield from _with_retrieval(findings)


def _between_groups(findings: Findings) -> Iterator[str]:
    groups, where = findings.groups, _where(findings)
    if groups is None:
        yield "The losses are not of two groups, so no groups were tested."
        return
    first, second = groups.groups.names
    tests = groups.properties
    sure = beyond_doubt(groups.properties)
    if sure:
        listed = "; ".join(difference_words(name, tests[name]) for name in sure)
        yield f"{where}, {first} and {second} losses cluster differently by: {listed}."
    else:
        reach = f" {reach_words(groups.reach)}" if groups.reach else ""
        yield (
            f"{where}, no property tells {first} from {second} losses once the "
            f"number of properties is accounted for{smallest_words(tests)}.{reach}"
        )
    yield from large_words("Differences of these models", tests)
    if groups.spread is not None:
        yield f"{where}, {spread_words(groups)}{by_family_words(findings.families)}"


def _where(findings: Findings) -> str:
    """Say which models are compared without a level."""
    return "At the best epochs" if findings.trainings else "As loaded"


def _by_family(findings: Findings) -> Iterator[str]:
    """Say what differs when losses that differ in one detail count once."""
    families = findings.families
    if families is None:
        return
    first, second = (len(families.groups.of(name)) for name in families.groups.names)
    equal = findings.equal_map_at_r
    compared = {_where(findings).lower(): families}
    if equal is not None and equal.families is not None:
        compared["at equal MAP@R"] = equal.families
    said = [
        f"{when} {joined(beyond_doubt(each.properties)) or 'none'} (given MAP@R "
        f"{joined(given_retrieval(each)) or 'none'})"
        for when, each in compared.items()
    ]
    yield (
        f"With losses that differ in one detail counted once ({first} against {second} families), "
        f"properties that differ: {'; '.join(said)}."
    )


def _with_retrieval(findings: Findings) -> Iterator[str]:
    if not findings.retrieval_spearman:
        return
    label, by_loss = next(iter(findings.classes.items()))
    means: dict[str, list[float]] = {}
    for loss, scores in by_loss.items():
        group, score = loss_named(loss).group, scores["map_at_r"].mean
        if group != "control" and score is not None:
            means.setdefault(group, []).append(score)
    reached = [f"{group} {number(mean(scores), 3)}" for group, scores in means.items()]
    sure, unsure = (
        [
            f"{name} {number(test.rho, 2)}"
            for name, test in findings.retrieval_spearman.items()
            if (test.p_holm < SIGNIFICANCE) is significant
        ]
        for significant in (True, False)
    )
    retrieval = f"Retrieval of {label} (MAP@R on average: {joined(reached)})"
    if not sure:
        yield (
            f"{retrieval} goes with NR-Precision of no property beyond doubt (Spearman's rho over "
            f"the losses, p (Holm) >= {SIGNIFICANCE}: {joined(unsure)})."
        )
        return
    beside = f" Not beyond doubt: {joined(unsure)}." if unsure else ""
    yield (
        f"{retrieval} goes with NR-Precision (Spearman's rho over the losses, p (Holm) < "
        f"{SIGNIFICANCE}): {joined(sure)}. Differences in these can come from how far training "
        f"got.{beside}"
    )


def _given_retrieval(findings: Findings) -> Iterator[str]:
    groups, where = findings.groups, _where(findings)
    tests = groups.properties if groups else {}
    controlled = {name: test.given_retrieval for name, test in tests.items()}
    known = {name: test for name, test in controlled.items() if test and test.p_holm is not None}
    if not known or groups is None:
        return
    sure = [
        f"{name} (partial r {number(known[name].effect, 2)}, p (Holm) "
        f"{p_value(known[name].p_holm)})"
        for name in given_retrieval(groups)
    ]
    first, second = groups.groups.names
    if sure:
        yield f"{where}, given MAP@R, {first} and {second} losses differ in: {'; '.join(sure)}."
    else:
        smallest = p_value(min(test.p_holm or 1.0 for test in known.values()))
        yield (
            f"{where}, given MAP@R, no property tells {first} from {second} losses: "
            f"the smallest p (Holm) is {smallest}. That is no evidence that they are equal."
        )
