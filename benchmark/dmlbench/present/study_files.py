"""Write the findings of a study: a page, tables for a paper, a summary, and all numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from dmlbench.losses import without_controls
from dmlbench.present.difference_sentences import listed
from dmlbench.present.documents import json_text
from dmlbench.present.figures import figure_files
from dmlbench.present.latex import latex_table
from dmlbench.present.page import render_page
from dmlbench.present.study_answers import Answer, study_answers
from dmlbench.present.study_tables import CLAIMS, study_tables
from dmlbench.present.table import Table
from dmlbench.present.table_writers import csv_table, markdown_table
from dmlbench.study.findings import Findings
from dmldata.common.files import write_atomic

PAGE, SUMMARY, NUMBERS = "study.html", "summary.md", "study.json"
TABLES, FIGURES = "tables", "figures"


def write_study(findings: Findings, out: Path) -> None:
    """Write the files of a study into a folder.

    They are `study.html`, `summary.md`, `study.json`, `tables/` as LaTeX and CSV, and `figures/` as
    SVG, PDF and PNG.
    """
    tables, answers = list(study_tables(findings)), study_answers(findings)
    (out / TABLES).mkdir(parents=True, exist_ok=True)
    for name, table in tables:
        write_atomic(out / TABLES / f"{name}.tex", latex_table(table) + "\n")
        write_atomic(out / TABLES / f"{name}.csv", csv_table(table))
    (out / FIGURES).mkdir(exist_ok=True)
    for answer in answers:
        for figure in answer.figures:
            for suffix, content in figure_files(figure.drawn).items():
                write_atomic(out / FIGURES / f"{figure.name}.{suffix}", content)
    write_atomic(out / SUMMARY, _summary(findings, answers, [table for _, table in tables]))
    write_atomic(out / NUMBERS, json_text(findings) + "\n")
    page = render_page(
        "study.html.j2",
        title=findings.recipe.title,
        kind="study",
        sections=[
            *((answer.key, answer.key) for answer in answers),
            ("claims", "beside the paper"),
            ("numbers", "numbers"),
            ("made", "method"),
        ],
        explained="study",
        recipe=findings.recipe,
        scale=study_scale(findings),
        answers=answers,
        claims=dict(tables)[CLAIMS],
        tables=[(name, table, _topic(name)) for name, table in tables if name != CLAIMS],
        facts=list(_facts(findings)),
    )
    write_atomic(out / PAGE, page)


def _summary(findings: Findings, answers: Sequence[Answer], tables: Sequence[Table]) -> str:
    head = [f"# {findings.recipe.title}", findings.recipe.description, study_scale(findings)]
    said = [f"## {answer.question}\n\n{answer.markdown}" for answer in answers if answer.sentences]
    return "\n\n".join([*head, *said, *map(markdown_table, tables)]) + "\n"


def _topic(name: str) -> str:
    """Return which of `EXPLANATIONS` is of a table."""
    topics = {
        "equal": "equal",
        "intervention": "interventions",
        "saliency_faithfulness": "faithfulness",
        "group": "groups",
        "saliency": "bounds",
        "retrieval": "others",
        "training": "training",
        "condition": "conditions",
        "representations": "representations",
    }
    return next((topic for start, topic in topics.items() if name.startswith(start)), "scores")


def study_scale(findings: Findings) -> str:
    """Describe the size of the study."""
    recipe = findings.recipe
    maps = f" Maps of {len(findings.maps.keys)} images." if findings.maps else ""
    on = "; ".join(
        f"{what} on {dataset.title} ({dataset.images} images)"
        for what, dataset in findings.datasets.items()
    )
    if findings.interventions:
        sweeps = [each.dataset.images for each in findings.interventions.values()]
        on += f"; interventions on {listed(list(findings.interventions))} ({sum(sweeps)} images)"
    folds = f"{len(recipe.folds)} fold{'s' if len(recipe.folds) > 1 else ''}"
    losses = len(without_controls(findings.losses))
    return f"{losses} losses, {folds}; measured: {on}.{maps}"


def _facts(findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield the settings of the study by name."""
    for name, value in findings.recipe.model_dump(mode="json", exclude_none=True).items():
        if name not in {"title", "description"}:
            yield name, value if isinstance(value, str) else json.dumps(value)
    for what, dataset in findings.datasets.items():
        yield f"{what}: fingerprint", dataset.fingerprint
