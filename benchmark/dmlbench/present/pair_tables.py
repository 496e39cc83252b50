"""Tables of verification: scores of pairs of images by property, with the numbers of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from dmlbench.comparison.differences import common_properties
from dmlbench.present.table import Column, Estimate, Row, Table, names
from dmlbench.results import Result
from dmlbench.results.files import PairCounts, PropertyScores
from dmlbench.results.notes import pair_counts
from dmlbench.scores.registry import PAIR_SCORES, readings
from dmlbench.scores.score import ABSENT

TITLE = "Verification of pairs (95 % interval)"


class _Entry(NamedTuple):
    """The scores of one property, after what names the row."""

    names: Sequence[str]
    scores: PropertyScores
    counts: PairCounts | None


def pair_table(properties: Mapping[str, PropertyScores], settings: Mapping[str, object]) -> Table:
    """Return one row per property."""
    entries = (
        _Entry((name,), scored, pair_counts(settings, name))
        for name, scored in properties.items()
        if scored.varies
    )
    return _table(("property",), entries)


def model_pair_table(results: Sequence[Result], labels: Mapping[str, str]) -> Table:
    """Return one row per property and model; none of results of before these scores.

    Args:
        labels: label of each model by its id.
    """
    entries = (
        _Entry(
            (name, labels[result.model]),
            result.properties.properties[name],
            pair_counts(result.properties.settings, name),
        )
        for name in common_properties(results)
        if any(result.properties.properties[name].varies for result in results)
        for result in results
    )
    return _table(("property", "model"), entries)


def _table(titles: Sequence[str], entries: Iterable[_Entry]) -> Table:
    columns = (
        *names(*titles),
        *(Column(score.title, score.digits) for score in PAIR_SCORES),
        Column("same label", spare=1),
    )
    rows: list[Row] = []
    for entry in entries:
        if entry.counts is None:
            continue
        scores = (entry.scores.scores.get(score.key, ABSENT) for score in PAIR_SCORES)
        cells = (Estimate(score.value, score.ci95, bracketed=score.is_chance) for score in scores)
        pairs = f"{entry.counts.same} of {entry.counts.same + entry.counts.different}"
        rows.append((*entry.names, *cells, pairs))
    note = (
        "In parentheses: inside chance. Same label: how many of all pairs of images. "
        f"{readings(PAIR_SCORES)}"
    )
    return Table(TITLE, columns, rows, note)
