"""Sentences on two groups of losses at equal MAP@R, and after equal numbers of steps."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import mean

from dmlbench.comparison.group_tests import GroupComparison
from dmlbench.losses import loss_named
from dmlbench.present.group_tables import reach_words, spread_words
from dmlbench.present.group_words import (
    SIGNIFICANCE,
    beyond_doubt,
    beyond_doubt_given,
    difference_words,
    given_retrieval,
    large_words,
    none_words,
    smallest_words,
)
from dmlbench.present.numbers import joined, number, p_value, range_text
from dmlbench.study.findings import EqualRetrieval, Findings


def on_equal_retrieval(findings: Findings) -> Iterator[str]:
    """Yield sentences on both groups at equal MAP@R, around it, and after equal steps."""
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
    where = (
        f"At the highest validation MAP@R that all {len(equal.points)} compared losses reached "
        f"({_levels(equal)}; the models compared are up to {gap} from it, on average {means})"
    )
    yield from _tests_at_equal_retrieval(equal, where)
    if equal.groups is not None and equal.groups.spread is not None:
        yield f"At that level, {spread_words(equal.groups)}{by_family_words(equal.families)}"
    yield from _without_weakest(findings)
    yield from _interpolated(equal)
    yield from _retrieval_of_chosen(equal)
    yield from _at_further_gains(findings)
    yield from _at_equal_steps(findings)
    yield from _after_level(findings)
    if equal.unlearned:
        folds = joined([f"fold {fold}" for fold in equal.unlearned])
        yield (
            f"That level is not above the untrained network's MAP@R ({folds}): a loss that did not "
            "get above it sets the level, so models that hardly learned are compared there."
        )


def by_family_words(families: GroupComparison | None) -> str:
    """Say what the test of spread is with losses that differ in one detail counted once."""
    if families is None or families.spread is None:
        return ""
    return f" With losses that differ in one detail counted once: p {p_value(families.spread.p)}."


def _levels(equal: EqualRetrieval) -> str:
    """Return the levels of all folds, in times the untrained network's MAP@R, and who set them."""
    said = []
    for fold, level in equal.levels.items():
        before = equal.untrained.get(fold)
        times = f", {number(level / before, 1)} times the untrained network's" if before else ""
        loss = equal.set_by.get(fold)
        setter = f", set by {loss_named(loss).title}" if loss else ""
        said.append(f"fold {fold}: {number(level, 4)}{times}{setter}")
    return "; ".join(said)


def weakest_words(equal: EqualRetrieval) -> str:
    """Return the titles of the losses that set the levels."""
    return joined(dict.fromkeys(loss_named(loss).title for loss in equal.set_by.values()))


def _without_weakest(findings: Findings) -> Iterator[str]:
    """Say what differs once the losses that set the level are left out."""
    equal, others = findings.equal_map_at_r, findings.without_weakest
    if equal is None or others is None or others.groups is None:
        return
    tests = others.groups.properties
    sure = joined(beyond_doubt(tests)) or none_words(tests)
    yield (
        f"Without {weakest_words(equal)} the others reach more ({_levels(others)}); properties "
        f"that differ there: {sure}."
        f"{f' There, {spread_words(others.groups)}' if others.groups.spread else ''}"
    )


def _at_equal_steps(findings: Findings) -> Iterator[str]:
    """Say what differs after equal numbers of steps, at which groups can have learned unequally."""
    said = []
    for at in findings.equal_steps:
        reached = joined([f"{group} {number(level, 4)}" for group, level in at.levels.items()])
        differing = beyond_doubt(at.tests)
        listed = "; ".join(difference_words(name, at.tests[name]) for name in differing)
        sure = listed or none_words(at.tests)
        said.append(f"{at.steps} (validation MAP@R on average: {reached}): {sure}")
    if said:
        yield f"Properties that differ after as many steps of every loss: {'; '.join(said)}."


def _after_level(findings: Findings) -> Iterator[str]:
    """Say which properties change differently in the groups once training has passed the level."""
    tests = findings.after_level
    if not tests:
        return
    differing = [difference_words(name, tests[name]) for name in beyond_doubt(tests)]
    yield (
        "Change of properties from the models at that level to those of the best epochs, where it "
        f"differs between the groups: {'; '.join(differing) or none_words(tests)}."
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
        listed = "; ".join(difference_words(name, tests[name]) for name in sure)
        yield f"{where}, {first} and {second} losses differ in: {listed}.{rest}"
    else:
        reach = f" {reach_words(equal.groups.reach)}" if equal.groups.reach else ""
        yield (
            f"{where}, no property tells {first} from {second} losses{smallest_words(tests)}."
            f"{reach}{rest}"
        )
    yield from large_words("Differences at that level", tests)
