"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Address of the Ray cluster; 'auto' uses one that runs on this machine.",
    ),
]
