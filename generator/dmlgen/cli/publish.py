"""The command dmlgen publish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmldata.common import console
from dmldata.common.console import say

if TYPE_CHECKING:
    from dmldata.verify import Problem


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a dataset.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="PLACE",
            help="hf://owner/name on the Hugging Face Hub, a folder, or a URL such as s3://...",
        ),
    ],
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="Give the dataset this version, once it is checked: changed pictures ask for "
            "another first number, added ones for the second, a new card for the third.",
        ),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="A repository that is made on the Hub is private.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, show what would go, and put nothing there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a dataset, put it where others find it, and check it there.

    Everything is checked first: all that 'verify' checks, the licenses of the works in it, that
    nothing in it tells of this machine or gives access to something, and that the place is new,
    empty or holds an earlier version. The same command goes on after an interruption. On the Hub
    it is one commit, tagged with the version; the token is that of 'hf auth login' or HF_TOKEN.
    """
    from rich.filesize import decimal

    from dmlgen.publish.publish import check_place, plan_publication, problems_of, set_version
    from dmlgen.publish.publish import publish as publish_to
    from dmlgen.publish.stores import open_store

    store = open_store(to, private=private, quiet=as_json)
    check_place(folder, store)
    with console.progress("verify", None, quiet=as_json) as bar:
        problems = problems_of(folder, version, bar.report)
    if problems:
        _show_problems(problems, folder, as_json)
        raise typer.Exit(1)
    planned = plan_publication(folder, store, version)
    if version is not None and not dry_run:
        set_version(folder, version)
    shown = {
        "to": store.name,
        "version": planned.manifest.version,
        "files": len(planned.files),
        "new": planned.new,
        "gone": planned.gone,
        "bytes": planned.bytes,
    }
    if dry_run:
        if as_json:
            say(json.dumps({**shown, "published": False}))
            return
        for name in planned.new:
            say(f"would put {name} ({decimal((folder / name).stat().st_size)})")
        for name in planned.gone:
            say(f"would remove {name}")
        say(f"{store.name}: {len(planned.new)} files to put, {decimal(planned.bytes)}")
        return
    publish_to(planned, store, (lambda line: None) if as_json else say)
    if as_json:
        say(json.dumps({**shown, "published": True}))
    else:
        name = f"{planned.manifest.name} {planned.manifest.version}"
        say(f"{store.name}: {name}, {len(planned.files)} files, all checksums right")


def _show_problems(problems: list[Problem], folder: Path, as_json: bool) -> None:
    if as_json:
        found = [{"file": problem.file, "what": problem.what} for problem in problems]
        say(json.dumps({"published": False, "problems": found}))
        return
    for problem in problems:
        say(f"{problem.file}: {problem.what}")
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    say(f"{count} in {folder}; nothing was published")
