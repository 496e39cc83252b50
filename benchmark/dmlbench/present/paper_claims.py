"""What the paper finds, beside what a study finds and how strong its evidence is."""

from __future__ import annotations

from collections.abc import Iterator

from dmlbench.comparison.group_tests import MAPS, RETRIEVAL_SCORE
from dmlbench.losses import without_controls
from dmlbench.maps import summarize_correlations
from dmlbench.present.group_words import (
    SIGNIFICANCE,
    beyond_doubt,
    beyond_doubt_given,
    by_max_t,
    given_retrieval,
)
from dmlbench.present.numbers import joined, number, p_value, range_text
from dmlbench.present.study_agreement_sentences import agreement_words, fold_correlations
from dmlbench.present.study_level_sentences import weakest_words
from dmlbench.present.study_sentences import beyond_chance, changed
from dmlbench.present.table import Column, Row, Table
from dmlbench.results.files import CLASSES
from dmlbench.scores.registry import MAIN, declared
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.findings import (
    Findings,
    correlations_of_losses,
    mean_ceiling,
    pairs_of,
)


def paper_table(findings: Findings) -> Table:
    """Return the claims of the paper's abstract that a study can speak to, a row each."""
    columns = tuple(
        Column(title, role="words")
        for title in ("the paper finds", "the study finds", "strength of the evidence")
    )
    rows: list[Row] = [
        *_equal_retrieval(findings),
        *_different_properties(findings),
        *_different_maps(findings),
        *_more_than_training_classes(findings),
        *_irrelevant_properties(findings),
    ]
    return Table("The paper's findings beside those of the study", columns, rows)


def _equal_retrieval(findings: Findings) -> Iterator[Row]:
    if not findings.classes:
        return
    label, by_loss = next(iter(findings.classes.items()))
    score = declared(RETRIEVAL_SCORE)
    trained = {loss: by_loss[loss][score.key] for loss in without_controls(findings.losses)}
    untrained = by_loss[UNTRAINED][score.key].mean if UNTRAINED in by_loss else None
    beside = "" if untrained is None else f", untrained {number(untrained, score.digits)}"
    pairs = findings.retrieval_differences.get(label)
    apart = (
        f"{pairs.apart} of {pairs.pairs} pairs of losses differ by their paired 95 % interval, "
        f"{pairs.apart_of_all} given that there are so many"
        if pairs
        else "no paired differences"
    )
    options = [findings.recipe.training_of(loss) for loss in trained]
    lengths = {(each.get("steps"), each.get("epochs")) for each in options}
    by_design = "; losses are not trained for the same number of steps" if len(lengths) > 1 else ""
    yield (
        "losses retrieve about equally well",
        f"{score.title} of {label} "
        f"{range_text((each.mean for each in trained.values()), score.digits)} over "
        f"{len(trained)} losses{beside}",
        f"{apart}{by_design}",
    )


