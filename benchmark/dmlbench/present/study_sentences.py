"""Summarize findings in sentences, each from numbers of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import mean
from typing import NamedTuple

from dmlbench.comparison.comparison import Pair
from dmlbench.comparison.group_tests import MAPS, GroupAgreement, GroupComparison, GroupTest
from dmlbench.comparison.representations import MEASURES
from dmlbench.losses import loss_named, without_controls
from dmlbench.present.condition_tables import training_words
from dmlbench.present.group_tables import reach_words, relabeling_words
from dmlbench.present.numbers import interval, number, p_value, range_text
from dmlbench.scores.registry import MAIN, declared
from dmlbench.study.averages import Averaged
from dmlbench.study.changes import UNTRAINED, Change
from dmlbench.study.findings import Findings, MapComparison, mean_ceiling, mean_r, pairs_of
from dmlbench.study.representations import mean_value

SIGNIFICANCE = 0.05
LARGE_DELTA = 0.474
"""|Cliff's delta| of a large effect. Source: Romano et al. (2006)."""


def findings_in_words(findings: Findings) -> Iterator[str]:
    """Yield all sentences."""
    for topic in TOPICS.values():
        yield from topic.sentences(findings)


def _on_learning(findings: Findings) -> Iterator[str]:
    yield from _left_out(findings)
    yield from _retrieval(findings)
    yield from _training(findings)


def _on_groups(findings: Findings) -> Iterator[str]:
    yield from _between_groups(findings)
    yield from _given_retrieval(findings)
    yield from _at_equal_retrieval(findings)
    yield from _with_retrieval(findings)


def _on_training(findings: Findings) -> Iterator[str]:
    yield from _changes(findings)
    yield from _above_chance(findings)


def _on_agreement(findings: Findings) -> Iterator[str]:
    if folds := fold_correlations(findings):
        yield (
            f"Maps of one and the same loss trained on other classes (folds) correlate with r from "
            f"{range_text(folds)} over {len(folds)} losses."
        )
    yield from _representations(findings)


def _on_maps(findings: Findings) -> Iterator[str]:
    yield from _maps(findings)
    yield from _other_maps(findings)
    yield from _group_maps(findings)


def _between_groups(findings: Findings) -> Iterator[str]:
    groups = findings.groups
    if groups is None:
        yield "The losses are not of two groups, so no groups were tested."
        return
    first, second = groups.groups.names
    tests = groups.properties
    sure = differing(groups)
    if sure:
        listed = "; ".join(_difference(name, tests[name]) for name in sure)
        yield f"Properties that {first} and {second} losses cluster by differently: {listed}."
    else:
        reach = f" {reach_words(groups.reach)}" if groups.reach else ""
        yield (
            f"No property tells {first} from {second} losses once the number of properties is "
            f"accounted for (p (Holm) < {SIGNIFICANCE}).{reach}"
        )
    large = [
        name
        for name, test in tests.items()
        if name not in sure and abs(test.corrected.delta) >= LARGE_DELTA and _has_sign(test)
    ]
    if large:
        listed = "; ".join(_difference(name, tests[name]) for name in large)
        yield (
            f"Differences that are large and have a sign (|delta| >= {LARGE_DELTA}, its interval "
            f"without 0), but not beyond the doubt of so many tests: {listed}."
        )


def differing(groups: GroupComparison) -> list[str]:
    """Return the properties in which the groups differ, beyond the doubt of so many tests."""
    return beyond_doubt(groups.properties)


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
        return
    gap = number(max(map(equal.gap, equal.points)), 4)
    levels = (
        range_text(equal.levels.values(), 4)
        if len(equal.levels) > 1
        else number(next(iter(equal.levels.values())), 4)
    )
    where = (
        f"At the highest validation MAP@R that all losses reached ({levels}; the models compared "
        f"are up to {gap} from it)"
    )
    if equal.groups is None:
        yield f"{where}, no groups were tested: the losses are not of two."
        return
    first, second = equal.groups.groups.names
    tests = equal.groups.properties
    sure = differing(equal.groups)
    if sure:
        listed = "; ".join(f"{name} ({_means(tests[name])})" for name in sure)
        yield f"{where}, {first} and {second} losses differ in: {listed}."
    else:
        reach = f" {reach_words(equal.groups.reach)}" if equal.groups.reach else ""
        yield f"{where}, no property tells {first} from {second} losses.{reach}"
    if equal.unlearned:
        folds = joined([f"fold {fold}" for fold in equal.unlearned])
        yield (
            f"That level is not above the untrained network's MAP@R ({folds}): a loss that did not "
            "get above it sets the level, so models that hardly learned are compared there."
        )


def _has_sign(test: GroupTest) -> bool:
    low, high = test.corrected.delta_ci95
    return not low <= 0 <= high


