"""Sentences on how far models agree, in maps and in embeddings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from statistics import mean
from typing import TypeGuard

from dmlbench.comparison.comparison import Pair
from dmlbench.comparison.group_tests import MAPS, MAPS_GIVEN_UNTRAINED, GroupAgreement
from dmlbench.comparison.representations import MEASURES
from dmlbench.losses import loss_named, without_controls
from dmlbench.maps import summarize_correlations
from dmlbench.present.group_tables import agreement_title, relabeling_words
from dmlbench.present.group_words import given_words, means_words
from dmlbench.present.numbers import interval, number, p_value, range_text
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.findings import (
    Findings,
    MapComparison,
    correlations_elsewhere,
    correlations_of_losses,
    mean_ceiling,
    mean_r,
    pairs_of,
)
from dmlbench.study.representations import mean_value

NOT_KNOWN = (-math.inf, math.inf)
"""The interval of a score that has none."""


def on_maps(findings: Findings) -> Iterator[str]:
    """Yield sentences on the maps of different losses."""
    yield from _maps(findings)
    yield from _faithful(findings)
    yield from _given_untrained(findings)
    yield from _other_maps(findings)
    yield from _group_maps(findings)


def _given_untrained(findings: Findings) -> Iterator[str]:
    partial = findings.maps_given_untrained
    if partial is None:
        return
    known = [partial_r for _, _, partial_r, _ in partial.pairs if partial_r is not None]
    ceilings = [ceiling for *_, ceiling in partial.pairs if ceiling is not None]
    noise = (
        "; the noise of its maps is accounted for, that of the losses' maps allows "
        f"{number(summarize_correlations(ceilings).mean, 2)} ({range_text(ceilings)})"
        if ceilings
        else ""
    )
    yield (
        "Given the maps of the untrained network, maps of different losses correlate with partial "
        f"r = {number(summarize_correlations(known).mean, 2)} on average "
        f"({range_text(known)}){noise}."
        f"{_by_group(findings, MAPS_GIVEN_UNTRAINED)}"
    )


def on_agreement(findings: Findings) -> Iterator[str]:
    """Yield sentences on a loss beside others and beside itself."""
    if folds := fold_correlations(findings):
        beside = list(correlations_of_losses(findings).values())
        yield (
            "Maps of one and the same loss trained on another fold correlate with r = "
            f"{number(summarize_correlations(folds).mean, 2)} on average ({range_text(folds)} over "
            f"{len(folds)} losses), those of different losses of one fold on the same images with "
            f"{number(summarize_correlations(beside).mean, 2)} ({range_text(beside)})"
            f"{_elsewhere(findings)}."
        )
    yield from _representations(findings)
    yield from _group_embeddings(findings)
    yield from _given_rates(findings)


def _given_rates(findings: Findings) -> Iterator[str]:
    """Say how much agreement within groups the learning rates of the losses leave."""
    said = [
        f"{agreement_title(measure)} {number(test.difference, 3)} (p {p_value(test.p)})"
        for measure, test in findings.agreements_given_rates.items()
    ]
    if said:
        yield (
            "With the difference of two losses in the logarithm of the network's learning rate "
            "regressed out, losses agree more within their group than between groups, beyond what "
            f"a loss agrees with all others, by: {'; '.join(said)}."
        )


def _elsewhere(findings: Findings) -> str:
    """Return how maps correlate that have neither loss nor fold in common, and for how many losses
    their own of another fold are nearer than those of others.
    """
    elsewhere = list(correlations_elsewhere(findings).values())
    if not elsewhere:
        return ""
    agreements = [findings.fold_agreement[loss] for loss in without_controls(findings.losses)]
    near = sum(_is_above(each.r, each.others.values()) for each in agreements)
    of_group = sum(
        _is_above(
            each.r,
            [
                r
                for other, r in each.others.items()
                if loss_named(other).group == loss_named(loss).group
            ],
        )
        for loss, each in findings.fold_agreement.items()
        if each in agreements
    )
    far = sum(_is_above(each.r, each.elsewhere.values()) for each in agreements)
    return (
        ", those of different losses of different folds with "
        f"{number(summarize_correlations(elsewhere).mean, 2)} ({range_text(elsewhere)}); a loss's "
        "own maps of another fold are nearer than those of other losses are on average for "
        f"{near} of {len(agreements)} losses (others of the same fold; {of_group} if these are of "
        f"its group) and {far} (others of another fold)"
    )


def _is_above(r: float | None, others: Iterable[float | None]) -> bool:
    """Return whether a correlation is above the mean of others, in Fisher-z."""
    mean_of_others = summarize_correlations([other for other in others if other is not None]).mean
    return r is not None and mean_of_others is not None and r > mean_of_others


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
                f"Maps of the trained losses correlate with those of the control "
                f"{loss_named(control).title} with r = {number(mean_r(with_it), 2)} on average."
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
            yield (
                f"Maps by {method} of different losses {_correlate(maps, pairs)}"
                f"{_by_group(findings, method)}"
            )


def _by_group(findings: Findings, measure: str) -> str:
    """Say how models agree within and between groups by a measure, if there is anything to say."""
    measured = findings.groups.agreements.get(measure) if findings.groups else None
    if not _has_pairs(measured):
        return ""
    tested = f" {relabeling_words(measured.relabeling)}" if measured.relabeling else ""
    return f" By group: {agreement_words(measured)}.{tested}"


def _faithful(findings: Findings) -> Iterator[str]:
    """Say for how many losses the maps show what the model does."""
    checked = findings.maps.faithfulness if findings.maps else {}
    trained = set(without_controls(findings.losses))
    of_losses = [
        faithfulness
        for model, faithfulness in checked.items()
        if findings.maps and findings.maps.names[model][0] in trained
    ]
    if not of_losses:
        return
    deleted = sum((each.deletion.ci95 or NOT_KNOWN)[0] > 0 for each in of_losses)
    inserted = sum((each.insertion.ci95 or NOT_KNOWN)[1] < 0 for each in of_losses)
    last = [each.stages[-1] for each in of_losses if each.stages]
    after = [stage.correlation.value for stage in last if stage.correlation.value is not None]
    floors = [stage.floor for stage in last if stage.floor is not None]
    random = ""
    if after and floors:
        random = (
            " With random weights in all layers, maps correlate with those of the trained network "
            f"with {range_text(after)}, its maps of other images with {range_text(floors)}."
        )
    yield (
        "By their intervals, maps are better than a random order of the pixels by deletion for "
        f"{deleted} of {len(of_losses)} losses and by insertion for {inserted}.{random}"
    )


def _correlate(maps: MapComparison, pairs: Sequence[Pair]) -> str:
    """Return how the maps of pairs correlate, between what bounds, as the end of a sentence."""
    ceiling = mean_ceiling(pairs)
    noise = "" if ceiling is None else f"noise alone allows {number(ceiling, 2)}, "
    return (
        f"correlate with r = {number(mean_r(pairs), 2)} on average "
        f"({range_text(pair.correlation.mean for pair in pairs)} over {len(pairs)} pairs, "
        f"fold {maps.names[pairs[0].a][1]}, {len(maps.keys)} images); {noise}maps of other images "
        f"give {range_text(pair.floor.value for pair in pairs)}."
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
        before = [mean_value(compared.with_control(loss, UNTRAINED), measure) for loss in trained]
        away = [mean_value(compared.with_others_elsewhere(loss), measure) for loss in trained]
        beside = {
            "itself of another fold": folds,
            "other losses of another fold": away,
            "the untrained network": before,
        }
        more = [f", {what} {_mean_and_range(values)}" for what, values in beside.items()]
        said.append(f"{title} {_mean_and_range(others)}{''.join(more)}")
    yield (
        "How alike the embeddings of a loss are to those of other losses of the same fold, on "
        f"average (and by loss): {'; '.join(said)}."
    )


def _mean_and_range(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{number(mean(known), 2)} ({range_text(known)})" if known else "-"


def _group_embeddings(findings: Findings) -> Iterator[str]:
    """Say whether embeddings are more alike within the groups than between them."""
    groups = findings.groups
    said = []
    for measure, title in MEASURES.items():
        agreement = groups.agreements.get(measure) if groups else None
        if agreement is None or agreement.relabeling is None:
            continue
        test = agreement.relabeling
        p_given_retrieval = test.p_given_retrieval
        controlled = (
            "" if p_given_retrieval is None else f", given MAP@R {p_value(p_given_retrieval)}"
        )
        said.append(
            f"{title} {agreement_words(agreement)} ({number(test.difference, 3)} more within, "
            f"p {p_value(test.p)}{controlled})"
        )
    if said:
        yield (
            "By group, embeddings are alike by: "
            f"{'; '.join(said)}. Differences are beyond what a loss agrees with all others."
        )


def _group_maps(findings: Findings) -> Iterator[str]:
    groups = findings.groups
    maps = groups.agreements.get(MAPS) if groups else None
    if groups is None or maps is None:
        return
    if _has_pairs(maps):
        tested = f" {relabeling_words(maps.relabeling)}" if maps.relabeling else ""
        folds = f" (mean over {count} folds)" if (count := len(findings.recipe.maps)) > 1 else ""
        yield f"By group, maps correlate with r = {agreement_words(maps)}{folds}.{tested}"
    families = findings.families.agreements.get(MAPS) if findings.families else None
    if families is not None and families.relabeling is not None:
        yield (
            "With losses that differ in one detail counted once: r = "
            f"{agreement_words(families)}. {relabeling_words(families.relabeling)}"
        )
    test = groups.attention_on_car
    if test is not None:
        corrected = test.corrected
        by_family = findings.families.attention_on_car if findings.families else None
        once = f", by family {p_value(by_family.corrected.p)}" if by_family else ""
        yield (
            f"Attention on the car: {means_words(test)} (delta {number(corrected.delta, 2)}, 95 % "
            f"interval {interval(corrected.delta_ci95, 2)}, p {p_value(corrected.p)}"
            f"{once}{given_words(test)})."
        )


def _has_pairs(agreement: GroupAgreement | None) -> TypeGuard[GroupAgreement]:
    """Return whether there are pairs within a group and between the groups."""
    return (
        agreement is not None
        and agreement.between.mean is not None
        and any(each.mean is not None for each in agreement.within.values())
    )


def agreement_words(agreement: GroupAgreement) -> str:
    """Return how alike models are within each group that has pairs, and between the groups."""
    within = [
        f"{number(each.mean, 2)} within {name}"
        for name, each in agreement.within.items()
        if each.mean is not None
    ]
    return ", ".join([*within, f"{number(agreement.between.mean, 2)} between"])
