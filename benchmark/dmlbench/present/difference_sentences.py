"""Say how models differ, and how sure that is, from paired differences of their scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dmlbench.comparison import Comparison
from dmlbench.comparison.differences import Difference
from dmlbench.comparison.rank_tests import LEVEL, holm
from dmlbench.comparison.score_clusters import Split, score_clusters
from dmlbench.present.numbers import interval, number, telling_digits
from dmlbench.results.files import Interval, Mean, Score
from dmlbench.scores.registry import MAIN, declared

MAX_NAMED = 6
"""Maximum number of models or properties that are named individually."""
DIGITS = MAIN.digits


def how_models_differ(comparison: Comparison) -> Iterator[str]:
    """Yield how models differ: first, in a sweep, by the swept group, then by properties."""
    yield from _by_swept_group(comparison)
    if len(comparison.models) == 2:
        yield from _of_two(comparison)
    elif len(comparison.models) > 2:
        yield from _of_many(comparison)


def listed(names: Sequence[str], most: int = MAX_NAMED) -> str:
    """List names; those beyond `most` are counted.

    >>> listed(["a", "b", "c"]), listed(["a", "b", "c", "d"], most=2)
    ('a, b and c', 'a, b and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def with_interval(value: float | None, ci95: Interval | None) -> str:
    """Write a number with its interval, if there is one.

    >>> with_interval(0.5, (0.25, 0.75)), with_interval(0.5, None)
    ('0.50 (95 % interval 0.25 to 0.75)', '0.50')
    """
    shown = number(value, DIGITS)
    return f"{shown} (95 % interval {interval(ci95, DIGITS)})" if ci95 else shown


def scores_of_models(comparison: Comparison, scores: Mapping[str, Score | Mean]) -> str:
    """List the models' scores, or those of the extremes of many; empty if none is known."""
    known = {model: score for model, score in scores.items() if score.value is not None}
    if len(known) > MAX_NAMED:
        ends = sorted(known.items(), key=lambda entry: entry[1].value or 0.0)
        low, high = (
            f"{number(score.value, DIGITS)} ({comparison.label(model)})"
            for model, score in (ends[0], ends[-1])
        )
        return f"from {low} to {high} over {len(known)} models"
    return "; ".join(
        f"{comparison.label(model)} {with_interval(score.value, score.ci95)}"
        for model, score in known.items()
    )


def _by_swept_group(comparison: Comparison) -> Iterator[str]:
    by_model = comparison.interventions
    scores = {model: interventions.sensitivity for model, interventions in by_model.items()}
    if not (named := scores_of_models(comparison, scores)):
        return
    group = next(iter(by_model.values())).group
    sentence = (
        f"Changing {group} alone moves an embedding this many times as far as another car does: "
        f"{named}."
    )
    pairs = comparison.sensitivity_differences
    known = [pair for pair in pairs if pair.ci95 is not None]
    if len(pairs) == len(known) == 1:
        (pair,) = known
        digits = declared("sensitivity").digits
        if pair.tied:
            outcome = (
                "holds 0: the images do not tell which of the two it moves more"
                if pair.value
                else "is 0"
            )
        else:
            more = comparison.label(pair.a if (pair.value or 0) > 0 else pair.b)
            outcome = f"excludes 0: it moves {more} more"
        if not pair.tied:
            digits = telling_digits([pair.value, *(pair.ci95 or ())], digits)
        size = number(abs(pair.value or 0.0), digits)
        low_high = interval(_positive(pair), digits)
        sentence += f" The paired difference, {size} (95 % interval {low_high}), {outcome}."
    elif known:
        distinct = sum(not pair.tied for pair in known)
        sentence += (
            f" {distinct} of {len(known)} pairs of models differ in it (paired 95 % interval of "
            "each pair alone without 0)."
        )
    elif pairs:
        why = comparison.with_labels(pairs[0].reason or "")
        sentence += f" Whether they differ in it is not known: {why}."
    yield sentence


def _positive(pair: Difference) -> Interval | None:
    """Return the interval of the absolute difference's direction."""
    if pair.ci95 is None or (pair.value or 0.0) >= 0:
        return pair.ci95
    return -pair.ci95[1], -pair.ci95[0]


def _of_two(comparison: Comparison) -> Iterator[str]:
    differences = {name: comparison.differences[name][0] for name in comparison.varied}
    known = {name: pair for name, pair in differences.items() if pair.ci95 is not None}
    both = listed([model.label for model in comparison.models])
    if not known:
        reasons = dict.fromkeys(pair.reason for pair in differences.values() if pair.reason)
        why = comparison.with_labels("; ".join(reasons) or "no property varies")
        yield f"Whether {both} differ in any property is not known: {why}."
        return
    distinct = sorted(
        (name for name, pair in known.items() if not pair.tied),
        key=lambda name: -abs(known[name].value or 0.0),
    )
    farthest = max(max(map(abs, pair.ci95)) for pair in known.values() if pair.ci95)
    if not distinct:
        yield (
            f"{both} cannot be told apart by any of {len(known)} properties: the paired 95 % "
            f"interval of each difference in {MAIN.title} holds 0, and none reaches beyond "
            f"{number(farthest, DIGITS)} either way."
        )
        return
    parts = [_of_property(comparison, name, known[name]) for name in distinct]
    sure = _sure(known, distinct)
    if not sure and sure is not None:
        yield (
            f"{both} cannot be told apart when all {len(known)} properties are counted together "
            f"(Holm, at 95 %), and no difference in {MAIN.title} reaches beyond "
            f"{number(farthest, DIGITS)} either way."
        )
        yield (
            f"Taken alone, {len(distinct)} of them {'have' if len(distinct) > 1 else 'has'} a "
            f"paired 95 % interval that excludes 0: {listed(parts, 2 * MAX_NAMED)}."
        )
        return
    yield (
        f"{both} differ in {len(distinct)} of {len(known)} properties that embeddings can cluster "
        f"by ({MAIN.title}: difference, paired 95 % interval"
        f"{'; largest difference first' if len(distinct) > 1 else ''}): "
        f"{listed(parts, 2 * MAX_NAMED)}."
    )
    these = "These are the properties" if len(distinct) > 1 else "It is the only property"
    yield (
        f"{these} whose paired 95 % interval of the difference in {MAIN.title} excludes 0."
        f"{_together(known, distinct, sure)}"
    )


def _of_property(comparison: Comparison, name: str, pair: Difference) -> str:
    higher, lower = (pair.a, pair.b) if (pair.value or 0.0) > 0 else (pair.b, pair.a)
    by_model = comparison.properties[name]
    inside = all(by_model[model].scores[MAIN.key].is_chance for model in (higher, lower))
    digits = telling_digits([pair.value, *(pair.ci95 or ())], DIGITS)
    size = number(abs(pair.value or 0.0), digits)
    return (
        f"{name} ({comparison.label(higher)} higher by {size}, {interval(_positive(pair), digits)}"
        f"{'; both inside chance' if inside else ''})"
    )


def _sure(known: Mapping[str, Difference], distinct: Sequence[str]) -> list[str] | None:
    """Return which differences remain when all properties are counted together; None for one."""
    p_values = {name: pair.p for name, pair in known.items() if pair.p is not None}
    if len(p_values) < len(known) or len(known) == 1:
        return None
    adjusted = dict(zip(p_values, holm([*p_values.values()]), strict=True))
    return [name for name in distinct if adjusted[name] < LEVEL]


def _together(
    known: Mapping[str, Difference], distinct: Sequence[str], sure: Sequence[str] | None
) -> str:
    """Say which differences remain when all properties are counted together."""
    if sure is None:
        return ""
    counted = f"when all {len(known)} properties are counted together (Holm, at 95 %)"
    if len(sure) == len(distinct):
        return f" {'All of them remain' if len(sure) > 1 else 'It remains'} {counted}."
    return f" {listed(sure, 2 * MAX_NAMED)} remain{'s' if len(sure) == 1 else ''} {counted}."


def _of_many(comparison: Comparison) -> Iterator[str]:
    clusters = score_clusters(comparison)
    models = len(comparison.models)
    if clusters.splits:
        groups = "; ".join(_models(comparison, cluster) for cluster in clusters.clusters)
        splits = " ".join(_of_split(comparison, split) for split in clusters.splits)
        yield (
            f"The {models} models fall into {len(clusters.clusters)} clusters by {MAIN.title}: "
            f"{groups}. {splits}"
        )
        yield (
            f"Numbers are means of {MAIN.title} over a cluster. Clusters are separated by "
            "properties in which every model of the one differs from every model of the other, at "
            "95 % over all pairs of models together."
        )
        return
    compared, reasons = _compared_pairs(comparison)
    pairs = models * (models - 1) // 2
    decided = {
        name: {
            frozenset(pair.better_and_worse)
            for pair in comparison.differences[name]
            if pair.better_and_worse
        }
        for name in comparison.varied
    }
    apart = frozenset[frozenset[str]]().union(*decided.values())
    why = comparison.with_labels(listed(reasons) or "no property varies")
    others = (
        f" {pairs - len(compared)} of {pairs} pairs of models cannot be compared: {why}."
        if len(compared) < pairs
        else ""
    )
    if not compared:
        yield f"How the {models} models differ is not known: {why}."
    elif not apart:
        who = (
            f"None of the {len(compared)} pairs of models that can be compared differs in"
            if others
            else f"The {models} models cannot be told apart by"
        )
        yield (
            f"{who} any of {len(comparison.varied)} properties ({MAIN.title}, over all pairs of "
            f"models together at 95 %).{others}"
        )
    else:
        most = max(map(len, decided.values()))
        names = listed([name for name, of_name in decided.items() if len(of_name) == most])
        yield (
            f"No property separates the {models} models into clusters, but {len(apart)} of "
            f"{len(compared)} pairs of models differ in some property ({MAIN.title}, over all "
            f"pairs together at 95 %), the most, {most}, in {names}.{others}"
        )


def _compared_pairs(comparison: Comparison) -> tuple[set[frozenset[str]], list[str]]:
    """Return the pairs of models that some property compares, and why it does not others."""
    pairs = [pair for name in comparison.varied for pair in comparison.differences[name]]
    compared = {frozenset((pair.a, pair.b)) for pair in pairs if pair.p is not None}
    others = (pair for pair in pairs if frozenset((pair.a, pair.b)) not in compared)
    return compared, list(dict.fromkeys(pair.reason for pair in others if pair.reason))


def _models(comparison: Comparison, cluster: Sequence[str]) -> str:
    return listed([comparison.label(model) for model in cluster])


def _of_split(comparison: Comparison, split: Split) -> str:
    parts = {
        word: [
            f"{each.name} ({number(each.means[0], DIGITS)} against {number(each.means[1], DIGITS)})"
            for each in split.separations
            if (each.means[0] > each.means[1]) is higher
        ]
        for word, higher in (("more", True), ("less", False))
    }
    said = " and ".join(f"{word} by {listed(names)}" for word, names in parts.items() if names)
    first, second = (_models(comparison, cluster) for cluster in (split.first, split.second))
    return f"{first} cluster{'s' if len(split.first) == 1 else ''} {said} than {second}."
