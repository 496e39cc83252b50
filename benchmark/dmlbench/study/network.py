"""Plan, train or load one model of a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmlbench import load_model
from dmlbench.losses import loss_named
from dmlbench.models import LoadedModel
from dmlbench.models.reality_check import fill_in_loss
from dmlbench.study.recipe import StudyRecipe
from dmlbench.study.search import RateSearch
from dmlbench.study.steps import Steps
from dmlbench.study.trainings import (
    Training,
    check_loss,
    check_network,
    model_name,
    plan_training,
    run_training,
)
from dmlbench.study.trajectories import Point, trajectory
from dmldata.common.errors import InputError
from dmldata.common.output import Say

if TYPE_CHECKING:
    from dmlbench.training.task import Task


class TrainedModel:
    """The model of one loss and fold: planned, trained or loaded.

    Args:
        out: folder of the study.
        say: called with lines for the user.
        condition: name of the condition that it is trained in; None for the options of the study.
    """

    def __init__(
        self,
        recipe: StudyRecipe,
        loss: str,
        fold: int,
        out: Path,
        say: Say,
        *,
        condition: str | None = None,
        quiet: bool = False,
    ) -> None:
        self.recipe, self.loss, self.fold, self.condition = recipe, loss, fold, condition
        self.name = model_name(loss, fold, condition)
        self._out, self._say, self._quiet = out, say, quiet
        self._steps = Steps(out / "steps")

    @cached_property
    def decides(self) -> dict[str, Any]:
        """Return everything that decides the model.

        Raises:
            InputError: the settings of the training are not valid, or there is no such model.
        """
        if self.recipe.model is not None:
            return {"model": self._loaded.id}
        return self._task.plan

    def check(self, started: set[str], *, searched: bool) -> None:
        """Check what decides the model, as far as it is known before learning rates are searched.

        Args:
            started: keys of the networks that were built before, which this adds to.

        Raises:
            InputError: the settings of the training are not valid, or there is no such model.
        """
        if self.recipe.model is not None:
            _ = self.decides
            return
        task = self._plan({}) if searched else self._task
        network = task.settings.trunk, task.hyperparameters.size, task.hyperparameters.frozen_stages
        if loss_named(self.loss).group != "control":
            check_loss(task)
            if str(network) not in started:
                check_network(task)
                started.add(str(network))

    def training(self) -> Training | None:
        """Return the outcome of the training, after training; None for a loaded model."""
        if self.recipe.model is not None:
            return None
        return self._steps.take(self._training_step, self.decides, Training, self._outcome)

    @property
    def _training_step(self) -> str:
        return f"{self.name}.training"

    @property
    def diverged(self) -> str | None:
        """What was not a finite number in the training, after training; None if all was."""
        training = self.training()
        return None if training is None else training.diverged

    @property
    def points(self) -> list[Point]:
        """The checkpoints and the best epoch of the training, after training."""
        training = self.training()
        return [] if training is None else trajectory(training)

    @cached_property
    def _loaded(self) -> LoadedModel:
        if self.recipe.model is not None:
            reference = fill_in_loss(self.recipe.model, self.loss, self.fold)
            return load_model(reference, loss=self.loss)
        self._train()
        file = self._task.settings.file
        # A study that is published does not say in which folder of whose machine it was made.
        return replace(load_model(str(file)), reference=str(file.relative_to(self._out)))

    def _checkpoint(self, epoch: int) -> LoadedModel:
        self._train()
        return load_model(str(self._checkpoint_file(epoch)))

    def _checkpoint_file(self, epoch: int) -> Path:
        from dmlbench.training.checkpoints import checkpoint_file

        return checkpoint_file(self._task.settings.folder, epoch)

    @cached_property
    def _task(self) -> Task:
        rates: dict[str, float] = {}
        if self.recipe.search is not None and loss_named(self.loss).group != "control":
            search = RateSearch(self.recipe, self.loss, self._out, self._say, quiet=self._quiet)
            rates = search.searched().best.rates
        return self._plan(rates)

    def _plan(self, rates: Mapping[str, float]) -> Task:
        """Plan the training with these learning rates, where its condition has no others."""
        changes: dict[str, Any] = {}
        if self.condition is not None:
            changes |= self.recipe.conditions[self.condition].training
        changes["hyperparameters"] = {**rates, **changes.get("hyperparameters", {})}
        return plan_training(self.recipe, self.loss, self.fold, self.name, self._out, changes)

    def _outcome(self) -> Training:
        from dmlbench.training import DivergedError

        try:
            return self._train()
        except DivergedError as error:
            return Training(metrics={}, history=[], made_with={}, diverged=str(error))

    def _train(self) -> Training:
        """Train the model, or read its file.

        Raises:
            InputError: its file was gone, and trained again it is another model than the one that
                its steps are of, as it can be on other hardware.
        """
        outcome = run_training(self._task, self.name, self._say, quiet=self._quiet)
        earlier = self._steps.read(self._training_step, self.decides, Training)
        if earlier is not None and earlier.levels != outcome.levels:
            raise InputError(
                f"{self.name}: trained again, it is another model than its steps are of; valid: "
                f"remove {self._steps.path(self.name + '.*')}, or go on where its files are"
            )
        return outcome
