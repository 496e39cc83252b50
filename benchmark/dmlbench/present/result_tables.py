"""The table of a result's scores, the sentences below it, and the scores as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dmlbench.present.documents import Document, score_numbers
from dmlbench.present.geometry_tables import geometry_line, geometry_numbers, geometry_table
from dmlbench.present.measurements import Measured, Measurements
from dmlbench.present.numbers import NONE, interval, number
from dmlbench.present.pair_tables import pair_table
from dmlbench.present.response_tables import response_tables
from dmlbench.present.table import Column, Estimate, Table, names
from dmlbench.present.terminal_tables import print_table
from dmlbench.results.files import (
    CLASSES,
    Faithfulness,
    Interventions,
    Mean,
    PairCounts,
    PropertiesFile,
    PropertyScores,
)
from dmlbench.results.notes import pair_counts, queries_note
from dmlbench.scores.registry import (
    ADJUSTED,
    DECODABILITY,
    MAIN,
    PAIR_SCORES,
    RETRIEVAL,
    WITHIN_CLASS,
    ScoreDeclaration,
    declared,
)
from dmlbench.scores.score import ABSENT, ScoredProperties
from dmldata.common.output import say

if TYPE_CHECKING:
    from dmlbench.results import Result

COLUMNS = ("property", "measure", "value", "ci95_low", "ci95_high", "chance_low", "chance_high")


def score_table(properties: Mapping[str, PropertyScores]) -> Table:
    """Return the table of one model: one row per property that varies."""
    within = any(WITHIN_CLASS.key in scored.scores for scored in properties.values())
    beside = (ADJUSTED, *([WITHIN_CLASS] if within else []), DECODABILITY)
    columns = (
        *names("property"),
        Column("images", spare=2),
        Column(MAIN.title, MAIN.digits, short="NR-P"),
        Column("95 % interval", MAIN.digits),
        Column("chance", MAIN.digits),
        Column(ADJUSTED.title, ADJUSTED.digits),
        *([Column(WITHIN_CLASS.title, WITHIN_CLASS.digits, spare=1)] if within else []),
        Column(DECODABILITY.title, DECODABILITY.digits, short="decod."),
    )
    rows = []
    for name, scored in properties.items():
        if scored.varies:
            main = scored.scores[MAIN.key]
            value = Estimate(main.value, bracketed=main.is_chance)
            others = (scored.scores.get(declaration.key, ABSENT).value for declaration in beside)
            rows.append((name, scored.n, value, main.ci95, main.chance, *others))
    title = "Properties; in parentheses: inside chance"
    return Table(title, columns, rows, " ".join(absence_notes(properties)))


def absence_notes(properties: Mapping[str, PropertyScores]) -> Iterator[str]:
    """Yield which properties are left out of tables, and which lack scores for which reason."""
    still = [name for name, scored in properties.items() if not scored.varies]
    if still:
        yield still_words(still)
    names_by_reason: dict[str, list[str]] = {}
    for name, scored in properties.items():
        if scored.varies and scored.reason:
            names_by_reason.setdefault(scored.reason, []).append(name)
    for reason, without in names_by_reason.items():
        everything = len(without) == len(properties) > 1
        yield f"Missing for {'all properties' if everything else ', '.join(without)}: {reason}."


def still_words(names: Sequence[str]) -> str:
    """Say which properties a table leaves out, as they or the embeddings do not vary."""
    return (
        f"Left out, as another order of the labels gives the same score (they do not vary, or the "
        f"embeddings do not): {', '.join(names)}."
    )


def score_document(scores: ScoredProperties) -> Document:
    """Return scores of files as a document to write."""
    numbers = [
        score
        for name, scored in scores.properties.items()
        for score in score_numbers(name, scored.scores)
    ]
    numbers += geometry_numbers(scores.geometry)
    tables = [
        score_table(scores.properties),
        pair_table(scores.properties, scores.settings),
        geometry_table({"embeddings": scores.geometry}),
    ]
    content = Measurements(results=(Measured(properties=scores),))
    return Document(content, COLUMNS, numbers, tables, notes=notes_of(scores))


def notes_of(scores: PropertiesFile | ScoredProperties) -> list[str]:
    """Return the notes on scores, that on their queries first."""
    queries = queries_note(scores.n, scores.settings)
    return [*filter(None, (queries, *scores.notes))]


def print_result(result: Result) -> None:
    """Print one evaluation: its property scores, its maps, and its folder.

    Of a sweep, what the swept group does comes first.
    """
    if result.properties.interventions is not None:
        say(intervention_line(result.properties.interventions))
        for table in response_tables({result.run.name: result.properties.interventions}):
            print_table(table)
    print_table(score_table(result.properties.properties))
    for name in CLASSES:
        if name in result.properties.properties:
            scores_of_class = result.properties.properties[name]
            say(scores_line(f"retrieval of {name}", scores_of_class, RETRIEVAL))
            counts = pair_counts(result.properties.settings, name)
            if counts is not None:
                say(verification_line(name, scores_of_class, counts))
    if result.properties.geometry is not None:
        say(geometry_line(result.properties.geometry))
    if result.saliency is not None:
        saliency = result.saliency
        say(
            f"attention on car: {_attention(saliency.attention_on_car)}; reliability of the maps: "
            f"{_agreement(saliency.reliability)}"
        )
        if saliency.mean_samples is not None:
            say(f"noisy copies per image: {saliency.mean_samples:.1f} on average")
        if saliency.faithfulness is not None:
            say(f"faithfulness of the maps: {_faithfulness(saliency.faithfulness)}")
    for note in notes_of(result.properties):
        say(f"note: {note}")
    say(f"results: {result.folder.path}")


def scores_line(
    title: str, scores: PropertyScores, declarations: Sequence[ScoreDeclaration]
) -> str:
    """Return some scores of a property, with intervals and chance; absent ones are left out."""
    parts = []
    for declaration in declarations:
        score, digits = scores.scores.get(declaration.key, ABSENT), declaration.digits
        if score.value is not None:
            parts.append(
                f"{declaration.short} {number(score.value, digits)} (95 % interval "
                f"{interval(score.ci95, digits)}; chance {interval(score.chance, digits)})"
            )
    return f"{title}: {', '.join(parts) or NONE}"


def verification_line(name: str, scores: PropertyScores, counts: PairCounts) -> str:
    """Return the scores of pairs of the property that is the class, and the numbers of pairs."""
    line = scores_line(f"verification of {name}", scores, PAIR_SCORES)
    return f"{line}; of {counts.same:,} pairs with the same label and {counts.different:,} others"


def _agreement(mean: Mean) -> str:
    return f"none ({mean.reason})" if mean.value is None else f"r = {number(mean.value, 3)}"


def _faithfulness(faithfulness: Faithfulness) -> str:
    means = [(declared(key), mean) for key, mean in faithfulness.means.items()]
    return "; ".join(
        f"{score.title} none ({mean.reason})"
        if mean.value is None
        else f"{score.title} {number(mean.value, score.digits)} (95 % interval "
        f"{interval(mean.ci95, score.digits)})"
        for score, mean in means
    )


def _attention(mean: Mean) -> str:
    if mean.value is None:
        return f"none ({mean.reason})"
    return (
        f"{number(mean.value, 3)} (95 % interval {interval(mean.ci95, 3)}) over {mean.images} "
        "images"
    )


def intervention_line(interventions: Interventions) -> str:
    """Describe the effect of the swept group on the embeddings."""
    if interventions.reason is not None:
        return f"changing {interventions.group}: no sensitivity, {interventions.reason}"
    group = interventions.group
    moves, stays = interventions.sensitivity, interventions.retrieval_under_intervention
    return (
        f"changing {group} alone moves an embedding {number(moves.value, 3)} times as far as "
        f"another car is (95 % interval {interval(moves.ci95, 3)}); the nearest is the same car, "
        f"not the same {group}, for {number(stays.value, 3)} of the images (95 % interval "
        f"{interval(stays.ci95, 3)}; by chance {number(interventions.retrieval_expected, 3)})"
    )


def print_scores(scores: ScoredProperties) -> None:
    """Print scores from files as a table with its notes."""
    print_table(score_table(scores.properties))
    print_table(pair_table(scores.properties, scores.settings))
    say(geometry_line(scores.geometry))
    for note in notes_of(scores):
        say(f"note: {note}")
