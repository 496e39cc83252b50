"""A comparison as a file: JSON (everything), CSV (one number a row), Markdown, LaTeX (tables)."""

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
from dmldata.common.files import is_stream, write_whole

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
    """Refuse a file that is none of these before anything is computed.

    Raises:
        UnknownNameError: another suffix.
    """
    if not is_stream(path) and path.suffix not in _WRITERS:
        raise UnknownNameError("suffix", path.suffix, _WRITERS, where=str(path))


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the file that the suffix names.

    Raises:
        UnknownNameError: another suffix than .json, .csv, .md and .tex; into a pipe goes JSON.
    """
    check_suffix(path)
    write_whole(path, _WRITERS.get(path.suffix, as_json)(comparison))


def as_json(comparison: Comparison) -> str:
    """Everything; `Comparison.model_validate_json` reads it back."""
    return json.dumps(comparison.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def as_csv(comparison: Comparison) -> str:
    """One number a row, with `COLUMNS`: for a data frame. A cell without a value is empty."""
    rows = itertools.chain(
        _property_rows(comparison),
        _difference_rows(comparison),
        _intervention_rows(comparison),
        _map_rows(comparison),
        _group_rows(comparison.groups),
    )
    return csv_document(COLUMNS, rows)


def as_markdown(comparison: Comparison) -> str:
    """The tables as they are printed; bold is what is marked."""
    dataset = comparison.dataset
    head = f"Dataset {dataset.title} ({dataset.images} images, fingerprint `{dataset.fingerprint}`)"
    notes = [f"- {note}" for note in comparison.notes]
    parts = [head, *map(markdown_table, comparison_tables(comparison)), "\n".join(notes)]
    return "\n\n".join(filter(None, parts)) + "\n"


_WRITERS = {".json": as_json, ".csv": as_csv, ".md": as_markdown, ".tex": as_latex}


def _property_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for name, by_model in comparison.properties.items():
        for model, found in by_model.items():
            for measure, score in found.scores.items():
                ends = (*_ends(score.ci95), *_ends(score.chance))
                yield (name, model, None, measure, score.value, None, *ends)


def _difference_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for name, differences in comparison.differences.items():
        for one in differences:
            ends = (*_ends(one.ci95), None, None)
            yield (name, one.a, one.b, f"{MAIN.key}_difference", one.value, None, *ends)


def _intervention_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    for model, found in comparison.interventions.items():
        for measure in ("sensitivity", "retrieval_under_intervention"):
            score: Score = getattr(found, measure)
            ends = (*_ends(score.ci95), None, None)
            yield (found.group, model, None, measure, score.value, None, *ends)


def _map_rows(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    found = comparison.saliency
    if found is None:
        return
    for measure in ("attention_on_car", "self_correlation"):
        means: dict[str, Mean] = getattr(found, measure)
        for model, mean in means.items():
            yield ("maps", model, None, measure, mean.value, None, *_ends(mean.ci95), None, None)
    for pair in found.pairs:
        yield from _pair_rows(pair)


def _pair_rows(pair: Pair) -> Iterator[tuple[Cell, ...]]:
    spreads: dict[str, Spread] = {"correlation": pair.correlation, "divergence": pair.divergence}
    if pair.shared_noise is not None:
        spreads["correlation_shared_noise"] = pair.shared_noise.correlation
        spreads["divergence_shared_noise"] = pair.shared_noise.divergence
    for measure, one in spreads.items():
        yield ("maps", pair.a, pair.b, measure, one.mean, one.std, *_ends(one.ci95), None, None)
    for measure, bound in (("ceiling", pair.ceiling), ("floor", pair.floor)):
        ends = (*_ends(bound.ci95), None, None)
        yield ("maps", pair.a, pair.b, measure, bound.value, None, *ends)


def _group_rows(groups: GroupComparison | None) -> Iterator[tuple[Cell, ...]]:
    """Groups stand in the columns of the models."""
    if groups is None:
        return
    for name, test in groups.properties.items():
        yield from _test_rows(name, groups.groups.names, test)
    if groups.attention_on_car is not None:
        yield from _test_rows("maps", groups.groups.names, groups.attention_on_car)
    agreements = {(name, name): found for name, found in groups.within.items()}
    agreements[groups.groups.names] = groups.between
    for (one, other), found in agreements.items():
        yield ("maps", one, other, "group_correlation", found.r, *[None] * 5)


def _test_rows(subject: str, names: tuple[str, str], test: GroupTest) -> Iterator[tuple[Cell, ...]]:
    found, paper = test.corrected, test.paper
    for name, mean in found.means.items():
        yield (subject, name, None, "group_mean", mean, *[None] * 5)
    ends = (*_ends(found.delta_ci95), None, None)
    yield (subject, *names, "cliffs_delta", found.delta, None, *ends)
    values = {"group_u": found.u, "group_p": found.p, "group_p_holm": found.p_holm}
    if paper is not None:
        values |= {"group_p_paper": paper.p, "group_p_paper_two_sided": paper.p_two_sided}
    for measure, value in values.items():
        yield (subject, *names, measure, value, *[None] * 5)


def _ends(pair: Interval | None) -> tuple[Cell, Cell]:
    return pair or (None, None)


def markdown_table(table: Table) -> str:
    """A table with its title above and its note below; bold is what is marked."""
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    lines = ["| " + " | ".join(map(_markdown_cell, row)) + " |" for row in rows]
    below = ["", table.note] if table.note else []
    return "\n".join([table.title + ":", "", *lines, *below])


def _markdown_cell(cell: str) -> str:
    escaped = cell.replace("|", "\\|")
    return Marked(escaped).marked("**", "**") if isinstance(cell, Marked) else escaped
