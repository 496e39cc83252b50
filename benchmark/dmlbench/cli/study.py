"""Define the command dmlbench study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dmlbench.cli.options import ClusterOptions
from dmldata.common.commandline import path_or_url
from dmldata.common.option_groups import expand_options
from dmldata.common.options import AsJson
from dmldata.common.output import say


@expand_options
def study(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="Name of a study that comes with dml-prism (mini, full), or path of a .yaml file.",
            callback=path_or_url,
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the study; by default the name of the study."),
    ] = None,
    training: Annotated[
        str | None,
        typer.Option(
            "--training",
            metavar="DATA",
            help="Images to train on and to retrieve the test classes of, in place of those of the "
            "recipe: a dataset, or a folder of Cars196, CUB-200-2011 or Stanford Online Products.",
            callback=path_or_url,
        ),
    ] = None,
    cluster: ClusterOptions,
    as_json: AsJson = False,
) -> None:
    """Train one model per loss and fold, evaluate and compare them, and write the paper's tables.

    Finished work is not repeated: the same command resumes an interrupted study, and a loss or
    fold that is added to the recipe costs only its own work.
    """
    from dmlbench.cli.values import check_folder
    from dmlbench.evaluation.executor_settings import ExecutorSettings
    from dmlbench.present.study_files import write_study
    from dmlbench.present.study_sentences import findings_in_words
    from dmlbench.study import load_study, run_study

    loaded = load_study(recipe)
    if training is not None:
        loaded = loaded.trained_on(training)
    folder = out or Path(loaded.name)
    check_folder(folder, "--out")
    executor = ExecutorSettings(**vars(cluster))
    findings = run_study(
        loaded,
        folder,
        executor=executor,
        say=(lambda line: None) if as_json else say,
        quiet=as_json,
    )
    write_study(findings, folder)
    if as_json:
        say(json.dumps(findings.model_dump(mode="json"), indent=1, ensure_ascii=False))
        return
    for sentence in findings_in_words(findings):
        say(f"- {sentence}")
    say(f"study: {folder / 'study.html'}")
