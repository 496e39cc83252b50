"""Write the findings of a study: a page, tables for a paper, a summary, and all numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from dmlbench.present.documents import json_text
from dmlbench.present.dot_plots import DotPlot
from dmlbench.present.figures import figure_files
from dmlbench.present.latex import latex_table
from dmlbench.present.line_plots import LinePlot
from dmlbench.present.page import render_page
from dmlbench.present.study_dot_plots import study_dot_plots
from dmlbench.present.study_heat_maps import study_grids
from dmlbench.present.study_line_plots import study_line_plots
from dmlbench.present.study_sentences import findings_in_words
from dmlbench.present.study_tables import CLAIMS, study_tables
from dmlbench.present.table import Table
from dmlbench.present.table_writers import csv_table, markdown_table
from dmlbench.study.findings import Findings
from dmldata.common.files import write_atomic

PAGE, SUMMARY, NUMBERS = "study.html", "summary.md", "study.json"
TABLES, FIGURES = "tables", "figures"
_PLOTS = {
    "trajectories": (
        "A line per loss, mean over folds, from the first checkpoint to the last that all folds "
        "have (dot); squares, the untrained network."
    ),
    "equal_map_at_r": (
        "Every loss at the highest validation MAP@R that all of them reached, mean over folds with "
        "the 95 % interval of other images; dotted, the untrained network."
    ),
    "interventions": (
        "How far a change of one group of factors alone moves an embedding, over the distance to "
        "another car in the same setting; mean over folds with the 95 % interval of other scenes; "
        "dotted, the untrained network."
    ),
    "responses": (
        "The same by the size of the change, a factor in each panel: a line per loss, mean over "
        "folds; dashed, the untrained network."
    ),
    "agreement": (
        "How far two models agree: a dot per pair of losses trained on the same classes, and of a "
        "loss beside itself. Losses that agree as far as one trained on other classes differ by no "
        "more than the choice of classes; a condition with another seed says what chance changes."
    ),
    "faithfulness": (
        "Whether the maps show what the model does, with the 95 % interval of other images: "
        "deletion above 0 and insertion below 0 are better than a random order of the pixels, and "
        "randomization near 0 means that a map depends on the weights. The last rows are the "
        "controls."
    ),
}
"""What the plots show, in words."""


def write_study(findings: Findings, out: Path) -> None:
    """Write the files of a study into a folder.

    They are `study.html`, `summary.md`, `study.json`, `tables/` as LaTeX and CSV, and `figures/` as
    SVG, PDF and PNG.
    """
    tables, grids = list(study_tables(findings)), list(study_grids(findings))
    sentences = list(findings_in_words(findings))
    (out / TABLES).mkdir(parents=True, exist_ok=True)
    for name, table in tables:
        write_atomic(out / TABLES / f"{name}.tex", latex_table(table) + "\n")
        write_atomic(out / TABLES / f"{name}.csv", csv_table(table))
    (out / FIGURES).mkdir(exist_ok=True)
    files = {name: figure_files(grid) for name, _, grid in grids}
    drawn: dict[str, DotPlot | LinePlot] = {
        **dict(study_dot_plots(findings)),
        **dict(study_line_plots(findings)),
    }
    plots = {name: drawn[name] for name in _PLOTS if name in drawn}
    files |= {name: figure_files(plot) for name, plot in plots.items()}
    for name, by_suffix in files.items():
        for suffix, content in by_suffix.items():
            write_atomic(out / FIGURES / f"{name}.{suffix}", content)
    write_atomic(out / SUMMARY, _summary(findings, sentences, [table for _, table in tables]))
    write_atomic(out / NUMBERS, json_text(findings) + "\n")
    page = render_page(
        "study.html.j2",
        title=findings.recipe.title,
        kind="study",
        sections=[
            ("findings", "in short"),
            ("claims", "beside the paper"),
            *((f"figure-{name}", title) for name, title, _ in grids),
            *((f"figure-{name}", plot.title) for name, plot in plots.items()),
            ("numbers", "numbers"),
            ("made", "method"),
        ],
        explained="study",
        recipe=findings.recipe,
        scale=_scale(findings),
        sentences=sentences,
        claims=dict(tables)[CLAIMS],
        tables=[(name, table, _topic(name)) for name, table in tables if name != CLAIMS],
        grids=grids,
        plots=[
            (name, plot, text, _topic(name))
            for name, text in _PLOTS.items()
            if (plot := plots.get(name)) is not None
        ],
        facts=list(_facts(findings)),
    )
    write_atomic(out / PAGE, page)


def _summary(findings: Findings, sentences: list[str], tables: list[Table]) -> str:
    said = "\n".join(f"- {sentence}" for sentence in sentences)
    head = [f"# {findings.recipe.title}", findings.recipe.description, _scale(findings), said]
    return "\n\n".join([*head, *map(markdown_table, tables)]) + "\n"


def _topic(name: str) -> str:
    """Return which of `EXPLANATIONS` is of a table or a plot."""
    topics = {
        "equal": "equal",
        "trajectories": "equal",
        "intervention": "interventions",
        "responses": "responses",
        "agreement": "representations",
        "faithfulness": "faithfulness",
        "saliency_faithfulness": "faithfulness",
        "group": "groups",
        "saliency": "bounds",
        "retrieval": "others",
        "training": "training",
        "condition": "conditions",
        "representations": "representations",
    }
    return next((topic for start, topic in topics.items() if name.startswith(start)), "scores")


def _scale(findings: Findings) -> str:
    """Describe the size of the study."""
    recipe = findings.recipe
    maps = f" Maps of {len(findings.maps.keys)} images." if findings.maps else ""
    on = "; ".join(
        f"{what} on {dataset.title} ({dataset.images} images)"
        for what, dataset in findings.datasets.items()
    )
    folds = f"{len(recipe.folds)} fold{'s' if len(recipe.folds) > 1 else ''}"
    return f"{len(recipe.trained)} losses, {folds}; measured: {on}.{maps}"


def _facts(findings: Findings) -> Iterator[tuple[str, str]]:
    """Yield the settings of the study by name."""
    for name, value in findings.recipe.model_dump(mode="json", exclude_none=True).items():
        if name not in {"title", "description"}:
            yield name, value if isinstance(value, str) else json.dumps(value)
    for what, dataset in findings.datasets.items():
        yield f"{what}: fingerprint", dataset.fingerprint
