"""Render self-contained pages from templates."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from dmlbench.present.dot_plots import DotPlot
from dmlbench.present.explanations import EXPLANATIONS
from dmlbench.present.figures import Drawn, figure_files
from dmlbench.present.latex import latex_table
from dmlbench.present.line_plots import LinePlot
from dmlbench.present.numbers import minus
from dmlbench.present.response_plots import ResponsePlot
from dmlbench.present.table import Table
from dmlbench.present.table_writers import csv_table
from dmldata.common.pages import shared_style

FOLDER = Path(__file__).parent / "templates"
_KINDS = {
    "csv": ("CSV", "text/csv"),
    "tex": ("LaTeX", "application/x-tex"),
    "svg": ("SVG", "image/svg+xml"),
    "pdf": ("PDF", "application/pdf"),
    "png": ("PNG", "image/png"),
}
"""Name and media type of files by suffix."""


def render_page(template: str, **values: object) -> str:
    """Render a template of this package to HTML.

    Args:
        values: for all templates `title`, `kind` (of page), `sections` as (anchor, text) for the
            bar at the top, and `explained`, a key of `EXPLANATIONS`; the others as each needs.
    """
    style = Markup(shared_style() + (FOLDER / "style.css").read_text(encoding="utf-8"))
    values["explained"] = EXPLANATIONS[str(values["explained"])]
    return _environment().get_template(template).render({"script_hash": "", **values}, style=style)


def script(name: str) -> tuple[Markup, str]:
    """Return a script of this package, and its hash for the page's content security policy."""
    text = "\n" + (FOLDER / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"'sha256-{digest}'"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["explanations"] = EXPLANATIONS
    environment.filters |= {"breakable": _breakable, "minus": minus}
    environment.filters |= {
        "downloads": _table_links,
        "figures": _figure_links,
        "picture": _picture,
    }
    return environment


def _breakable(name: str) -> Markup:
    """Return a long name with positions for line breaks."""
    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))


def _table_links(table: Table) -> Markup:
    """Return links to download a table."""
    return _links(
        table.title,
        {"csv": csv_table(table).encode(), "tex": (latex_table(table) + "\n").encode()},
    )


def _figure_links(figure: Drawn, title: str) -> Markup:
    """Return links to download a heat map, a tree or a plot."""
    return _links(title, figure_files(figure))


def _picture(plot: ResponsePlot | LinePlot | DotPlot) -> Markup:
    """Return a plot as a picture of the page."""
    drawing = base64.b64encode(figure_files(plot)["svg"]).decode()
    return Markup('<img class="curve" src="data:image/svg+xml;base64,{}" alt="{}">').format(
        drawing, plot.title
    )


def _links(title: str, files: Mapping[str, bytes]) -> Markup:
    """Return links to files, by suffix, that are embedded in the page."""
    links = [
        Markup('<a download="{}.{}" href="data:{};base64,{}">{}</a>').format(
            file_name(title), suffix, kind, base64.b64encode(files[suffix]).decode(), name
        )
        for suffix, (name, kind) in _KINDS.items()
        if suffix in files
    ]
    return Markup(" ").join(links)


def file_name(title: str) -> str:
    """Return a file name for a title.

    >>> file_name("Groups by NR-Precision: a against b")
    'groups_by_nr_precision_a_against_b'
    """
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
