"""The commands dmlbench submit and dmlbench leaderboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dmldata.common.console import say

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def submit(
    result: Annotated[
        Path, typer.Argument(metavar="RESULT", help="A model's results on one dataset.")
    ],
    board: Annotated[Path, typer.Option("--board", help="Folder of the leaderboard.")],
    trunk: Annotated[str, typer.Option("--trunk", help="Name of the network, as timm has it.")],
    trained_on: Annotated[
        str, typer.Option("--trained-on", help="Data the model has seen, pretraining included.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Of the model; by default as evaluated.")
    ] = None,
    loss: Annotated[
        str | None, typer.Option("--loss", help="It was trained with; by default as evaluated.")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="Of the model or its paper.")] = None,
    note: Annotated[str, typer.Option("--note", help="Anything else, in a line.")] = "",
    as_json: AsJson = False,
) -> None:
    """Check results and add them to a leaderboard, as one small file.

    They have to be complete (intervals, chance, a model), of a rendered dataset, and made with the
    settings of those that are there. No path of this machine goes with them.
    """
    from pydantic import ValidationError

    from dmlbench.leaderboard import Card
    from dmlbench.leaderboard import submit as submit_result
    from dmlbench.results import find_results
    from dmldata.common.errors import InputError
    from dmldata.common.strict import explain

    found = find_results([result])
    if len(found) != 1:
        raise InputError(f"{result}: results of {len(found)} models; submit one at a time")
    (one,) = found
    try:
        card = Card(
            name=name or one.run.name,
            trunk=trunk,
            loss=loss or one.run.model.loss,
            trained_on=trained_on,
            url=url,
            note=note,
        )
    except ValidationError as error:
        raise InputError(f"submit: {explain(error, Card)}") from None
    path = submit_result(one, card, board)
    say(json.dumps({"file": str(path)}) if as_json else f"submitted: {path}")


def leaderboard(
    board: Annotated[Path, typer.Argument(metavar="BOARD", help="Folder of the leaderboard.")],
    out: Annotated[Path, typer.Option("--out", help="The page.")] = Path("leaderboard.html"),
    title: Annotated[str, typer.Option("--title", help="Heading of the page.")] = "Leaderboard",
    as_json: AsJson = False,
) -> None:
    """Write the page of a leaderboard: one file, sortable, with a card for each model."""
    from dmlbench.cli.values import check_file
    from dmlbench.leaderboard import read_board
    from dmlbench.present.leaderboard_page import write_leaderboard

    check_file(out, "--out")
    found = read_board(board)
    write_leaderboard(found, out, title)
    models = sum(map(len, found.values()))
    if as_json:
        say(json.dumps({"leaderboard": str(out), "models": models}))
    else:
        say(f"leaderboard: {out}, {models} entries on {len(found)} datasets")
