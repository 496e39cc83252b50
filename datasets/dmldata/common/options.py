"""Options of the command line that `dmlgen` and `dmlbench` share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, without progress bars.")
]
ExecutorName = Annotated[
    str,
    typer.Option("--executor", help="Where to run: local (this machine) or ray (a Ray cluster)."),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Address of the Ray cluster: auto, or host:port; the default starts one here.",
    ),
]
