"""Write the leaderboard as a sortable page, with filters and a card for each model."""

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
from dmldata.common.files import write_atomic


class Cell(NamedTuple):
    """A score of a model.

    Attributes:
        value: text to sort by; empty if there is no score.
    """

    text: str
    value: str
    rank: str
    hover: str
    is_chance: bool


class Row(NamedTuple):
    """A model of a leaderboard; `place` is the anchor of its card on the page."""

    place: str
    model: Submission
    cells: Sequence[Cell]


class Board(NamedTuple):
    """All models on one dataset."""

    dataset: DatasetRecord
    columns: Sequence[str]
    rows: Sequence[Row]
    table: Table


def write_leaderboard(by_dataset: dict[str, list[Submission]], path: Path, title: str) -> None:
    """Write the page as one self-contained file.

    Raises:
        InputError: there are no submissions.
    """
    if not by_dataset:
        raise InputError("the leaderboard has no submissions; add one with: dmlbench submit")
    boards = [_board(models) for models in by_dataset.values()]
    everyone = [submission for models in by_dataset.values() for submission in models]
    text, digest = script("leaderboard.js")
    page = render_page(
        "leaderboard.html.j2",
        title=title,
        boards=boards,
        trunks=sorted({submission.card.trunk for submission in everyone}),
        losses=sorted({submission.card.loss or NONE for submission in everyone}),
        script=text,
        script_hash=Markup(digest),
    )
    write_atomic(path, page)


def _board(models: Sequence[Submission]) -> Board:
    names = list(models[0].properties.properties)
    selected = list(_score_columns(names))
    by_column = [ranks(models, name, score) for _, name, score, _ in selected]
    rows = []
    for number_, submission in enumerate(models):
        cells = [
            _cell(submission, name, score, digits, rank_of.get(submission.model))
            for (_, name, score, digits), rank_of in zip(selected, by_column, strict=True)
        ]
        place = f"{models[0].run.dataset.fingerprint}-{number_}"
        rows.append(Row(place, submission, cells))
    columns = [title for title, *_ in selected]
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


def _score_columns(names: Sequence[str]) -> Iterator[tuple[str, str, str, int]]:
    """Yield (title, property, score, digits) of the columns."""
    retrieved = next((name for name in CLASSES if name in names), None)
    if retrieved is not None:
        score = declared("map_at_r")
        yield f"{score.title} of {retrieved}", retrieved, score.key, score.digits
    for name in names:
        yield name, name, MAIN.key, MAIN.digits


def _cell(submission: Submission, name: str, score: str, digits: int, rank: Rank | None) -> Cell:
    scores = submission.properties.properties.get(name)
    found_score = scores.scores.get(score) if scores else None
    if found_score is None or found_score.value is None:
        return Cell(NONE, "", "", scores.reason or "" if scores else "not scored", False)
    return Cell(
        number(found_score.value, digits),
        repr(found_score.value),
        str(rank),
        f"{name}, {submission.card.name}: {_hover(found_score, digits)}, rank {rank}",
        found_score.is_chance,
    )


def _hover(score: Score, digits: int) -> str:
    return (
        f"{number(score.value, digits)}, 95 % interval {interval(score.ci95, digits)}, "
        f"chance {interval(score.chance, digits)}"
    )
