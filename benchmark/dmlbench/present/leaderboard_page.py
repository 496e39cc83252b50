"""Write the leaderboard as a sortable page, with filters and a card for each model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from dmlbench.comparison.comparison import labels_of
from dmlbench.leaderboard.ranks import Rank, ranks
from dmlbench.leaderboard.submission import Submission
from dmlbench.present.numbers import NONE, interval, number
from dmlbench.present.page import render_page, script
from dmlbench.present.table import Column, Estimate, Table, names
from dmlbench.results.files import CLASSES, DatasetRecord
from dmlbench.scores.registry import MAIN, ScoreDeclaration, declared
from dmlbench.scores.score import ABSENT
from dmldata.common.errors import InputError
from dmldata.common.files import write_atomic


class BoardScore(NamedTuple):
    """A score of a property that is a column of a leaderboard."""

    title: str
    name: str
    declaration: ScoreDeclaration


class Cell(NamedTuple):
    """A score of a model; None if there is none."""

    text: str
    estimate: Estimate
    rank: str
    hover: str

    @property
    def value(self) -> float | None:
        """The score."""
        return self.estimate.value

    @property
    def is_chance(self) -> bool:
        """Whether the score is inside chance."""
        return self.estimate.bracketed


class Row(NamedTuple):
    """A model of a leaderboard; `place` is the anchor of its card on the page.

    Its label is its name, or its id where another model has the same name.
    """

    place: str
    label: str
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
        kind="leaderboard",
        sections=[(board.dataset.fingerprint, board.dataset.title) for board in boards],
        explained="leaderboard",
        boards=boards,
        trunks=sorted({submission.card.trunk for submission in everyone}),
        losses=sorted({submission.card.loss or NONE for submission in everyone}),
        script=text,
        script_hash=Markup(digest),
    )
    write_atomic(path, page)


def _board(models: Sequence[Submission]) -> Board:
    dataset = models[0].run.dataset
    scores = list(_scores(list(models[0].properties.properties)))
    by_score = [ranks(models, score.name, score.declaration.key) for score in scores]
    labels = labels_of({submission.model: submission.card.name for submission in models})
    rows = []
    for place, submission in enumerate(models):
        label = labels[submission.model]
        cells = [
            _cell(submission, label, score, rank_of.get(submission.model))
            for score, rank_of in zip(scores, by_score, strict=True)
        ]
        rows.append(Row(f"{dataset.fingerprint}-{place}", label, submission, cells))
    columns = (
        *names("model", "loss", "trunk"),
        *(Column(score.title, score.declaration.digits) for score in scores),
    )
    table = Table(
        dataset.title,
        columns,
        [
            (
                *(row.label, row.model.card.loss, row.model.card.trunk),
                *(cell.estimate for cell in row.cells),
            )
            for row in rows
        ],
        f"{dataset.images} images; in brackets: 95 % interval; in parentheses: inside chance",
    )
    return Board(dataset, [score.title for score in scores], rows, table)


def _scores(properties: Sequence[str]) -> Iterator[BoardScore]:
    """Yield the scores of the columns: retrieval of the class, and the main score of all."""
    retrieved = next((name for name in CLASSES if name in properties), None)
    if retrieved is not None:
        map_at_r = declared("map_at_r")
        yield BoardScore(f"{map_at_r.title} of {retrieved}", retrieved, map_at_r)
    for name in properties:
        yield BoardScore(name, name, MAIN)


def _cell(submission: Submission, label: str, column: BoardScore, rank: Rank | None) -> Cell:
    scored = submission.properties.properties.get(column.name)
    score = scored.scores.get(column.declaration.key, ABSENT) if scored else ABSENT
    if score.value is None:
        return Cell(NONE, Estimate(None), "", scored.reason or "" if scored else "not scored")
    digits = column.declaration.digits
    text = number(score.value, digits)
    hover = (
        f"{column.name}, {label}: {text}, 95 % interval "
        f"{interval(score.ci95, digits)}, chance {interval(score.chance, digits)}, rank {rank}"
    )
    estimate = Estimate(score.value, score.ci95, bracketed=score.is_chance)
    return Cell(text, estimate, str(rank), hover)
