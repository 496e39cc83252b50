"""Define the commands dmlbench submit and dmlbench leaderboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dmldata.common.options import AsJson
from dmldata.common.output import say


def submit(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="Result folder of one model on one dataset.")
    ],
    board: Annotated[
        Path, typer.Option("--board", help="Folder of the leaderboard, one file per entry.")
    ],
    trunk: Annotated[str, typer.Option("--trunk", help="Name of the trunk, as timm names it.")],
    trained_on: Annotated[
        str,
        typer.Option(
            "--trained-on", help="Data that the model was trained on, including pretraining."
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name", help="Name of the model; by default the name it was evaluated under."
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss", help="Loss that the model was trained with; by default as evaluated."
        ),
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="URL of the model or its paper.")] = None,
    note: Annotated[
        str, typer.Option("--note", help="Note of one line, shown with the entry.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Check the results of a model and add them to a leaderboard as one small file.

    The results have to be complete (intervals, chance, a model), on a rendered dataset, and
    computed with the settings of the existing entries. The file contains no local path.
    """
    from pydantic import ValidationError

    from dmlbench.leaderboard import Card, earlier_entry
    from dmlbench.leaderboard import submit as submit_result
    from dmlbench.results import find_results
    from dmldata.common.errors import InputError
    from dmldata.common.strict import explain

    results = find_results([result])
    if len(results) != 1:
        raise InputError(
            f"{result}: holds results of {len(results)} models; valid: one model at a time"
        )
    (selected,) = results
    try:
        card = Card(
            name=name or selected.run.name,
            trunk=trunk,
            loss=loss or selected.run.model.loss,
            trained_on=trained_on,
            url=url,
            note=note,
        )
    except ValidationError as error:
        raise InputError(f"submit: {explain(error, Card)}") from None
    replaced = earlier_entry(selected, board)
    path = submit_result(selected, card, board)
    if as_json:
        say(json.dumps({"file": str(path)}))
        return
    say(f"submitted: {path}")
    if replaced is not None:
        say(f"note: it replaces the entry of the same model, {replaced.card.name}")


def leaderboard(
    board: Annotated[
        Path, typer.Argument(metavar="BOARD", help="Folder of the leaderboard, one file per entry.")
    ],
    out: Annotated[Path, typer.Option("--out", help="HTML file to write.")] = Path(
        "leaderboard.html"
    ),
    title: Annotated[str, typer.Option("--title", help="Title of the page.")] = "Leaderboard",
    as_json: AsJson = False,
) -> None:
    """Write the page of a leaderboard: one sortable HTML file with a card for each model."""
    from dmlbench.cli.values import check_file
    from dmlbench.leaderboard import read_board
    from dmlbench.present.leaderboard_page import write_leaderboard

    check_file(out, "--out")
    entries_by_dataset = read_board(board)
    write_leaderboard(entries_by_dataset, out, title)
    models = sum(map(len, entries_by_dataset.values()))
    if as_json:
        say(json.dumps({"leaderboard": str(out), "models": models}))
    else:
        say(f"leaderboard: {out}, {models} entries on {len(entries_by_dataset)} datasets")
