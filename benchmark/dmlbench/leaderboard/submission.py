"""What a model sends to a leaderboard: its results without the large files, and who it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from dmlbench.compare.differences import SAME
from dmlbench.results import Result
from dmlbench.results.files import PropertiesFile, RunFile, SaliencyFile
from dmldata.errors import InputError
from dmldata.files import write_whole
from dmldata.strict import StrictModel, parse_json

FORMAT: Literal[1] = 1


class Card(StrictModel):
    """What a leaderboard says of a model beside its scores.

    Attributes:
        trunk: name of the network, as timm calls it where it knows it.
        trained_on: data that the model has seen, pretraining included.
        url: where the model or its paper is.
        note: anything else, in a line.
    """

    name: str = Field(min_length=1)
    trunk: str
    loss: str | None
    trained_on: str
    url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    note: str = ""


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
    """Checks results and writes their file into a leaderboard's folder.

    Nothing of the machine that made them goes with them: of paths the last part is left.

    Returns:
        The file, `<fingerprint of the dataset>/<id of the model>.json`.

    Raises:
        InputError: incomplete, or not comparable with what is there.
    """
    _check_complete(result)
    run = result.run
    found = Submission(
        card=card,
        run=run.model_copy(
            update={
                "name": card.name,
                "model": run.model.model_copy(
                    update={"reference": Path(run.model.reference).name, "loss": card.loss}
                ),
                "dataset": run.dataset.model_copy(update={"url": Path(run.dataset.url).name}),
            }
        ),
        properties=result.properties,
        saliency=result.saliency,
    )
    folder = board / run.dataset.fingerprint
    _check_alike(found, read_board(board).get(run.dataset.fingerprint, []))
    path = folder / f"{result.model}.json"
    write_whole(path, found.model_dump_json(indent=1) + "\n")
    return path


def read_board(board: Path) -> dict[str, list[Submission]]:
    """By fingerprint of the dataset, the submissions in the order of the models' names.

    Raises:
        InputError: a file is damaged, or not of the dataset of its folder.
    """
    found: dict[str, list[Submission]] = {}
    for path in sorted(board.glob("*/*.json")):
        one = parse_json(Submission, path.read_text("utf-8"), str(path), InputError)
        if one.run.dataset.fingerprint != path.parent.name:
            raise InputError(f"{path}: is of dataset {one.run.dataset.fingerprint}")
        found.setdefault(path.parent.name, []).append(one)
    return {
        dataset: sorted(models, key=lambda one: one.card.name) for dataset, models in found.items()
    }


def _check_complete(result: Result) -> None:
    where, run = result.folder.path, result.run
    if not run.dataset.version:
        raise InputError(f"{where}: of images without a version; valid: a rendered dataset")
    for part in ("intervals", "chance"):
        if not getattr(result.properties.request, part):
            raise InputError(f"{where}: made without {part}; evaluate it again without --no-{part}")
    if result.properties.request.only is not None:
        raise InputError(f"{where}: some properties alone were scored; valid: all that vary")
    if run.model.weights_sha256 is None:
        raise InputError(f"{where}: of embeddings without a model, which nobody can check")


def _check_alike(new: Submission, there: Sequence[Submission]) -> None:
    """Scores are ranked by paired differences, so all have to have the same groups of images."""
    for one in there:
        for name in SAME:
            ours, theirs = (each.properties.settings.get(name) for each in (new, one))
            if ours != theirs:
                raise InputError(
                    f"{new.model}: {name} is {ours}, in this leaderboard it is {theirs}; "
                    f"evaluate it again with that"
                )
