"""Summarize findings in sentences, each from numbers of a table."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from statistics import mean
from typing import NamedTuple

from dmlbench.comparison.representations import MEASURES
from dmlbench.losses import loss_named, without_controls
from dmlbench.present.condition_tables import training_words
from dmlbench.present.group_words import beyond_doubt, given_words, means_words
from dmlbench.present.numbers import interval, joined, number, p_value, range_text
from dmlbench.present.study_agreement_sentences import (
    on_agreement,
    on_maps,
)
from dmlbench.present.study_group_sentences import on_groups
from dmlbench.results.files import CLASSES
from dmlbench.scores.registry import MAIN, declared
from dmlbench.study.averages import Averaged, mean_or_none
from dmlbench.study.changes import UNTRAINED, apart
from dmlbench.study.conditions import (
    ConditionAtLevel,
    ConditionFindings,
    ConditionRepresentations,
    moved_by_seed,
)
from dmlbench.study.findings import EqualRetrieval, Findings, mean_ceiling, mean_r
from dmlbench.study.representations import mean_value


def findings_in_words(findings: Findings) -> Iterator[str]:
    """Yield all sentences."""
    for topic in TOPICS.values():
        yield from topic.sentences(findings)


def _on_learning(findings: Findings) -> Iterator[str]:
    yield from _left_out(findings)
    yield from _retrieval(findings)
    yield from _training(findings)


def _on_training(findings: Findings) -> Iterator[str]:
    yield from _changes(findings)
    yield from _above_chance(findings)


def _conditions(findings: Findings) -> Iterator[str]:
    """Say how much each condition changes, beside the difference between the groups."""
    groups = findings.groups
    for name, condition in findings.conditions.items():
        # The class changes with how far training gets, and by more than all others together.
        changes = {
            key: [change.value for change in by_loss.values()]
            for key, by_loss in condition.changes.items()
            if key not in CLASSES
        }
        if not changes:
            continue
        # Changes of single losses, as those of chance cancel in their mean.
        sizes = {key: mean(map(abs, values)) for key, values in changes.items()}
        together = mean(abs(mean(values)) for values in changes.values())
        largest = max(sizes, key=lambda key: sizes[key])
        losses = {loss for by_loss in condition.changes.values() for loss in by_loss}
        maps = condition.maps
        agreement = ""
        if maps is not None:
            pairs = [pair for by_fold in maps.pairs.values() for pair in by_fold.values()]
            ceiling = mean_ceiling(pairs)
            noise = "" if ceiling is None else f" (noise alone allows {number(ceiling, 2)})"
            agreement = (
                f" Its maps correlate with those of the same losses in the study with r = "
                f"{number(mean_r(pairs), 2)}{noise}."
            )
        embedded = condition.representations
        if embedded is not None:
            again = [pair for by_fold in embedded.pairs.values() for pair in by_fold.values()]
            measured = [
                f"{title} {number(mean_value(again, measure), 2)}"
                for measure, title in MEASURES.items()
            ]
            agreement += f" Its embeddings beside theirs: {joined(measured)}."
            agreement += _beside_groups(embedded)
        beside = ""
        if groups is not None:
            means = [
                test.corrected.means.values()
                for key, test in groups.properties.items()
                if key in changes
            ]
            between = mean(max(of_groups) - min(of_groups) for of_groups in means)
            first, second = groups.groups.names
            beside = f", where means of {first} and {second} losses differ by {number(between, 2)}"
        most = f"most of {largest} ({number(sizes[largest], 2)})"
        yield (
            f"Condition '{name}' ({training_words(condition)}) changes {MAIN.title} of a loss, up "
            f"or down, by {number(mean(sizes.values()), 2)} on average over {len(sizes)} "
            f"properties other than the class and {len(losses)} losses, {most}, and the mean of "
            f"these losses by {number(together, 2)}{beside}.{agreement}"
            f"{_at_level(findings, condition)}"
        )


def _beside_groups(embedded: ConditionRepresentations) -> str:
    """Say how alike a condition's embeddings are to the other losses of each group."""
    said = []
    for measure, title in MEASURES.items():
        of_groups = [
            f"{group} {number(usual, 2)} and {number(changed, 2)}"
            for group, (usual, changed) in embedded.group_means(measure).items()
        ]
        said.append(f"{title} {joined(of_groups)}")
    return (
        " Beside the other losses of each group as the study trains them, these losses are alike, "
        f"as the study trains them and here, by: {'; '.join(said)}."
    )


