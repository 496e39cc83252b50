"""The option `--version` of both commands."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from dmldata.common.output import say
from dmldata.version import __version__

_SHOWN = {"Blender": "bpy", "torch": "torch", "NumPy": "numpy"}
"""Packages that results and pictures depend on most: title and distribution."""


def installed_versions() -> dict[str, str]:
    """Return the versions of dml-prism, Python, and of Blender, torch and NumPy if installed."""
    versions = {"dml-prism": __version__, "Python": platform.python_version()}
    for name, distribution in _SHOWN.items():
        try:
            versions[name] = version(distribution)
        except PackageNotFoundError:
            continue
    return versions


def add_version_option(app: typer.Typer) -> None:
    """Give a command `--version`, which prints one line and exits with 0."""
    app.callback()(_with_version)


def _show(requested: bool) -> None:
    if requested:
        first, *rest = (f"{name} {number}" for name, number in installed_versions().items())
        say(f"{first} ({', '.join(rest)})")
        raise typer.Exit


def _with_version(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show,
            is_eager=True,
            help="Show the versions of dml-prism, Python, Blender, torch and NumPy, and exit.",
        ),
    ] = False,
) -> None: ...
