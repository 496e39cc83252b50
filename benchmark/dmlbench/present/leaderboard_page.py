"""The leaderboard as a page: sortable, filtered by trunk and loss, with a card for each model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from dmlbench.leaderboard.ranks import Rank, ranks
from dmlbench.leaderboard.submission import Submission
from dmlbench.present.page import render_page, script
from dmlbench.present.result_tables import NONE, Table, interval, number
from dmlbench.results.files import CLASSES, DatasetRecord, Score
from dmlbench.scores.registry import MAIN, declared
from dmldata.common.errors import InputError
from dmldata.common.files import write_whole


class Cell(NamedTuple):
    """A score of a model.

    Attributes:
        value: for sorting; empty where there is none.
    """

    text: str
    value: str
    rank: str
    hover: str
    is_chance: bool


class Row(NamedTuple):
    """A model of a board; `place` names its card on the page."""

    place: str
    model: Submission
    cells: Sequence[Cell]


class Board(NamedTuple):
    """All models on one dataset."""

    dataset: DatasetRecord
    columns: Sequence[str]
    rows: Sequence[Row]
    table: Table


def write_leaderboard(found: dict[str, list[Submission]], path: Path, title: str) -> None:
    """Write the page: one file that needs no other.

    Raises:
        InputError: no submissions.
    """
    if not found:
        raise InputError("no submissions there; make one with: dmlbench submit")
    boards = [_board(models) for models in found.values()]
    everyone = [one for models in found.values() for one in models]
    text, digest = script("leaderboard.js")
    page = render_page(
        "leaderboard.html.j2",
        title=title,
        boards=boards,
        trunks=sorted({one.card.trunk for one in everyone}),
        losses=sorted({one.card.loss or NONE for one in everyone}),
        script=text,
        script_hash=Markup(digest),
    )
    write_whole(path, page)


def _board(models: Sequence[Submission]) -> Board:
    names = list(models[0].properties.properties)
    wanted = list(_wanted(names))
    by_column = [ranks(models, name, score) for _, name, score, _ in wanted]
    rows = []
    for number_, one in enumerate(models):
        cells = [
            _cell(one, name, score, digits, found.get(one.model))
            for (_, name, score, digits), found in zip(wanted, by_column, strict=True)
        ]
        place = f"{models[0].run.dataset.fingerprint}-{number_}"
        rows.append(Row(place, one, cells))
    columns = [title for title, *_ in wanted]
    table = Table(
        models[0].run.dataset.title,
        ("model", "loss", "trunk", *columns),
        [
            (
                row.model.card.name,
                row.model.card.loss or NONE,
                row.model.card.trunk,
                *(cell.text for cell in row.cells),
            )
            for row in rows
        ],
    )
    return Board(models[0].run.dataset, columns, rows, table)


def _wanted(names: Sequence[str]) -> Iterator[tuple[str, str, str, int]]:
    """(title, property, score, digits) of the columns."""
    retrieved = next((name for name in CLASSES if name in names), None)
    if retrieved is not None:
        score = declared("map_at_r")
        yield f"{score.title} of {retrieved}", retrieved, score.key, score.digits
    for name in names:
        yield name, name, MAIN.key, MAIN.digits


def _cell(one: Submission, name: str, score: str, digits: int, rank: Rank | None) -> Cell:
    scores = one.properties.properties.get(name)
    found = scores.scores.get(score) if scores else None
    if found is None or found.value is None:
        return Cell(NONE, "", "", scores.reason or "" if scores else "not scored", False)
    return Cell(
        number(found.value, digits),
        repr(found.value),
        str(rank),
        f"{name}, {one.card.name}: {_hover(found, digits)}, rank {rank}",
        found.is_chance,
    )


def _hover(found: Score, digits: int) -> str:
    return (
        f"{number(found.value, digits)}, 95 % interval {interval(found.ci95, digits)}, "
        f"chance {interval(found.chance, digits)}"
    )
