"""Write a comparison as JSON (everything), CSV (one number per row), Markdown or LaTeX (tables)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from dmlbench.compare.comparison import Comparison, Pair, Spread
from dmlbench.compare.group_tests import GroupComparison, GroupTest
from dmlbench.present.comparison_tables import comparison_tables
from dmlbench.present.latex import as_latex
from dmlbench.present.result_tables import Marked, Table, csv_document
from dmlbench.results.files import Interval, Mean, Score
from dmlbench.scores.registry import MAIN
from dmldata.common.errors import UnknownNameError
from dmldata.common.files import is_stream, write_atomic

COLUMNS = (
    "subject",
    "model",
    "other_model",
    "measure",
    "value",
    "std",
    "ci95_low",
    "ci95_high",
    "chance_low",
    "chance_high",
)

Cell = str | float | None


def check_suffix(path: Path) -> None:
    """Check the suffix of an output file before anything is computed.

    Raises:
        UnknownNameError: the suffix is not .json, .csv, .md or .tex.
    """
    if not is_stream(path) and path.suffix not in _WRITERS:
        raise UnknownNameError("suffix", path.suffix, _WRITERS, where=str(path))


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the format that the suffix names; JSON into a pipe.

    Raises:
        UnknownNameError: the suffix is not .json, .csv, .md or .tex.
    """
    check_suffix(path)
    write_atomic(path, _WRITERS.get(path.suffix, as_json)(comparison))


def as_json(comparison: Comparison) -> str:
    """Return everything as JSON, which `Comparison.model_validate_json` reads back."""
    return json.dumps(comparison.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def as_csv(comparison: Comparison) -> str:
    """Return a CSV file for data frames: one number per row, with `COLUMNS`; empty if missing."""
    rows = itertools.chain(
        _property_rows(comparison),
        _difference_rows(comparison),
        _intervention_rows(comparison),
        _map_rows(comparison),
        _group_rows(comparison.groups),
    )
    return csv_document(COLUMNS, rows)


def as_markdown(comparison: Comparison) -> str:
    """Return the printed tables as Markdown; marked cells are bold."""
    dataset = comparison.dataset
    head = f"Dataset {dataset.title} ({dataset.images} images, fingerprint `{dataset.fingerprint}`)"
    notes = [f"- {note}" for note in comparison.notes]
    parts = [head, *map(markdown_table, comparison_tables(comparison)), "\n".join(notes)]
    return "\n\n".join(filter(None, parts)) + "\n"


_WRITERS = {".json": as_json, ".csv": as_csv, ".md": as_markdown, ".tex": as_latex}


def _property_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for name, by_model in comparison.properties.items():
        for model, property_scores in by_model.items():
            for measure, score in property_scores.scores.items():
                ends = (*_ends(score.ci95), *_ends(score.chance))
                yield (name, model, None, measure, score.value, None, *ends)


def _difference_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for name, differences in comparison.differences.items():
        for difference in differences:
            ends = (*_ends(difference.ci95), None, None)
            yield (
                name,
                difference.a,
                difference.b,
                f"{MAIN.key}_difference",
                difference.value,
                None,
                *ends,
            )


def _intervention_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for model, interventions in comparison.interventions.items():
        for measure in ("sensitivity", "retrieval_under_intervention"):
            score: Score = getattr(interventions, measure)
            ends = (*_ends(score.ci95), None, None)
            yield (interventions.group, model, None, measure, score.value, None, *ends)


def _map_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    saliency = comparison.saliency
    if saliency is None:
        return
    for measure in ("attention_on_car", "self_correlation"):
        means: dict[str, Mean] = getattr(saliency, measure)
        for model, mean in means.items():
            yield ("maps", model, None, measure, mean.value, None, *_ends(mean.ci95), None, None)
    for pair in saliency.pairs:
        yield from _pair_rows(pair)


def _pair_rows(pair: Pair) -> Iterator[tuple[Cell, ...]]:
    spreads: dict[str, Spread] = {"correlation": pair.correlation, "divergence": pair.divergence}
    if pair.shared_noise is not None:
        spreads["correlation_shared_noise"] = pair.shared_noise.correlation
        spreads["divergence_shared_noise"] = pair.shared_noise.divergence
    for measure, spread in spreads.items():
        yield (
            "maps",
            pair.a,
            pair.b,
            measure,
            spread.mean,
            spread.std,
            *_ends(spread.ci95),
            None,
            None,
        )
    for measure, bound in (("ceiling", pair.ceiling), ("floor", pair.floor)):
        ends = (*_ends(bound.ci95), None, None)
        yield ("maps", pair.a, pair.b, measure, bound.value, None, *ends)


def _group_rows(groups: GroupComparison | None) -> Iterator[tuple[Cell, ...]]:
    """Yield the rows of groups, whose names are in the columns of models."""
    if groups is None:
        return
    for name, test in groups.properties.items():
        yield from _test_rows(name, groups.groups.names, test)
    if groups.attention_on_car is not None:
        yield from _test_rows("maps", groups.groups.names, groups.attention_on_car)
    agreements = {(name, name): agreement for name, agreement in groups.within.items()}
    agreements[groups.groups.names] = groups.between
    for (first, second), agreement in agreements.items():
        yield ("maps", first, second, "group_correlation", agreement.r, *[None] * 5)


def _test_rows(subject: str, names: tuple[str, str], test: GroupTest) -> Iterator[tuple[Cell, ...]]:
    corrected, paper = test.corrected, test.paper
    for name, mean in corrected.means.items():
        yield (subject, name, None, "group_mean", mean, *[None] * 5)
    ends = (*_ends(corrected.delta_ci95), None, None)
    yield (subject, *names, "cliffs_delta", corrected.delta, None, *ends)
    values = {"group_u": corrected.u, "group_p": corrected.p, "group_p_holm": corrected.p_holm}
    if paper is not None:
        values |= {"group_p_paper": paper.p, "group_p_paper_two_sided": paper.p_two_sided}
    for measure, value in values.items():
        yield (subject, *names, measure, value, *[None] * 5)


def _ends(pair: Interval | None) -> tuple[Cell, Cell]:
    return pair or (None, None)


def markdown_table(table: Table) -> str:
    """Return a table as Markdown, with title above and note below; marked cells are bold."""
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    lines = ["| " + " | ".join(map(_markdown_cell, row)) + " |" for row in rows]
    below = ["", table.note] if table.note else []
    return "\n".join([table.title + ":", "", *lines, *below])


def _markdown_cell(cell: str) -> str:
    escaped = cell.replace("|", "\\|")
    return Marked(escaped).marked("**", "**") if isinstance(cell, Marked) else escaped