def _at_level(findings: Findings, condition: ConditionFindings) -> str:
    """Say where the losses of a condition lie at equal MAP@R in what differs between the groups."""
    equal, at = findings.equal_map_at_r, condition.at_level
    if at is None or equal is None:
        return ""
    left_out = ""
    if at.left_out:
        listed = joined([f"{loss} {number(level, 4)}" for loss, level in at.left_out.items()])
        left_out = (
            " Not compared at equal MAP@R, as no checkpoint is as near to the level as those of "
            f"the study, or the study does not compare the loss there: {listed}."
        )
    if not at.points:
        return left_out
    left_out = f"{_moves(findings, condition, at)}{left_out}"
    differing = beyond_doubt(equal.groups.properties) if equal.groups else []
    if not differing:
        return left_out
    if at.other_group is None or condition.is_replicate:
        moves = joined([f"{name} {number(at.move(name), 2)}" for name in differing])
        return (
            " At equal MAP@R, in what differs between the groups there, it moves a loss up or down "
            f"by: {moves}.{left_out}"
        )
    said = "; ".join(_distance(findings, at, name) for name in differing)
    return (
        " At equal MAP@R, in what differs between the groups there, these losses are so far from "
        f"the mean of the {at.other_group} losses of these folds: {said}.{left_out}"
    )


def _moves(findings: Findings, condition: ConditionFindings, at: ConditionAtLevel) -> str:
    """Say how far a condition moves its losses at equal MAP@R, and whether past the other group."""
    equal = findings.equal_map_at_r
    names = [name for name in at.scores if name not in CLASSES]
    moved = mean_or_none([at.move(name) for name in names])
    if moved is None or equal is None:
        return ""
    beside = ""
    seeds = [moved_by_seed(findings.conditions.values(), name) for name in names]
    by_seed = None if condition.is_replicate else mean_or_none(seeds)
    if by_seed is not None:
        beside += f" (another seed by {number(by_seed, 2)})"
    tests = equal.groups.properties if equal.groups else {}
    means = [tests[name].corrected.means.values() for name in names if name in tests]
    if means:
        between = mean(max(of_groups) - min(of_groups) for of_groups in means)
        alike = [gap for name in names if name in tests for gap in _gaps_within_groups(equal, name)]
        beside += (
            f", where the means of the groups differ by {number(between, 2)} and two losses of one "
            f"group by {number(mean(alike) if alike else None, 2)}"
        )
    past = ""
    if at.other_group is not None and not condition.is_replicate:
        count = sum(at.passes(name) for name in names)
        past = (
            f", and the mean of these losses past that of the {at.other_group} losses in {count} "
            f"of {len(names)}"
        )
    return (
        f" At equal MAP@R it moves a loss, up or down, by {number(moved, 2)} on average over these "
        f"properties{beside}{past}."
    )


def _gaps_within_groups(equal: EqualRetrieval, name: str) -> list[float]:
    """Return by how much every two losses of one group differ in a property at equal MAP@R."""
    assert equal.groups is not None
    values = equal.groups.properties[name].corrected.values
    of_groups = [
        [values[unit.name] for unit in equal.groups.groups.of(group) if unit.name in values]
        for group in equal.groups.groups.names
    ]
    return [abs(a - b) for of in of_groups for a, b in itertools.combinations(of, 2)]