def _different_properties(findings: Findings) -> Iterator[Row]:
    groups = findings.groups
    if groups is None:
        return
    # How far training got explains less at equal MAP@R than at the best epochs.
    equal = findings.equal_map_at_r
    tested = (equal and equal.groups) or groups
    where = " at equal MAP@R" if tested is not groups else ""
    sure = beyond_doubt(tested.properties)
    strength = [
        f"by max-T: {_named(by_max_t(tested.properties))}",
        f"given MAP@R: {_named(given_retrieval(tested))}",
    ]
    if equal is not None and equal.given_retrieval:
        on_others = _named(beyond_doubt_given(equal.given_retrieval))
        strength.append(f"given MAP@R on other classes: {on_others}")
    if equal is not None and equal.interpolated:
        strength.append(f"interpolated: {_named(beyond_doubt(equal.interpolated))}")
    if tested is not groups:
        strength.append(f"at the best epochs: {_named(beyond_doubt(groups.properties))}")
    if equal is not None and findings.without_weakest is not None:
        others = findings.without_weakest.groups
        if others is not None:
            strength.append(
                f"without {weakest_words(equal)}: {_named(beyond_doubt(others.properties))}"
            )
    strength += [
        f"after {at.steps} steps of all: {_named(beyond_doubt(at.tests))}"
        for at in findings.equal_steps
    ]
    by_paper = [
        name
        for name, test in tested.properties.items()
        if test.paper is not None and test.paper.p < SIGNIFICANCE
    ]
    strength.append(f"by the paper's own test, without correction: {_named(by_paper)}")
    if tested.reach is not None and tested.reach.smallest_delta is not None:
        smallest = number(tested.reach.smallest_delta, 2)
        strength.append(f"the first that differs takes |delta| >= {smallest}")
    first, second = groups.groups.names
    yield (
        f"{first} and {second} losses lead to different features",
        f"{len(sure)} of {len(tested.properties)} properties differ{where}"
        f"{': ' if sure else ''}{joined(sure)}",
        "; ".join(strength),
    )


def _different_maps(findings: Findings) -> Iterator[Row]:
    groups = findings.groups
    agreement = groups.agreements.get(MAPS) if groups else None
    if agreement is None or agreement.relabeling is None:
        return
    tested = agreement.relabeling
    strength = f"p {p_value(tested.p)}"
    if tested.p_given_retrieval is not None:
        strength += f", given MAP@R {p_value(tested.p_given_retrieval)}"
    given_rates = findings.agreements_given_rates.get(MAPS)
    if given_rates is not None:
        strength += f", given the network's learning rates {p_value(given_rates.p)}"
    yield (
        "maps agree more within the groups than between them",
        f"r {agreement_words(agreement)}",
        strength,
    )


def _more_than_training_classes(findings: Findings) -> Iterator[Row]:
    maps, folds = findings.maps, fold_correlations(findings)
    if maps is None or not folds:
        return
    pairs = pairs_of(maps, without_controls(findings.losses))
    others = list(correlations_of_losses(findings).values())
    yield (
        "different losses can lead to different features",
        "maps of different losses correlate with r "
        f"{number(summarize_correlations(others).mean, 2)}, those of one loss trained on another "
        f"fold with {number(summarize_correlations(folds).mean, 2)}",
        ""
        if mean_ceiling(pairs) is None
        else f"noise of the maps alone allows {number(mean_ceiling(pairs), 2)}",
    )


def _irrelevant_properties(findings: Findings) -> Iterator[Row]:
    losses = without_controls(findings.losses)
    # What losses are trained for is relevant: the classes, by whatever name they are retrieved.
    relevant = {*findings.classes, *CLASSES}
    counts = {name: n for name, n in beyond_chance(findings).items() if name not in relevant}
    always = [name for name, count in counts.items() if count == len(losses)]
    some = [count for name, count in counts.items() if name not in always]
    span = " to ".join(str(count) for count in sorted({min(some), max(some)})) if some else ""
    others = f"; the other {len(some)} for {span} of {len(losses)} losses" if some else ""
    counts_lower = {name: below for name, (_, below) in changed(findings).items()}
    lower = [name for name in always if counts_lower.get(name) == len(losses)]
    strength = f"with training less by the interval of every loss: {_named(lower)}"
    if findings.interventions:
        moved = [
            f"{group} {range_text((each.sensitivity[loss].mean for loss in losses), 2)}"
            for group, each in findings.interventions.items()
        ]
        strength += (
            "; changed alone, they move embeddings by so much of the distance to another car in "
            "another scene: "
            f"{joined(moved)}"
        )
    yield (
        "properties that should not matter influence embeddings",
        f"{len(always)} of {len(counts)} are beyond chance in {MAIN.title} for every loss and "
        f"fold: {_named(always)}{others}",
        strength,
    )


def _named(names: list[str]) -> str:
    return joined(names) or "none"
