"""The command `dmlgen publish`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmldata.common.options import AsJson
from dmldata.common.output import say
from dmldata.common.progress import progress_bar

if TYPE_CHECKING:
    from dmldata.verify import Problem
    from dmlgen.publish.publish import Publication


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="PLACE",
            help="Where to publish: hf://owner/name on the Hugging Face Hub, a folder, or a URL "
            "such as s3://...",
        ),
    ],
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            help="Version to give the dataset once it is checked, such as 1.1.0. Changed images "
            "require a new first number, added images a new second, a new card a new third.",
        ),
    ] = None,
    creator: Annotated[
        str | None,
        typer.Option(
            "--creator",
            help="Who publishes the dataset, for its card and citation; the default is what the "
            "dataset says, at first 'dml-prism'.",
        ),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository on the Hub private.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check the dataset and list what would be published, without publishing.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check a dataset, publish it, and check the published copy.

    All checks run first: what 'verify' checks, the licenses of the works in the images, that no
    file reveals this machine, a user or a credential, and that the place is new, is empty or holds
    an earlier version. After an interruption, run the same command again: it resumes. On the Hub
    the dataset is one commit, tagged with the version; the token comes from 'hf auth login' or
    HF_TOKEN.
    """
    from dmldata.card.write import README_BEFORE
    from dmlgen.publish.publish import check_place, plan_publication, problems_of, restate
    from dmlgen.publish.publish import publish as publish_to
    from dmlgen.publish.stores import open_store

    store = open_store(to, private=private, quiet=as_json)
    check_place(folder, store)
    with progress_bar("verify", None, quiet=as_json) as bar:
        problems = problems_of(folder, version, creator, bar.report)
    if problems:
        _show_problems(problems, folder, as_json)
        raise typer.Exit(1)
    planned = plan_publication(folder, store, version, creator)
    if not dry_run:
        if restate(folder, version, creator):
            say(
                f"note: {folder / 'README.md'} is written anew; what it was is kept in "
                f"{folder / README_BEFORE}",
                error=True,
            )
        publish_to(planned, store, (lambda line: None) if as_json else say)
    if as_json:
        document = {
            "to": store.name,
            "version": planned.manifest.version,
            "files": len(planned.files),
            "new": planned.new,
            "gone": planned.gone,
            "bytes": planned.bytes,
            "published": not dry_run,
        }
        say(json.dumps(document))
    elif dry_run:
        _show_planned(planned, folder, store.name)
    else:
        name = f"{planned.manifest.name} {planned.manifest.version}"
        say(f"{store.name}: {name}, {len(planned.files)} files, all checksums right")


def _show_planned(planned: Publication, folder: Path, store: str) -> None:
    from rich.filesize import decimal

    for name in planned.new:
        say(f"would put {name} ({decimal((folder / name).stat().st_size)})")
    for name in planned.gone:
        say(f"would remove {name}")
    say(f"{store}: {len(planned.new)} files to put, {decimal(planned.bytes)}")


def _show_problems(problems: list[Problem], folder: Path, as_json: bool) -> None:
    if as_json:
        documents = [{"file": problem.file, "what": problem.what} for problem in problems]
        say(json.dumps({"published": False, "problems": documents}))
        return
    for problem in problems:
        say(f"{problem.file}: {problem.what}")
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    say(f"{count} in {folder}; nothing was published")
