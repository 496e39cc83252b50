"""Train a model from settings and write its file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from dmlbench.models import save_safetensors
from dmlbench.models.execution import seeded
from dmlbench.models.weights import hash_tensors
from dmlbench.training.checkpoints import (
    checkpoint_epochs,
    checkpoint_file,
    describe_checkpoints,
)
from dmlbench.training.control import score_untrained
from dmlbench.training.data import ClassImages
from dmlbench.training.decoded import decode_images
from dmlbench.training.fit import Material, checkpoint_of, fit, is_first, wait_for_all
from dmlbench.training.folder import check_same, exclusive_folder, keep_plan
from dmlbench.training.learner import MONITORED, History, Learner, best_of
from dmlbench.training.losses import Size, build_loss
from dmlbench.training.saved import describe_machine, read_training
from dmlbench.training.settings import TrainSettings
from dmlbench.training.task import Task, plan_task
from dmlbench.training.trunks import Start, has_own_weights
from dmldata.common.errors import FieldError, InputError
from dmldata.common.output import Say, say
from dmldata.common.progress import progress_bar


def train(settings: TrainSettings, *, say: Say = say, quiet: bool = False) -> Path:
    """Train a model, or resume an interrupted training.

    An existing model that was trained with the same settings on the same data is not trained again.
    An interruption costs at most the epoch in progress.

    Args:
        say: called with lines for the user.
        quiet: show no progress bars.

    Returns:
        The `.safetensors` file of the best epoch by MAP@R on the validation classes;
        `read_training` reads how it was trained, `read_checkpoints` its checkpoints.

    Raises:
        InputError: the settings are not valid, or what they name does not exist.
        PrismError: the loss or an embedding is not a finite number.

    ```python
    model = train(TrainSettings(loss="arcface", data="train196", epochs=4, out=Path("models")))
    read_training(model)["metrics"]
    ```
    """
    task = plan_task(settings)
    first = is_first()
    if not first:
        say, quiet = _discard, True
    if settings.file.is_file():
        _check_finished(task)
        say(f"{settings.file}: exists already")
        return settings.file
    for note in task.notes:
        say(f"note: {note}")
    _check_precision(settings)
    with _started(task, first) as (start, weights):
        history = (
            _score(task, start, quiet)
            if task.is_control
            else _fit(task, start, weights, say, quiet)
        )
        if first:
            _save(task, start, weights, history)
            checkpoint_of(settings.folder).unlink(missing_ok=True)
        wait_for_all()
    return settings.file


def train_first(settings: TrainSettings, epochs: int, *, quiet: bool = False) -> History:
    """Train the first epochs of a training, which `train` resumes.

    Epochs that were trained earlier are not trained again.

    Returns:
        The rows of the validations of these epochs, the first before training; see
        `learner.History`.

    Raises:
        InputError: the settings are not valid, or what they name does not exist.
        PrismError: the loss or an embedding is not a finite number.
    """
    if epochs < 1:
        raise FieldError({"epochs": epochs}, "has to be at least 1")
    task = plan_task(settings)
    first = is_first()
    if settings.file.is_file():
        history: History = _check_finished(task)["history"]
    else:
        _check_precision(settings)
        with _started(task, first) as (start, weights):
            history = _fit(task, start, weights, _discard, quiet or not first, until=epochs)
    return [row for row in history if (row["epoch"] or 0) <= epochs]


@contextmanager
def _started(task: Task, first: bool) -> Iterator[tuple[Start, str]]:
    """Give the network that a training begins with, and the hash of its trunk.

    Meanwhile the first process keeps its folder for itself.
    """
    with exclusive_folder(task.settings.folder) if first else nullcontext():
        start = task.start()
        weights = hash_tensors(start.network.trunk.state_dict())
        if first:
            _keep(task, weights)
        yield start, weights


def _check_finished(task: Task) -> dict[str, Any]:
    """Return how an existing model was trained.

    Raises:
        InputError: with other settings, or from other weights of its trunk.
    """
    settings = task.settings
    earlier = read_training(settings.file)
    check_same(earlier, task.plan, settings.file)
    if has_own_weights(settings.trunk) and settings.loss != "random":
        weights = hash_tensors(task.start().network.trunk.state_dict())
        if weights != earlier["start"]["trunk_sha256"]:
            raise InputError(
                f"{settings.file}: of a training that began with other weights than the file of "
                f"--trunk {settings.trunk} holds now; valid: another --name or --out, or remove it"
            )
    return earlier


def _check_precision(settings: TrainSettings) -> None:
    gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if settings.precision == "fp16" and (settings.devices == "cpu" or not gpu):
        raise FieldError({"precision": "fp16"}, "needs a GPU; valid without one: bf16, fp32")


def make_learner(task: Task, start: Start, *, quiet: bool = False) -> tuple[Learner, Material]:
    """Build the learner around the starting network itself, and decode its images.

    Raises:
        InputError: the loss is a control.
    """
    settings, hyperparameters, classes = task.settings, task.hyperparameters, task.fold.train
    with seeded(settings.seed):
        size = Size(len(classes), hyperparameters.embedding)
        loss = build_loss(settings.loss, hyperparameters.loss, hyperparameters.miner, size)
    material = _material(task, start, classes, quiet)
    names = _names_to_validate(task)
    learner = Learner(
        start.network,
        start.preprocessing,
        loss,
        hyperparameters,
        names,
        settings.loss,
        settings.seed,
    )
    return learner, material


def _fit(
    task: Task, start: Start, weights: str, say: Say, quiet: bool, until: int | None = None
) -> History:
    hyperparameters = task.hyperparameters
    learner, material = make_learner(task, start, quiet=quiet)
    total = hyperparameters.epochs * hyperparameters.steps

    def tell(row: dict[str, Any]) -> None:
        at = f"epoch {row['epoch']} of {hyperparameters.epochs}" if row["epoch"] else "untrained"
        loss = "" if row["train_loss"] is None else f"loss {row['train_loss']:.4f}, "
        scores = f"MAP@R {row[MONITORED]:.4f}, precision@1 {row['precision_at_1']:.4f}"
        say(f"{at}: {loss}validation {scores}")

    def save(row: dict[str, float | None]) -> None:
        file = checkpoint_file(task.settings.folder, int(row["epoch"] or 0))
        _write(task, start, weights, file, {"checkpoint": _without_clock(row)})

    # Steps seed the random state, which is the caller's again afterwards.
    with progress_bar("train", total, quiet=quiet) as bar, torch.random.fork_rng(devices=[]):
        fit(
            learner,
            material,
            hyperparameters,
            task.settings,
            tell,
            lambda n: bar.report("train", n, total),
            save,
            until,
        )
    if learner.best:
        start.network.load_state_dict(learner.best)
    return learner.history


def _score(task: Task, start: Start, quiet: bool) -> History:
    material = _material(task, start, (), quiet)
    return [score_untrained(start, material, _names_to_validate(task))]


def _names_to_validate(task: Task) -> list[str]:
    return [task.images.names[row] for row in task.images.of(task.fold.validation)]


def _material(task: Task, start: Start, classes: tuple[str, ...], quiet: bool) -> Material:
    """Decode the images of these classes to train on, and the validation images."""
    rows = task.images.of((*classes, *task.fold.validation))
    keys = [task.images.keys[row] for row in rows]
    with progress_bar("decode images", len(rows), quiet=quiet) as bar:
        decoded = decode_images(
            task.source, keys, start.preprocessing, task.settings.folder, bar.advance
        )
    names = [task.images.names[row] for row in rows]
    images = ClassImages(tuple(keys), tuple(names))
    numbers = {name: number for number, name in enumerate(classes)}
    return Material(
        decoded,
        [numbers.get(name, 0) for name in names],
        images.of(classes),
        images.of(task.fold.validation),
        start.preprocessing,
    )


def _save(task: Task, start: Start, weights: str, history: History) -> None:
    fold, images = task.fold, task.images
    outcome: dict[str, Any] = {
        "images": {
            "train": 0 if task.is_control else len(images.of(fold.train)),
            "validation": len(images.of(fold.validation)),
        },
        "metrics": {
            "untrained": history[0],
            "trained": best_of(history) if history[1:] else None,
        },
        "history": history,
        "made_with": describe_machine(),
    }
    if task.settings.checkpoints:
        epochs = checkpoint_epochs(task.hyperparameters, task.settings.checkpoints)
        outcome["checkpoints"] = describe_checkpoints(history, epochs)
    _write(task, start, weights, task.settings.file, outcome)


def _write(task: Task, start: Start, weights: str, file: Path, outcome: dict[str, Any]) -> None:
    """Write the network as it is, with its plan and the outcome of its training so far."""
    save_safetensors(
        start.network,
        start.trunk,
        start.preprocessing,
        file,
        loss=task.settings.loss,
        training=task.plan | _began(task, weights) | outcome,
    )


def _began(task: Task, weights: str) -> dict[str, Any]:
    return {"start": {"trunk": task.settings.shared_trunk, "trunk_sha256": weights}}


def _keep(task: Task, weights: str) -> None:
    """Write what decides the training into its folder, or check that it is that of before.

    Raises:
        InputError: the folder is of a training with other settings, or from other weights.
    """
    began = _began(task, weights) if has_own_weights(task.settings.trunk) else {}
    keep_plan(task.settings.folder, task.plan | began)


def _without_clock(row: dict[str, float | None]) -> dict[str, float | None]:
    """Return a row of the history without its time, so that a resumed training writes the same."""
    return {name: value for name, value in row.items() if name != "seconds"}


def _discard(line: str) -> None:
    pass
