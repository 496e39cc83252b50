"""Summarize findings in sentences, each from numbers of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import mean

from dmlbench.compare.group_tests import GroupTest
from dmlbench.losses import loss_named
from dmlbench.present.group_tables import reach_words
from dmlbench.present.numbers import number, p_value, range_text
from dmlbench.scores.registry import MAIN, declared
from dmlbench.study.findings import Findings, mean_ceiling, mean_r, pairs_of

SIGNIFICANCE = 0.05
LARGE_DELTA = 0.474
"""|Cliff's delta| of a large effect. Source: Romano et al. (2006)."""


def findings_in_words(findings: Findings) -> Iterator[str]:
    """Yield sentences on groups, chance, maps, retrieval and training."""
    yield from _between_groups(findings)
    yield from _with_retrieval(findings)
    yield from _above_chance(findings)
    yield from _maps(findings)
    yield from _group_maps(findings)
    yield from _retrieval(findings)
    yield from _training(findings)


def _between_groups(findings: Findings) -> Iterator[str]:
    groups = findings.groups
    if groups is None:
        yield "The losses are not of two groups, so no groups were tested."
        return
    first, second = groups.groups.names
    tests = groups.properties
    sure = [
        name
        for name, test in tests.items()
        if test.corrected.p_holm is not None and test.corrected.p_holm < SIGNIFICANCE
    ]
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
        if name not in sure
        and abs(test.corrected.delta) >= LARGE_DELTA
        and test.corrected.delta_ci95[0] * test.corrected.delta_ci95[1] > 0
    ]
    if large:
        listed = "; ".join(_difference(name, tests[name]) for name in large)
        yield (
            f"Differences that are large and have a sign (|delta| >= {LARGE_DELTA}, its interval "
            f"without 0), but not beyond the doubt of so many tests: {listed}."
        )


def _means(test: GroupTest) -> str:
    means = test.corrected.means.items()
    return ", ".join(f"{group} {number(score, 2)}" for group, score in means)


def _difference(name: str, test: GroupTest) -> str:
    corrected = test.corrected
    delta, p = number(corrected.delta, 2), p_value(corrected.p_holm)
    return f"{name} ({_means(test)}; delta {delta}, p (Holm) {p})"


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
    rhos = [f"{name} {number(rho, 2)}" for name, rho in findings.retrieval_spearman.items()]
    yield (
        f"Retrieval of {label} (MAP@R on average: {_listed(reached)}) goes with NR-Precision "
        f"(Spearman's rho over the losses: {_listed(rhos)}): where rho is far from 0, losses and "
        "groups may differ for no other reason than how far their training got."
    )


def _above_chance(findings: Findings) -> Iterator[str]:
    losses = [loss for loss in findings.losses if loss_named(loss).group != "control"]
    counts = {
        name: sum(
            by_loss[loss].beyond_chance == by_loss[loss].folds and by_loss[loss].mean is not None
            for loss in losses
        )
        for name, by_loss in findings.properties[MAIN.key].items()
    }
    everyone = [name for name, count in counts.items() if count == len(losses)]
    nobody = [name for name, count in counts.items() if not count]
    some = [
        f"{name} ({count} of {len(losses)})"
        for name, count in counts.items()
        if 0 < count < len(losses)
    ]
    parts = [
        f"for all {len(losses)} losses: {_listed(everyone)}" if everyone else "",
        f"for some: {_listed(some)}" if some else "",
        f"for none: {_listed(nobody)}" if nobody else "",
    ]
    yield f"Embeddings cluster by a property beyond chance {'; '.join(filter(None, parts))}."


def _maps(findings: Findings) -> Iterator[str]:
    maps = findings.maps
    if maps is None:
        return
    trained = [loss for loss in findings.losses if loss_named(loss).group != "control"]
    pairs = pairs_of(maps, trained)
    if not pairs:
        return
    yield (
        f"Saliency maps of different losses correlate with r = {number(mean_r(pairs), 2)} on "
        f"average ({range_text(pair.correlation.mean for pair in pairs)} over {len(pairs)} pairs, "
        f"{len(maps.keys)} images); noise alone allows {number(mean_ceiling(pairs), 2)}, maps of "
        f"other images give {range_text(pair.floor.value for pair in pairs)}."
    )
    known = [findings.fold_agreement[loss].r for loss in trained if loss in findings.fold_agreement]
    folds = [r for r in known if r is not None]
    if folds:
        yield (
            f"Maps of one and the same loss trained on other classes (folds) correlate with r from "
            f"{range_text(folds)} over {len(folds)} losses: what lies between that and the "
            "agreement of different losses is what a loss adds."
        )
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


def _group_maps(findings: Findings) -> Iterator[str]:
    groups = findings.groups
    if groups is None or groups.between.r is None:
        return
    within = ", ".join(
        f"{number(agreement.r, 2)} within {name}" for name, agreement in groups.within.items()
    )
    yield f"By group, maps correlate with r = {within}, {number(groups.between.r, 2)} between."
    test = groups.attention_on_car
    if test is not None:
        delta = number(test.corrected.delta, 2)
        yield f"Attention on the car: {_means(test)} (delta {delta})."


def _retrieval(findings: Findings) -> Iterator[str]:
    for label, by_loss in findings.classes.items():
        trained = [loss for loss in findings.losses if loss_named(loss).group != "control"]
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
        yield f"Retrieval of {label} on classes that were not trained on: {scores}{beside}."


def _training(findings: Findings) -> Iterator[str]:
    trained = {
        loss: training
        for loss, training in findings.trainings.items()
        if training.trained is not None
    }
    behind = [loss for loss, training in trained.items() if training.beats < training.folds]
    if behind:
        yield (
            f"Not trained yet, as they do not beat the untrained network's MAP@R on the validation "
            f"classes of every fold: {_listed(behind)}."
        )
    elif trained:
        yield (
            f"All {len(trained)} losses beat the untrained network's MAP@R on the validation "
            "classes of every fold."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