def _distance(findings: Findings, at: ConditionAtLevel, name: str) -> str:
    """Say how far losses are from the other group in a property, and what follows."""
    distances = at.distances(name)
    if distances is None:
        return f"{name} not known"
    by_seed = moved_by_seed(findings.conditions.values(), name)
    beside = "" if by_seed is None else f"; another seed moves a loss by {number(by_seed, 2)}"
    verdict = {
        None: "",
        True: ", nearer by more than another seed moves a loss",
        False: ", not nearer by more than that",
    }
    return (
        f"{name} {number(distances.usual, 2)} as the study trains them and "
        f"{number(distances.changed, 2)} here (nearer: {distances.nearer} of {distances.losses} "
        f"losses{beside}){verdict[distances.exceeds_seed(by_seed)]}"
    )


def _changes(findings: Findings) -> Iterator[str]:
    """Say which properties change with training, by intervals of every loss."""
    losses = without_controls(findings.losses)
    parts: dict[str, list[str]] = {"higher": [], "lower": [], "some": [], "none": []}
    for name, (higher, lower) in changed(findings).items():
        if losses and len(losses) in (higher, lower):
            parts["higher" if higher else "lower"].append(name)
        elif higher or lower:
            parts["some"].append(f"{name} (higher {higher}, lower {lower} of {len(losses)})")
        elif any(change.ci95 for change in findings.changes[name].values()):
            parts["none"].append(name)
    said = [
        f"higher for every loss: {joined(parts['higher'])}" if parts["higher"] else "",
        f"lower for every loss: {joined(parts['lower'])}" if parts["lower"] else "",
        f"for some: {joined(parts['some'])}" if parts["some"] else "",
        f"for none: {joined(parts['none'])}" if parts["none"] else "",
    ]
    if any(said):
        yield (
            f"{MAIN.title} against the untrained network's, where the paired 95 % interval of a "
            f"loss excludes 0: {'; '.join(filter(None, said))}."
        )


def changed(findings: Findings) -> dict[str, tuple[int, int]]:
    """Return by property how many losses lie above the untrained network, and how many below."""
    return {name: apart(by_loss.values()) for name, by_loss in findings.changes.items()}


def _above_chance(findings: Findings) -> Iterator[str]:
    losses, counts = without_controls(findings.losses), beyond_chance(findings)
    everyone = [name for name, count in counts.items() if count == len(losses)]
    nobody = [name for name, count in counts.items() if not count]
    some = [
        f"{name} ({count} of {len(losses)})"
        for name, count in counts.items()
        if 0 < count < len(losses)
    ]
    parts = [
        f"for all {len(losses)} losses: {joined(everyone)}" if everyone else "",
        f"for some: {joined(some)}" if some else "",
        f"for none: {joined(nobody)}" if nobody else "",
    ]
    yield f"Embeddings cluster by a property beyond chance {'; '.join(filter(None, parts))}."


def beyond_chance(findings: Findings) -> dict[str, int]:
    """Return the number of trained losses beyond chance in every fold, by property."""
    return {
        name: sum(
            by_loss[loss].beyond_chance == by_loss[loss].folds and by_loss[loss].mean is not None
            for loss in without_controls(findings.losses)
        )
        for name, by_loss in findings.properties[MAIN.key].items()
    }


def _interventions(findings: Findings) -> Iterator[str]:
    """Say how far embeddings move when one group of factors alone is changed."""
    if not findings.interventions:
        return
    trained = without_controls(findings.losses)
    digits = declared("sensitivity").digits
    said = []
    for group, of_group in findings.interventions.items():
        reached = range_text((of_group.sensitivity[loss].mean for loss in trained), digits)
        untrained = of_group.sensitivity.get(UNTRAINED)
        before = "" if untrained is None else f"untrained {number(untrained.mean, digits)}; "
        higher, lower = apart(of_group.changes.values())
        said.append(
            f"{group} {reached} ({before}with training higher for {higher}, lower for {lower} of "
            f"{len(trained)} losses by their paired intervals)"
        )
    yield (
        "Changing one group of factors alone moves an embedding, as a share of the distance to "
        "another car in another scene that shares the values of that group, by: "
        f"{'; '.join(said)}."
    )
    tests = {group: each.test for group, each in findings.interventions.items()}
    known = {group: test for group, test in tests.items() if test is not None}
    if not known or findings.groups is None:
        return
    first, second = findings.groups.groups.names
    sure = [
        f"{group} ({means_words(known[group])}{given_words(known[group])})"
        for group in beyond_doubt(known)
    ]
    if sure:
        yield f"In sensitivity, {first} and {second} losses differ for: {'; '.join(sure)}."
    else:
        smallest = p_value(min(test.corrected.p_holm or 1.0 for test in known.values()))
        yield (
            f"In sensitivity, {first} and {second} losses differ for no group of factors beyond "
            f"doubt: the smallest p (Holm) is {smallest}."
        )


