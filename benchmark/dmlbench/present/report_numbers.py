"""The tables of a report, which fold away: what each is about, and where it is explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dmlbench.comparison import Comparison
from dmlbench.present.comparison_tables import (
    attention_table,
    by_label,
    difference_table,
    faithfulness_table,
    intervention_table,
    representation_table,
)
from dmlbench.present.geometry_tables import geometry_table
from dmlbench.present.group_tables import group_tables
from dmlbench.present.pair_tables import model_pair_table
from dmlbench.present.report_tables import other_scores, pair_details, score_details
from dmlbench.present.response_tables import response_tables
from dmlbench.present.table import Table
from dmlbench.results import Result

Explained = tuple[Table, str]
"""A table, and which of `EXPLANATIONS` is of it."""


def number_tables(
    comparison: Comparison, results: Sequence[Result]
) -> list[tuple[str, list[Explained]]]:
    """Return the tables that have rows under their headings; those of a sweep come first."""
    labels = {model.id: model.label for model in comparison.models}
    tables = {
        "Swept group": list(_of_sweep(comparison)),
        "Properties": [
            *([(difference_table(comparison), "differences")] if len(labels) > 1 else []),
            (score_details(comparison), "scores"),
            (other_scores(comparison), "others"),
            (model_pair_table(results, labels), "verification"),
        ],
        "Saliency maps": list(_of_maps(comparison)),
        "Embeddings": list(_of_embeddings(comparison)),
        "Two groups of models": [
            (table, "groups")
            for table in (group_tables(comparison.groups).values() if comparison.groups else ())
        ],
    }
    with_rows = {
        heading: [(table, topic) for table, topic in explained if table.rows]
        for heading, explained in tables.items()
    }
    return [(heading, explained) for heading, explained in with_rows.items() if explained]


def _of_sweep(comparison: Comparison) -> Iterator[Explained]:
    if comparison.interventions:
        yield intervention_table(comparison), "interventions"
        for table in response_tables(by_label(comparison, comparison.interventions)):
            yield table, "responses"


def _of_maps(comparison: Comparison) -> Iterator[Explained]:
    yield pair_details(comparison), "bounds"
    yield attention_table(comparison), "page"
    if comparison.saliency is not None and comparison.saliency.faithfulness:
        checked = comparison.saliency.faithfulness
        yield faithfulness_table(checked, comparison.label), "faithfulness"


def _of_embeddings(comparison: Comparison) -> Iterator[Explained]:
    if comparison.representations:
        yield representation_table(comparison), "representations"
    if comparison.geometry:
        yield geometry_table(by_label(comparison, comparison.geometry)), "geometry"
