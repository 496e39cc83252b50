"""Pages from templates: files that need no other and ask for none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from dmlbench.tables import NEGATIVE

FOLDER = Path(__file__).parent


def render_page(template: str, **values: Any) -> str:
    """The HTML of a template beside this file, filled in; `style` is added."""
    style = Markup((FOLDER / "style.css").read_text(encoding="utf-8"))
    return _environment().get_template(template).render(style=style, **values)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"breakable": _breakable, "minus": _minus}
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
