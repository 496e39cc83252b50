"""From settings to the file of a trained model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from dmlbench.distances import loss_named
from dmlbench.models import save_safetensors
from dmlbench.models.execution import seeded
from dmlbench.models.weights import hash_tensors
from dmlbench.sources import ImageSource, open_source
from dmlbench.training.control import score_untrained
from dmlbench.training.data import (
    ClassImages,
    check_sampling,
    check_validation,
    class_images,
    find_label,
)
from dmlbench.training.decoded import decode_images
from dmlbench.training.fit import Material, checkpoint_of, fit, is_first
from dmlbench.training.folds import Fold, split_classes
from dmlbench.training.hyperparameters import Hyperparameters, read_hyperparameters
from dmlbench.training.learner import MONITORED, Learner
from dmlbench.training.losses import Size, build_loss
from dmlbench.training.saved import describe_classes, describe_machine, read_training
from dmlbench.training.settings import TrainSettings
from dmlbench.training.trunks import Start, starting_network
from dmldata import console
from dmldata.errors import InputError
from dmldata.files import write_whole

PLAN = "plan.json"


class Task(NamedTuple):
    """Settings, with all that follows from them before a network is built."""

    settings: TrainSettings
    given: Hyperparameters
    source: ImageSource
    images: ClassImages
    fold: Fold
    plan: dict[str, Any]


def train(
    settings: TrainSettings, *, say: Callable[[str], None] = print, quiet: bool = False
) -> Path:
    """Train a model, or go on with one whose training was interrupted.

    A model that is there already, trained with the same settings on the same data, is not trained
    again. What an interruption costs is at most the epoch that it fell into.

    Args:
        say: called with a line for people.
        quiet: no progress bars.

    Returns:
        The `.safetensors` file, of the best epoch by MAP@R on the validation classes;
        `read_training` gives what it says of its training.

    Raises:
        InputError: what the settings ask for is not there or cannot be.
        PrismError: the loss or an embedding is no finite number.
    """
    task = _plan(settings)
    if not is_first():
        say, quiet = lambda line: None, True
    if settings.file.is_file():
        _check_same(read_training(settings.file), task.plan, settings.file)
        say(f"{settings.file}: there already")
        return settings.file
    with _alone(settings.folder):
        _keep_plan(task)
        start = starting_network(
            settings.trunk,
            task.given.embedding,
            settings.seed,
            task.given.size,
            random=settings.loss == "random",
        )
        weights = hash_tensors(start.network.trunk.state_dict())
        history = _run(task, start, say, quiet)
        if is_first():
            _save(task, start, weights, history)
            checkpoint_of(settings.folder).unlink(missing_ok=True)
    return settings.file


def _plan(settings: TrainSettings) -> Task:
    given = read_hyperparameters(
        settings.loss,
        settings.profile,
        **{name: getattr(settings, name) for name in _REPLACED},
    )
    # The last epoch is validated, too.
    every = math.gcd(given.epochs, given.validate_every)
    given = given.model_copy(update={"validate_every": every})
    source = open_source(
        settings.data,
        split=settings.split,
        labels=settings.labels,
        properties=settings.properties,
        default_split="train",
    )
    label = find_label(source, settings.label)
    images = class_images(source, label)
    fold = split_classes(set(images.names), settings.fold, settings.folds, settings.data)
    check_validation(images, fold.validation, settings.data)
    plan = {
        "settings": settings.deciding(),
        "hyperparameters": given.model_dump(mode="json"),
        "data": {
            "name": source.manifest.name,
            "fingerprint": source.fingerprint,
            "options": dict(source.options),
        },
        "label": label,
        "classes": {
            "train": describe_classes(fold.train),
            "validation": describe_classes(fold.validation),
        },
    }
    return Task(settings, given, source, images, fold, plan)


_REPLACED = ("epochs", "steps", "size", "batch", "images_per_class")


def _run(
    task: Task, start: Start, say: Callable[[str], None], quiet: bool
) -> list[dict[str, float | None]]:
    """Train the network in place; the history of its validations."""
    settings, given = task.settings, task.given
    control = loss_named(settings.loss).group == "control"
    if not control:
        note = check_sampling(
            task.images, task.fold.train, given.batch, given.images_per_class, settings.data
        )
        if note:
            say(f"note: {note}")
    classes = () if control else task.fold.train
    material = _material(task, start, classes, quiet)
    names = [task.images.names[row] for row in task.images.of(task.fold.validation)]
    if control:
        return [score_untrained(start, material, names)]
    with seeded(settings.seed):
        loss = build_loss(
            settings.loss, given.loss, given.miner, Size(len(classes), given.embedding)
        )
    learner = Learner(start.network, loss, given, names, settings.loss, settings.seed)
    total = given.epochs * given.steps

    def tell(row: dict[str, Any]) -> None:
        at = f"epoch {row['epoch']} of {given.epochs}" if row["epoch"] else "untrained"
        loss = f"loss {row['train_loss']:.4f}, " if row["train_loss"] is not None else ""
        scores = f"MAP@R {row[MONITORED]:.4f}, precision@1 {row['precision_at_1']:.4f}"
        say(f"{at}: {loss}validation {scores}")

    with console.progress("train", total, quiet=quiet) as bar:
        fit(learner, material, given, settings, tell, lambda n: bar.report("train", n, total))
    start.network.load_state_dict(learner.best)
    return learner.history


def _material(task: Task, start: Start, classes: tuple[str, ...], quiet: bool) -> Material:
    """Decoded images of these classes to train on, and of those to validate on."""
    rows = task.images.of((*classes, *task.fold.validation))
    keys = [task.images.keys[row] for row in rows]
    numbers = {name: number for number, name in enumerate(classes)}
    with console.progress("decode images", len(rows), quiet=quiet) as bar:
        decoded = decode_images(
            task.source, keys, start.preprocessing, task.settings.folder, bar.advance
        )
    names = [task.images.names[row] for row in rows]
    found = ClassImages(tuple(keys), tuple(names))
    return Material(
        decoded,
        [numbers.get(name, 0) for name in names],
        found.of(classes),
        found.of(task.fold.validation),
        start.preprocessing,
    )


def _save(task: Task, start: Start, weights: str, history: list[dict[str, float | None]]) -> None:
    trained = max(history[1:], key=lambda row: row[MONITORED] or 0.0, default=None)
    training = task.plan | {
        "images": {
            "train": len(task.images.of(task.fold.train)),
            "validation": len(task.images.of(task.fold.validation)),
        },
        "start": {"trunk": task.settings.trunk, "trunk_sha256": weights},
        "metrics": {"untrained": history[0], "trained": trained},
        "history": history,
        "made_with": describe_machine(),
    }
    save_safetensors(
        start.network,
        start.trunk,
        start.preprocessing,
        task.settings.file,
        loss=task.settings.loss,
        training=training,
    )


def _keep_plan(task: Task) -> None:
    path = task.settings.folder / PLAN
    if path.is_file():
        _check_same(json.loads(path.read_text()), task.plan, task.settings.folder)
    elif is_first():
        write_whole(path, json.dumps(task.plan, indent=1, ensure_ascii=False) + "\n")


def _check_same(found: dict[str, Any], plan: dict[str, Any], where: Path) -> None:
    """Raise InputError where `found` is of another plan."""
    for part, value in plan.items():
        old = found.get(part)
        if old == value:
            continue
        differing = part
        if isinstance(old, dict) and isinstance(value, dict):
            name = next(name for name in value if old.get(name) != value[name])
            differing = f"{part}: {name} {old.get(name)}, now {value[name]}"
        raise InputError(
            f"{where}: of a training with other settings ({differing[:200]}); valid: the same "
            "ones, another --name or --out, or remove it"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Refuse to train one model twice at the same time."""
    if not is_first():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(f"{folder}: another process trains this model") from None
    try:
        yield
    finally:
        lock.release()
