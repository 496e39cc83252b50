"""Entries of a leaderboard: results of a model without the large files, and its card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from dmlbench.comparison.differences import SAME
from dmlbench.losses import loss_named
from dmlbench.results import Result
from dmlbench.results.files import UNSTABLE, PropertiesFile, RunFile, SaliencyFile
from dmlbench.sources.protocol import without_folders
from dmldata.common.errors import InputError
from dmldata.common.files import read_file, write_atomic
from dmldata.common.foreign import reading
from dmldata.common.strict import StrictModel, parse_json
from dmldata.contract.manifest import Line

FORMAT: Literal[1] = 1
_FOLDERS = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:|~)?[/\\](?:[^\s'\",;:/\\]+[/\\])+")


class Card(StrictModel):
    """Description of a model in a leaderboard.

    Attributes:
        trunk: name of the trunk, that of timm if it has one.
        trained_on: data that the model was trained on, including pretraining.
        url: URL of the model or its paper.
        note: any other note, of one line.
    """

    name: Line
    trunk: Line
    loss: str | None
    trained_on: Line
    url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    note: str = Field(default="", pattern=r"^[^\r\n]*$")


class Submission(StrictModel):
    """One file of a leaderboard."""

    format: Literal[1] = FORMAT
    card: Card
    run: RunFile
    properties: PropertiesFile
    saliency: SaliencyFile | None

    @property
    def model(self) -> str:
        """Id of the model."""
        return self.run.model.id


def submit(result: Result, card: Card, board: Path) -> Path:
    """Check results and write them as one file into the folder of a leaderboard.

    Only the last part of each path is kept, so that the file says nothing of the machine.

    Returns:
        The file, `<fingerprint of the dataset>/<id of the model>.json`.

    Raises:
        InputError: the results are incomplete, of another loss than the card says, or not
            comparable with the existing entries.
    """
    _check_complete(result)
    run = result.run
    if card.loss is not None and loss_named(card.loss).distance != run.model.distance:
        raise InputError(
            f"loss {card.loss}: its distance is {loss_named(card.loss).distance}, the maps are of "
            f"{run.model.distance}; valid: results of dmlbench evaluate --loss {card.loss}"
        )
    submission = Submission(
        card=card,
        run=run.model_copy(
            update={
                "name": card.name,
                "notes": _without_folders(run.notes),
                "model": run.model.model_copy(
                    update={
                        "reference": Path(run.model.reference).name,
                        "notes": _without_folders(run.model.notes),
                        "loss": card.loss,
                    }
                ),
                "dataset": run.dataset.model_copy(
                    update={
                        "url": Path(run.dataset.url).name,
                        "options": without_folders(run.dataset.options),
                    }
                ),
            }
        ),
        properties=result.properties,
        saliency=result.saliency,
    )
    _check_alike(submission, read_board(board).get(run.dataset.fingerprint, []))
    path = _file_of(result, board)
    write_atomic(path, submission.model_dump_json(indent=1) + "\n")
    return path


def earlier_entry(result: Result, board: Path) -> Submission | None:
    """Return the entry of a leaderboard that results of the same model would replace.

    Raises:
        InputError: its file is damaged.
    """
    path = _file_of(result, board)
    return _read(path) if path.is_file() else None


def _file_of(result: Result, board: Path) -> Path:
    return board / result.run.dataset.fingerprint / f"{result.model}.json"


def read_board(board: Path) -> dict[str, list[Submission]]:
    """Read the submissions by fingerprint of the dataset, ordered by the models' names.

    Raises:
        InputError: a file is damaged, or of another dataset than its folder.
    """
    by_dataset: dict[str, list[Submission]] = {}
    for path in sorted(board.glob("*/*.json")):
        submission = _read(path)
        if submission.run.dataset.fingerprint != path.parent.name:
            raise InputError(f"{path}: is of dataset {submission.run.dataset.fingerprint}")
        by_dataset.setdefault(path.parent.name, []).append(submission)
    return {
        dataset: sorted(models, key=lambda submission: submission.card.name)
        for dataset, models in by_dataset.items()
    }


def _read(path: Path) -> Submission:
    with reading(str(path), "a submission of dmlbench submit"):
        return parse_json(Submission, read_file(path), str(path), InputError)


def _without_folders(notes: Sequence[str]) -> tuple[str, ...]:
    """Shorten each path in notes that begins at the root or at home to its last part."""
    return tuple(_FOLDERS.sub("", note) for note in notes)


def _check_complete(result: Result) -> None:
    where, run = result.folder.path, result.run
    if not run.dataset.version:
        raise InputError(f"{where}: of images without a version; valid: a rendered dataset")
    for part in ("intervals", "chance"):
        if not getattr(result.properties.request, part):
            raise InputError(f"{where}: made without {part}; evaluate it again without --no-{part}")
    if result.properties.request.only is not None:
        raise InputError(f"{where}: some properties alone were scored; valid: all that vary")
    if any(note.startswith(UNSTABLE) for note in run.model.notes):
        raise InputError(f"{where}: its embedding is no function of the image (--allow-unstable)")
    if run.model.weights_sha256 is None:
        raise InputError(f"{where}: of embeddings without a model, which cannot be verified")


def _check_alike(new: Submission, entries: Sequence[Submission]) -> None:
    """Check that all have the same groups of images, as ranks come from paired differences."""
    for earlier in entries:
        for name in SAME:
            ours, theirs = (each.properties.settings.get(name) for each in (new, earlier))
            if ours != theirs:
                raise InputError(
                    f"{new.model}: {name} is {ours}, in this leaderboard it is {theirs}; "
                    f"evaluate it again with that"
                )
