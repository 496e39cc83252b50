"""The command `dmlgen export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dmldata.common.commandline import path_or_url
from dmldata.common.output import say
from dmldata.common.progress import progress_bar
from dmldata.export.formats import DEFAULT_LABEL, FORMATS

_FORMATS = "; ".join(f"{name} ({format_.title})" for name, format_ in FORMATS.items())
_WITH_CLASSES = ", ".join(name for name, format_ in FORMATS.items() if format_.has_classes)


def export(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="DIR", help="Folder, URL or name of the dataset.", callback=path_or_url
        ),
    ],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=f"Format: {_FORMATS}.")],
    out: Annotated[Path, typer.Option(help="New folder to write.")],
    label: Annotated[
        str | None,
        typer.Option(
            metavar="FACTOR",
            help=f"Factor that {_WITH_CLASSES} sorts the images into classes by; the default is "
            f"{DEFAULT_LABEL}.",
        ),
    ] = None,
) -> None:
    """Write a dataset in a format that other tools read, with its card, license and credits.

    Images are copied as they are. The folder appears when it is complete.
    """
    from dmldata.export import export_dataset

    with progress_bar("export", None) as bar:
        exported = export_dataset(folder, out, to=to, label=label, progress=bar.report)
    if exported.left_out:
        say(
            f"{exported.left_out} images left out: '{label or DEFAULT_LABEL}' does not apply to "
            "them"
        )
    say(f"{out}: {exported.images} images")