def _retrieval(findings: Findings) -> Iterator[str]:
    for label, by_loss in findings.classes.items():
        trained = without_controls(findings.losses)
        shown = [
            f"{score.short} "
            f"{range_text((by_loss[loss][score.key].mean for loss in trained), score.digits)}"
            for score in map(declared, ("precision_at_1", "map_at_r"))
        ]
        controls = [
            f"{loss} {number(by_loss[loss]['map_at_r'].mean, 3)}"
            for loss in findings.losses
            if loss not in trained
        ]
        beside = f" (controls, MAP@R: {', '.join(controls)})" if controls else ""
        scores = ", ".join(shown)
        times = _times_untrained(by_loss)
        yield f"Retrieval of {label} on classes that were not trained on: {scores}{beside}.{times}"


def _times_untrained(by_loss: Mapping[str, Mapping[str, Averaged]]) -> str:
    """Say how many times the untrained network's MAP@R the best loss of each group reaches."""
    levels = {loss: scores["map_at_r"].mean for loss, scores in by_loss.items()}
    before = levels.get(UNTRAINED)
    if not before:
        return ""
    best: dict[str, str] = {}
    for loss in without_controls(levels):
        group = loss_named(loss).group
        if (levels[loss] or 0.0) > (levels.get(best.get(group, "")) or 0.0):
            best[group] = loss
    said = [
        f"{loss_named(loss).title} of {group} {number((levels[loss] or 0.0) / before, 1)}"
        for group, loss in best.items()
    ]
    return f" The best loss of each group, in times the untrained network: {joined(said)}."


def _left_out(findings: Findings) -> Iterator[str]:
    if findings.diverged:
        yield (
            f"Left out, as training diverged: {joined(findings.diverged)}. A loss of the study is "
            "left out of all comparisons with all its folds, a condition lacks the model alone."
        )
    if findings.left_out:
        listed = joined(
            [
                f"{loss} {number(change.value, 4)} [{interval(change.ci95, 4)}]"
                for loss, change in findings.left_out.items()
            ]
        )
        yield (
            "Left out of all comparisons, as MAP@R on classes that were not trained on is not "
            f"above the untrained network's by its paired 95 % interval: {listed}."
        )


def _training(findings: Findings) -> Iterator[str]:
    trained = {
        loss: training
        for loss, training in findings.trainings.items()
        if training.trained is not None
    }
    behind = [loss for loss, training in trained.items() if training.beats < training.folds]
    if behind:
        yield (
            f"Not above the untrained network's MAP@R on the validation classes of every fold: "
            f"{joined(behind)}."
        )
    elif trained:
        yield (
            f"All {len(trained)} losses are above the untrained network's MAP@R on the validation "
            "classes of every fold."
        )


class Topic(NamedTuple):
    """A question that a study answers, and what yields the sentences of its answer."""

    question: str
    sentences: Callable[[Findings], Iterator[str]]


TOPICS = {
    "learning": Topic("Have the models learned?", _on_learning),
    "groups": Topic("Do two groups of losses lead to different properties?", on_groups),
    "training": Topic("What does training change?", _on_training),
    "interventions": Topic("What does changing one group of factors do?", _interventions),
    "maps": Topic("Do losses look at the same pixels?", on_maps),
    "agreement": Topic("Do losses agree less than one loss with itself?", on_agreement),
    "conditions": Topic("What else changes the features?", _conditions),
}
"""The questions by key, in the order of a page."""
