"""Checkpoints of a training: models of some of its epochs, each with its validation.

They are log-spaced: scores change fastest in the first epochs, and a training that stops early,
which nobody knows beforehand, still leaves most of its checkpoints. Only epochs that are validated
have one, so that to keep checkpoints changes nothing in the training.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dmlbench.training.hyperparameters import Hyperparameters
from dmlbench.training.learner import MONITORED, History
from dmlbench.training.saved import read_training
from dmldata.common.errors import ModelError

FOLDER = "checkpoints"


@dataclass(frozen=True)
class Checkpoint:
    """The model of an epoch.

    Attributes:
        file: its `.safetensors` file, which `load_model` takes.
        epoch: number of epochs that it was trained for.
        map_at_r, precision_at_1: scores on the validation classes.
    """

    file: Path
    epoch: int
    map_at_r: float
    precision_at_1: float


def checkpoint_epochs(hyperparameters: Hyperparameters, count: int) -> tuple[int, ...]:
    """Return the epochs that have a checkpoint: log-spaced, all different, the last among them.

    Args:
        count: number of checkpoints; if fewer epochs are validated, each of these has one.
    """
    every = hyperparameters.validate_every
    validations = hyperparameters.epochs // every
    return tuple(every * number for number in log_spaced(validations, count))


def log_spaced(last: int, count: int) -> tuple[int, ...]:
    """Return at most `count` different numbers from 1 to `last`, log-spaced, `last` among them.

    >>> log_spaced(200, 10)
    (1, 2, 3, 6, 11, 19, 34, 62, 111, 200)
    >>> log_spaced(6, 10), log_spaced(6, 1), log_spaced(6, 0)
    ((1, 2, 3, 4, 5, 6), (6,), ())
    """
    count = min(count, last)
    numbers: list[int] = []
    for place in range(1, count + 1):
        exponent = (place - 1) / (count - 1) if count > 1 else 1.0
        numbers.append(max(round(last**exponent), place))
    return tuple(numbers)


def checkpoint_file(folder: Path, epoch: int) -> Path:
    """Return the path of the checkpoint of an epoch in the folder of a training."""
    return folder / FOLDER / f"epoch-{epoch:04d}.safetensors"


def describe_checkpoints(history: History, epochs: Collection[int]) -> list[dict[str, float]]:
    """Return the validations of those epochs that have a checkpoint, for a model's file."""
    names = ("epoch", MONITORED, "precision_at_1")
    return [{name: row[name] or 0.0 for name in names} for row in history if row["epoch"] in epochs]


def read_checkpoints(model: str | Path) -> list[Checkpoint]:
    """Return the checkpoints of a trained model, by epoch; none if it was trained without.

    Args:
        model: the `.safetensors` file that `train` returned; its folder has to be beside it.

    Raises:
        ModelError: it is no such file, or a checkpoint is missing.

    ```python
    for checkpoint in read_checkpoints("models/arcface-fold0.safetensors"):
        dmlbench.evaluate(checkpoint.file, "paper")
    ```
    """
    path = Path(model)
    checkpoints = []
    for row in read_training(path).get("checkpoints", []):
        file = checkpoint_file(path.with_suffix(""), int(row["epoch"]))
        if not file.is_file():
            raise ModelError(f"{file}: no such file; valid: all checkpoints of {path}")
        scores = row[MONITORED], row["precision_at_1"]
        checkpoints.append(Checkpoint(file, int(row["epoch"]), *scores))
    return checkpoints
