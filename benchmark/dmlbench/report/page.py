"""Pages from templates: files that need no other and ask for none."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from dmlbench.compare.latex import latex_table
from dmlbench.tables import NEGATIVE, Table, csv_text

FOLDER = Path(__file__).parent


def render_page(template: str, **values: Any) -> str:
    """The HTML of a template beside this file, filled in; `style` is added."""
    style = Markup((FOLDER / "style.css").read_text(encoding="utf-8"))
    return _environment().get_template(template).render(style=style, **values)


def script(name: str) -> tuple[Markup, str]:
    """A script beside this file, and its hash as the page's security policy names it."""
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
    environment.filters |= {"breakable": _breakable, "minus": _minus, "downloads": _downloads}
    return environment


def _breakable(name: str) -> Markup:
    """A long name with places to break it."""
    return Markup("_<wbr>").join(escape(part) for part in name.split("_"))


def _minus(text: str) -> str:
    """Numbers below zero with a minus sign in place of a hyphen.

    >>> _minus("NR-Precision -0.5 to 2026-01-02")
    'NR-Precision −0.5 to 2026-01-02'
    """
    return NEGATIVE.sub("\N{MINUS SIGN}", text)


def _downloads(table: Table) -> Markup:
    """Links to a table as files, which lie in the page itself."""
    name = file_name(table.title)
    links = [
        Markup('<a download="{}.{}" href="data:{};base64,{}">{}</a>').format(
            name, suffix, kind, base64.b64encode(text.encode()).decode(), title
        )
        for title, suffix, kind, text in (
            ("CSV", "csv", "text/csv", csv_text(table)),
            ("LaTeX", "tex", "application/x-tex", latex_table(table) + "\n"),
        )
    ]
    return Markup(" ").join(links)


def file_name(title: str) -> str:
    """
    >>> file_name("Groups by NR-Precision: a against b")
    'groups_by_nr_precision_a_against_b'
    """
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
