"""Sentences on two groups of losses, each from numbers of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean

from dmlbench.comparison.group_tests import GroupComparison, GroupTest, RetrievalTest
from dmlbench.losses import loss_named
from dmlbench.present.group_tables import reach_words
from dmlbench.present.numbers import joined, number, p_value, range_text
from dmlbench.study.findings import EqualRetrieval, Findings

SIGNIFICANCE = 0.05
LARGE_DELTA = 0.474
"""|Cliff's delta| of a large effect. Source: Romano et al. (2006)."""


def on_groups(findings: Findings) -> Iterator[str]:
    """Yield sentences on properties in both groups of losses."""
    yield from _at_equal_retrieval(findings)
    yield from _between_groups(findings)
    yield from _given_retrieval(findings)
    yield from _by_family(findings)
    yield from _with_retrieval(findings)


def _between_groups(findings: Findings) -> Iterator[str]:
    groups = findings.groups
    if groups is None:
        yield "The losses are not of two groups, so no groups were tested."
        return
    first, second = groups.groups.names
    tests = groups.properties
    sure = beyond_doubt(groups.properties)
    if sure:
        listed = "; ".join(_difference(name, tests[name]) for name in sure)
        yield (
            f"At the end of training, {first} and {second} losses cluster differently by: {listed}."
        )
    else:
        reach = f" {reach_words(groups.reach)}" if groups.reach else ""
        yield (
            f"At the end of training, no property tells {first} from {second} losses once the "
            f"number of properties is accounted for{_smallest(tests)}.{reach}"
        )
    yield from _large("Differences", tests)


def _smallest(tests: Mapping[str, GroupTest]) -> str:
    """Say which of several tests has the smallest p, and how small it is."""
    known = {n: t.corrected.p_holm for n, t in tests.items() if t.corrected.p_holm is not None}
    if not known:
        return ""
    name = min(known, key=lambda name: known[name])
    return f": the smallest p (Holm) is {p_value(known[name])} ({name})"


def _large(start: str, tests: Mapping[str, GroupTest]) -> Iterator[str]:
    """Yield which differences are large, if some are that many tests make doubtful."""
    sure = beyond_doubt(tests)
    large = [
        name
        for name, test in tests.items()
        if name not in sure and abs(test.corrected.delta) >= LARGE_DELTA and _has_sign(test)
    ]
    if large:
        listed = "; ".join(_difference(name, tests[name]) for name in large)
        yield (
            f"{start} that are large and have a sign (|delta| >= {LARGE_DELTA}, its interval "
            f"without 0), but not beyond the doubt of so many tests: {listed}."
        )


def beyond_doubt(tests: Mapping[str, GroupTest]) -> list[str]:
    """Return the names of those of several tests whose difference is beyond doubt."""
    return [
        name
        for name, test in tests.items()
        if test.corrected.p_holm is not None
        and test.corrected.p_holm < SIGNIFICANCE
        and _has_sign(test)
    ]


def _at_equal_retrieval(findings: Findings) -> Iterator[str]:
    equal = findings.equal_map_at_r
    if equal is None:
        if findings.recipe.equal_map_at_r:
            yield "Nothing is compared at equal MAP@R, as fewer than two losses got far enough."
        return
    if equal.left_out:
        listed = joined(f"{loss} {number(gain, 2)}" for loss, gain in equal.left_out.items())
        yield (
            "Left out at equal MAP@R, as their highest validation MAP@R in times the untrained "
            f"network's is below {findings.recipe.least_gain:g}: {listed}."
        )
    gap = number(max(map(equal.gap, equal.points)), 4)
    means = joined([f"{group} {number(at, 4)}" for group, at in equal.group_levels().items()])
    levels = joined([f"fold {fold}: {number(at, 4)}" for fold, at in equal.levels.items()])
    where = (
        f"At the highest validation MAP@R that all {len(equal.points)} compared losses reached "
        f"({levels}; the models compared are up to {gap} from it, on average {means})"
    )
    yield from _tests_at_equal_retrieval(equal, where)
    yield from _interpolated(equal)
    yield from _retrieval_of_chosen(equal)
    yield from _at_further_gains(findings)
    if equal.unlearned:
        folds = joined([f"fold {fold}" for fold in equal.unlearned])
        yield (
            f"That level is not above the untrained network's MAP@R ({folds}): a loss that did not "
            "get above it sets the level, so models that hardly learned are compared there."
        )


def _interpolated(equal: EqualRetrieval) -> Iterator[str]:
    if equal.interpolated:
        sure = joined(beyond_doubt(equal.interpolated)) or "none"
        yield (
            "With scores interpolated to that level, between the two models around it of each "
            f"training, properties that differ: {sure}."
        )
    elif equal.interpolated_known:
        yield (
            f"Scores interpolated to that level are known for {equal.interpolated_known} of "
            f"{equal.models} models, as the first checkpoints of the others lie above it; so that "
            "check is not made."
        )