def _means(test: GroupTest) -> str:
    means = test.corrected.means.items()
    return ", ".join(f"{group} {number(score, 2)}" for group, score in means)


def _difference(name: str, test: GroupTest) -> str:
    corrected = test.corrected
    delta, p = number(corrected.delta, 2), p_value(corrected.p_holm)
    return f"{name} ({_means(test)}; delta {delta}, p (Holm) {p}{_given(test)})"


def _given(test: GroupTest) -> str:
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
        yield f"Given MAP@R, {first} and {second} losses differ in: {'; '.join(sure)}."
    else:
        smallest = p_value(min(test.p_holm or 1.0 for test in known.values()))
        yield (
            f"Given MAP@R, no property tells {first} from {second} losses: the smallest p (Holm) "
            f"is {smallest}. That is no evidence that they are equal."
        )


def given_retrieval(groups: GroupComparison) -> list[str]:
    """Return the properties in which the groups differ given MAP@R."""
    tests = {name: test.given_retrieval for name, test in groups.properties.items()}
    return [
        name
        for name, test in tests.items()
        if test is not None and test.p_holm is not None and test.p_holm < SIGNIFICANCE
    ]


def _conditions(findings: Findings) -> Iterator[str]:
    """Say how much each condition changes, beside the difference between the groups."""
    groups = findings.groups
    for name, condition in findings.conditions.items():
        sizes = {
            key: abs(mean(change.value for change in by_loss.values()))
            for key, by_loss in condition.changes.items()
        }
        if not sizes:
            continue
        largest = max(sizes, key=lambda key: sizes[key])
        losses = {loss for by_loss in condition.changes.values() for loss in by_loss}
        maps = condition.maps
        agreement = ""
        if maps is not None:
            pairs = [pair for by_fold in maps.pairs.values() for pair in by_fold.values()]
            agreement = (
                f" Its maps correlate with those of the same losses in the study with r = "
                f"{number(mean_r(pairs), 2)} (noise alone allows {number(mean_ceiling(pairs), 2)})."
            )
        embedded = condition.representations
        if embedded is not None:
            again = [pair for by_fold in embedded.pairs.values() for pair in by_fold.values()]
            measured = [
                f"{title} {number(mean_value(again, measure), 2)}"
                for measure, title in MEASURES.items()
            ]
            agreement += f" Its embeddings beside theirs: {joined(measured)}."
        beside = ""
        if groups is not None:
            means = [test.corrected.means.values() for test in groups.properties.values()]
            between = mean(max(of_groups) - min(of_groups) for of_groups in means)
            first, second = groups.groups.names
            beside = f", where means of {first} and {second} losses differ by {number(between, 2)}"
        most = f"most of {largest} ({number(sizes[largest], 2)})"
        yield (
            f"Condition '{name}' ({training_words(condition)}) changes the mean {MAIN.title} of "
            f"{len(losses)} losses, up or down, by {number(mean(sizes.values()), 2)} on average "
            f"over the properties{beside}; {most}.{agreement}"
        )


def _changes(findings: Findings) -> Iterator[str]:
    """Say which properties change with training, by intervals of every loss."""
    losses = without_controls(findings.losses)
    parts: dict[str, list[str]] = {"higher": [], "lower": [], "neither": []}
    for name, (higher, lower) in changed(findings).items():
        if losses and len(losses) in (higher, lower):
            parts["higher" if higher else "lower"].append(name)
        elif any(change.ci95 for change in findings.changes[name].values()):
            parts["neither"].append(f"{name} (higher {higher}, lower {lower} of {len(losses)})")
    said = [
        f"higher for every loss: {joined(parts['higher'])}" if parts["higher"] else "",
        f"lower for every loss: {joined(parts['lower'])}" if parts["lower"] else "",
        f"for some: {joined(parts['neither'])}" if parts["neither"] else "",
    ]
    if any(said):
        yield (
            f"{MAIN.title} against the untrained network's, where the paired 95 % interval of a "
            f"loss excludes 0: {'; '.join(filter(None, said))}."
        )


def changed(findings: Findings) -> dict[str, tuple[int, int]]:
    """Return by property how many losses lie above the untrained network, and how many below."""
    return {name: apart(by_loss.values()) for name, by_loss in findings.changes.items()}


def apart(changes: Iterable[Change]) -> tuple[int, int]:
    """Return how many changes are above 0 by their intervals, and how many below."""
    intervals = [change.ci95 for change in changes if change.ci95 is not None]
    return sum(low > 0 for low, _ in intervals), sum(high < 0 for _, high in intervals)


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
        f"another car in the same setting, by: {'; '.join(said)}."
    )
    tests = {group: each.test for group, each in findings.interventions.items()}
    known = {group: test for group, test in tests.items() if test is not None}
    if not known or findings.groups is None:
        return
    first, second = findings.groups.groups.names
    sure = [f"{group} ({_means(known[group])})" for group in beyond_doubt(known)]
    if sure:
        yield f"In sensitivity, {first} and {second} losses differ for: {'; '.join(sure)}."
    else:
        smallest = p_value(min(test.corrected.p_holm or 1.0 for test in known.values()))
        yield (
            f"In sensitivity, {first} and {second} losses differ for no group of factors beyond "
            f"doubt: the smallest p (Holm) is {smallest}."
        )


