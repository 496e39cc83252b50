"""Plan and run the trainings of a study."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, ValidationError

from dmlbench.losses import loss_named
from dmlbench.study.recipe import Model, StudyRecipe
from dmlbench.study.steps import key_of
from dmldata.common.errors import InputError
from dmldata.common.output import Say
from dmldata.common.strict import StrictModel, explain

if TYPE_CHECKING:
    from dmlbench.training.task import Task


class Training(StrictModel):
    """Outcome of a training.

    Attributes:
        metrics, history: see `dmlbench.training.read_training`.
        made_with: versions and hardware.
        checkpoints: validations of the epochs whose models were kept.
        diverged: what was not a finite number, of a training that has no other outcome.
    """

    metrics: dict[str, Any]
    history: list[dict[str, Any]]
    made_with: dict[str, Any]
    checkpoints: list[dict[str, float]] = Field(default_factory=list)
    diverged: str | None = None

    @property
    def levels(self) -> list[float]:
        """MAP@R of all validations, which tell two models apart."""
        return [row["map_at_r"] for row in self.history]


def model_name(loss: str, fold: int, condition: str | None = None) -> str:
    """Return the name of a model of a study.

    >>> model_name("arcface", 0), model_name("arcface", 1, "another_seed")
    ('arcface-fold0', 'arcface-fold1-another_seed')
    """
    name = f"{loss_named(loss).file_name}-fold{fold}"
    return name if condition is None else f"{name}-{condition}"


def seed_of(seed: int, loss: str, fold: int) -> int:
    """Return the seed of a training, so that no two losses or folds have the same batches.

    Losses that shared batches would be more alike than the losses make them. A condition has the
    batches of the same loss in the study, unless it has another seed.

    Args:
        seed: seed of the study's trainings, or of a condition.

    >>> seed_of(0, "arcface", 0), seed_of(0, "arcface", 1), seed_of(1, "arcface", 0)
    (1387293081, 119740334, 1398321495)
    """
    entropy = [seed, fold, *loss.encode()]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0]) >> 1


def untrained_levels(trainings: Mapping[Model, Training]) -> dict[int, float]:
    """Return MAP@R of the network before training on the validation classes of each fold.

    Trained losses begin with the same network; the control `random` is another one.
    """
    return {
        fold: training.metrics["untrained"]["map_at_r"]
        for (loss, fold), training in trainings.items()
        if loss_named(loss).group != "control"
    }


def plan_training(
    recipe: StudyRecipe, loss: str, fold: int, name: str, out: Path, changes: Mapping[str, Any]
) -> Task:
    """Plan a training with the options of a recipe, and changes of them.

    All trained losses begin with the network of the study's seed, in conditions too: another
    seed is other batches, as other losses have them.

    Args:
        name: name of the model; its file has the key of the plan as well, so that different
            trainings have different files.
        out: folder of the study.

    Raises:
        InputError: the options are not valid, or what they name does not exist.
    """
    from dmlbench.training import TrainSettings
    from dmlbench.training.task import plan_task

    options = recipe.training_of(loss)
    numbers = {**options.get("hyperparameters", {}), **changes.get("hyperparameters", {})}
    of_study = {"loss": loss, "fold": fold, "out": out / "models", "hyperparameters": numbers}
    try:
        settings = TrainSettings(**{**options, **changes, **of_study})
        if loss_named(loss).group != "control":
            start_seed = options.get("seed", TrainSettings.model_fields["seed"].default)
            seeds = {"seed": seed_of(settings.seed, loss, fold), "start_seed": start_seed}
            settings = settings.model_copy(update=seeds)
    except ValidationError as error:
        raise InputError(
            f"study '{recipe.name}': training: {explain(error, TrainSettings)}"
        ) from None
    task = plan_task(settings)
    named = settings.model_copy(update={"name": f"{name}-{key_of(task.plan)[:8]}"})
    return dataclasses.replace(task, settings=named)


def check_loss(task: Task) -> None:
    """Build the loss of a training.

    Raises:
        InputError: it does not take its arguments.
    """
    from dmlbench.training.losses import Size, build_loss

    chosen = task.hyperparameters
    size = Size(len(task.fold.train), chosen.embedding)
    build_loss(task.settings.loss, chosen.loss, chosen.miner, size)


def check_network(task: Task) -> None:
    """Build the network that a training begins with.

    Raises:
        InputError, ModelError: there is no such trunk, or it has fewer stages.
    """
    from dmlbench.training.trunks import freeze_stages

    network = task.start().network
    if task.hyperparameters.frozen_stages:
        freeze_stages(network.trunk, task.hyperparameters.frozen_stages)


def first_level(task: Task, epochs: int, *, quiet: bool) -> float:
    """Train the first epochs of a planned training, and return the highest MAP@R of them.

    Raises:
        DivergedError: the training diverged.
    """
    from dmlbench.training import train_first

    history = train_first(task.settings, epochs, quiet=quiet)
    return max(row["map_at_r"] or 0.0 for row in history if row["epoch"])


def run_training(task: Task, name: str, say: Say, *, quiet: bool) -> Training:
    """Train a planned model, or read its file.

    Args:
        name: name of the model, for the line that says that it is trained.
    """
    from dmlbench.training import read_training, train

    if not task.settings.file.is_file():
        say(f"{name}: train")
    training = read_training(train(task.settings, say=lambda line: None, quiet=quiet))
    fields = Training.model_fields.keys() & training.keys()
    return Training(**{field: training[field] for field in fields})