def _retrieval_of_chosen(equal: EqualRetrieval) -> Iterator[str]:
    """Say how these models retrieve classes that are neither trained on nor validated on."""
    by_group: dict[str, list[float]] = {}
    for loss, level in equal.retrieval.items():
        if level is not None:
            by_group.setdefault(equal.group_of(loss), []).append(level)
    if not by_group:
        return
    known = sum(map(len, by_group.values()))
    if known < len(equal.points):
        yield (
            "MAP@R of these models on classes that are neither trained nor validated on is known "
            f"of {known} of {len(equal.points)} losses, as checkpoints of the others are gone; so "
            "it is not compared, and nothing is tested given it."
        )
        return
    reached = [
        f"{group} {number(mean(levels), 3)} ({range_text(levels, 3)})"
        for group, levels in by_group.items()
    ]
    test = equal.retrieval_test
    tested = f"; p {p_value(test.corrected.p)}" if test else ""
    after = ""
    if equal.given_retrieval:
        sure = joined(beyond_doubt_given(equal.given_retrieval)) or "none"
        after = f" Given that MAP@R, properties that differ: {sure}."
    yield (
        "MAP@R of these models on classes that are neither trained nor validated on: "
        f"{joined(reached)}{tested}.{after}"
    )


def _at_further_gains(findings: Findings) -> Iterator[str]:
    said = []
    for at in findings.further_gains:
        if at.groups is None:
            said.append(f"{at.gain:g}: no two groups")
            continue
        first, second = (len(at.groups.groups.of(name)) for name in at.groups.groups.names)
        reach = at.groups.reach
        if reach is not None and reach.smallest_delta is None:
            sure = f"too few for p < {SIGNIFICANCE}"
        else:
            sure = joined(beyond_doubt(at.groups.properties)) or "none"
            if at.interpolated:
                sure += f" (interpolated: {joined(beyond_doubt(at.interpolated)) or 'none'})"
        gains = at.group_gains()
        reached = [number(gains.get(name), 2) for name in at.groups.groups.names]
        sizes = f"{first} losses at {reached[0]} against {second} at {reached[1]}"
        said.append(f"{at.gain:g} ({sizes}): {sure}")
    if said:
        yield (
            "Properties that differ at other levels of validation MAP@R, in times the untrained "
            f"network's: {'; '.join(said)}."
        )


def _tests_at_equal_retrieval(equal: EqualRetrieval, where: str) -> Iterator[str]:
    if equal.groups is None:
        yield f"{where}, no groups were tested: the losses are not of two."
        return
    first, second = equal.groups.groups.names
    tests = equal.groups.properties
    sure = beyond_doubt(equal.groups.properties)
    still = joined(given_retrieval(equal.groups)) or "none"
    rest = f" Given what is left of the differences in MAP@R: {still}."
    if sure:
        listed = "; ".join(_difference(name, tests[name]) for name in sure)
        yield f"{where}, {first} and {second} losses differ in: {listed}.{rest}"
    else:
        reach = f" {reach_words(equal.groups.reach)}" if equal.groups.reach else ""
        yield (
            f"{where}, no property tells {first} from {second} losses{_smallest(tests)}."
            f"{reach}{rest}"
        )
    yield from _large("Differences at that level", tests)


def _by_family(findings: Findings) -> Iterator[str]:
    """Say what differs when losses that differ in one detail count once."""
    families = findings.families
    if families is None:
        return
    first, second = (len(families.groups.of(name)) for name in families.groups.names)
    equal = findings.equal_map_at_r
    compared = {"at the end": families}
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


def _has_sign(test: GroupTest) -> bool:
    low, high = test.corrected.delta_ci95
    return not low <= 0 <= high


def means_words(test: GroupTest) -> str:
    """Return the means of both groups."""
    means = test.corrected.means.items()
    return ", ".join(f"{group} {number(score, 2)}" for group, score in means)


def _difference(name: str, test: GroupTest) -> str:
    corrected = test.corrected
    delta, p = number(corrected.delta, 2), p_value(corrected.p_holm)
    return f"{name} ({means_words(test)}; delta {delta}, p (Holm) {p}{given_words(test)})"


def given_words(test: GroupTest) -> str:
    """Return the p of a test given MAP@R as the end of a list; empty without it."""
    controlled = test.given_retrieval
    if controlled is None:
        return ""
    p = controlled.p if controlled.p_holm is None else controlled.p_holm
    return f", given MAP@R {p_value(p)}"


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
    groups = findings.groups
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
        yield f"Given MAP@R at the end, {first} and {second} losses differ in: {'; '.join(sure)}."
    else:
        smallest = p_value(min(test.p_holm or 1.0 for test in known.values()))
        yield (
            f"Given MAP@R at the end, no property tells {first} from {second} losses: the smallest "
            f"p (Holm) is {smallest}. That is no evidence that they are equal."
        )


def given_retrieval(groups: GroupComparison) -> list[str]:
    """Return the properties in which the groups differ given MAP@R."""
    return beyond_doubt_given(
        {name: test.given_retrieval for name, test in groups.properties.items()}
    )


def beyond_doubt_given(tests: Mapping[str, RetrievalTest | None]) -> list[str]:
    """Return the names of those of several tests given MAP@R that are beyond doubt."""
    return [
        name
        for name, test in tests.items()
        if test is not None and test.p_holm is not None and test.p_holm < SIGNIFICANCE
    ]
