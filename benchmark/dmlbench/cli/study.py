"""The command dmlbench study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dmldata.common import console
from dmldata.common.console import say


def study(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A study of the project (mini, full) or the path of a .yaml file.",
            callback=console.path_or_url,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the study; by default its name.")
    ] = None,
    executor: Annotated[
        str, typer.Option("--executor", help="local, or ray: models side by side.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option("--address", help="Of a Ray cluster; 'auto' finds one here.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Models side by side on Ray, at most.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="CPUs of each model on Ray; 1.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train a model of each loss and fold, measure and compare them, write the paper's tables.

    What is done is not done again: the same command goes on with an interrupted study, and a loss
    or fold that is added to the recipe costs its own work alone.
    """
    from dmlbench.cli.values import check_folder
    from dmlbench.evaluate.executor import check_executor
    from dmlbench.present.study_files import write_study
    from dmlbench.present.study_sentences import findings_in_words
    from dmlbench.study import load_study, run_study

    loaded = load_study(recipe)
    folder = out or Path(loaded.name)
    check_folder(folder, "--out")
    check_executor(executor, address, workers)
    found = run_study(
        loaded,
        folder,
        executor=executor,
        address=address,
        workers=workers,
        threads=threads,
        say=(lambda line: None) if as_json else say,
        quiet=as_json,
    )
    write_study(found, folder)
    if as_json:
        say(json.dumps(found.model_dump(mode="json"), indent=1, ensure_ascii=False))
        return
    for sentence in findings_in_words(found):
        say(f"- {sentence}")
    say(f"study: {folder / 'study.html'}")
