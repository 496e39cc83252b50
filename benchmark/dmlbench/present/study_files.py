"""The findings of a study as files: a page, tables for a paper, a summary, and all numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from dmlbench.present.comparison_files import markdown_table
from dmlbench.present.figures import grid_files
from dmlbench.present.latex import latex_table
from dmlbench.present.page import render_page
from dmlbench.present.result_tables import Table, csv_text
from dmlbench.present.study_heat_maps import study_grids
from dmlbench.present.study_sentences import findings_in_words
from dmlbench.present.study_tables import study_tables
from dmlbench.study.findings import Findings
from dmldata.common.files import write_atomic

PAGE, SUMMARY, NUMBERS = "study.html", "summary.md", "study.json"
TABLES, FIGURES = "tables", "figures"


def write_study(found: Findings, out: Path) -> None:
    """Write `study.html`, `summary.md`, `study.json`, `tables/` as LaTeX and CSV, and `figures/` as
    SVG, PDF and PNG."""
    tables, grids = list(study_tables(found)), list(study_grids(found))
    sentences = list(findings_in_words(found))
    (out / TABLES).mkdir(parents=True, exist_ok=True)
    for name, table in tables:
        write_atomic(out / TABLES / f"{name}.tex", latex_table(table) + "\n")
        write_atomic(out / TABLES / f"{name}.csv", csv_text(table))
    (out / FIGURES).mkdir(exist_ok=True)
    for name, _, grid in grids:
        for suffix, content in grid_files(grid).items():
            write_atomic(out / FIGURES / f"{name}.{suffix}", content)
    write_atomic(out / SUMMARY, _summary(found, sentences, [table for _, table in tables]))
    numbers = found.model_dump(mode="json")
    write_atomic(out / NUMBERS, json.dumps(numbers, indent=1, ensure_ascii=False) + "\n")
    page = render_page(
        "study.html.j2",
        recipe=found.recipe,
        scale=_scale(found),
        sentences=sentences,
        tables=tables,
        grids=grids,
        facts=list(_facts(found)),
    )
    write_atomic(out / PAGE, page)


def _summary(found: Findings, sentences: list[str], tables: list[Table]) -> str:
    said = "\n".join(f"- {sentence}" for sentence in sentences)
    head = [f"# {found.recipe.title}", found.recipe.description, _scale(found), said]
    return "\n\n".join([*head, *map(markdown_table, tables)]) + "\n"


def _scale(found: Findings) -> str:
    """What a reader has to know of the size of the study."""
    recipe = found.recipe
    maps = f" Maps of {len(found.maps.keys)} images." if found.maps else ""
    on = "; ".join(
        f"{what} on {dataset.title} ({dataset.images} images)"
        for what, dataset in found.datasets.items()
    )
    folds = f"{len(recipe.folds)} fold{'s' if len(recipe.folds) > 1 else ''}"
    return f"{len(recipe.trained)} losses, {folds}; measured: {on}.{maps}"


def _facts(found: Findings) -> Iterator[tuple[str, str]]:
    """Settings, by name."""
    for name, value in found.recipe.model_dump(mode="json", exclude_none=True).items():
        if name not in {"title", "description"}:
            yield name, value if isinstance(value, str) else json.dumps(value)
    for what, dataset in found.datasets.items():
        yield f"{what}: fingerprint", dataset.fingerprint