def _maps(findings: Findings) -> Iterator[str]:
    maps = findings.maps
    if maps is None:
        return
    trained = without_controls(findings.losses)
    pairs = pairs_of(maps, trained)
    if not pairs:
        return
    yield f"Saliency maps of different losses {_correlate(maps, pairs)}"
    for control in (loss for loss in findings.losses if loss not in trained):
        with_it = [
            pair
            for pair in pairs_of(maps, [*trained, control])
            if control in {maps.names[pair.a][0], maps.names[pair.b][0]}
        ]
        if with_it:
            yield (
                f"Maps of the trained losses correlate with those of the control '{control}' with "
                f"r = {number(mean_r(with_it), 2)} on average."
            )


def fold_correlations(findings: Findings) -> list[float]:
    """Return how maps of each trained loss correlate with those of itself on other folds."""
    trained = without_controls(findings.losses)
    agreements = [each for loss, each in findings.fold_agreement.items() if loss in trained]
    return [each.r for each in agreements if each.r is not None]


def _other_maps(findings: Findings) -> Iterator[str]:
    trained = without_controls(findings.losses)
    for method, maps in findings.other_maps.items():
        pairs = pairs_of(maps, trained)
        if pairs:
            yield f"Maps by {method} of different losses {_correlate(maps, pairs)}"


def _correlate(maps: MapComparison, pairs: Sequence[Pair]) -> str:
    """Return how the maps of pairs correlate, between what bounds, as the end of a sentence."""
    ceiling = mean_ceiling(pairs)
    noise = "" if ceiling is None else f"noise alone allows {number(ceiling, 2)}, "
    return (
        f"correlate with r = {number(mean_r(pairs), 2)} on average "
        f"({range_text(pair.correlation.mean for pair in pairs)} over {len(pairs)} pairs, "
        f"{len(maps.keys)} images); {noise}maps of other images give "
        f"{range_text(pair.floor.value for pair in pairs)}."
    )


def _representations(findings: Findings) -> Iterator[str]:
    compared = findings.representations
    if compared is None:
        return
    trained = without_controls(findings.losses)
    said = []
    for measure, title in MEASURES.items():
        others, folds = (
            [mean_value(of(loss), measure) for loss in trained]
            for of in (compared.with_other_losses, compared.with_other_folds)
        )
        beside = f" (other folds {range_text(folds)})" if any(folds) else ""
        said.append(f"{title} {range_text(others)}{beside}")
    yield (
        "Embeddings of a loss beside those of other losses trained on the same classes, and beside "
        f"its own trained on other classes: {'; '.join(said)}."
    )


def _group_maps(findings: Findings) -> Iterator[str]:
    groups = findings.groups
    maps = groups.agreements.get(MAPS) if groups else None
    if groups is None or maps is None or maps.between.mean is None:
        return
    tested = f" {relabeling_words(maps.relabeling)}" if maps.relabeling else ""
    yield f"By group, maps correlate with r = {agreement_words(maps)}.{tested}"
    test = groups.attention_on_car
    if test is not None:
        corrected = test.corrected
        yield (
            f"Attention on the car: {_means(test)} (delta {number(corrected.delta, 2)}, 95 % "
            f"interval {interval(corrected.delta_ci95, 2)}, p {p_value(corrected.p)}"
            f"{_given(test)})."
        )


def agreement_words(agreement: GroupAgreement) -> str:
    """Return how alike models are within each group and between the groups."""
    within = ", ".join(
        f"{number(each.mean, 2)} within {name}" for name, each in agreement.within.items()
    )
    return f"{within}, {number(agreement.between.mean, 2)} between"


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


def joined(names: Sequence[str]) -> str:
    """Return names with commas between them."""
    return ", ".join(names)


class Topic(NamedTuple):
    """A question that a study answers, and what yields the sentences of its answer."""

    question: str
    sentences: Callable[[Findings], Iterator[str]]


TOPICS = {
    "learning": Topic("Have the models learned?", _on_learning),
    "groups": Topic("Do two groups of losses lead to different properties?", _on_groups),
    "training": Topic("What does training change?", _on_training),
    "interventions": Topic("What does changing one group of factors do?", _interventions),
    "maps": Topic("Do losses look at the same pixels?", _on_maps),
    "agreement": Topic("Do losses agree less than one loss with itself?", _on_agreement),
    "conditions": Topic("What else changes the features?", _conditions),
}
"""The questions by key, in the order of a page."""
