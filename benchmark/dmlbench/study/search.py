"""Search the learning rates of each loss, with the same small budget for all.

The first trial has the rates of the profile, the others random ones around them. A trial is the
beginning of the study's training on one fold, with the schedule of the whole training: short
trainings with a schedule of their own favor rates that break long ones. Trials are compared by
MAP@R on the validation classes of the fold, and the best one goes on as the model of the study.
Nothing is chosen on test classes.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dmlbench.losses import loss_named
from dmlbench.study.recipe import Search, StudyRecipe
from dmlbench.study.steps import Steps
from dmlbench.study.trainings import first_level, model_name, plan_training
from dmldata.common.output import Say
from dmldata.common.strict import StrictModel

if TYPE_CHECKING:
    from dmlbench.training.hyperparameters import Hyperparameters
    from dmlbench.training.task import Task


RATES = ("network.trunk_lr", "network.embedder_lr", "loss_parameters.lr")
"""The learning rates that are searched; a loss without parameters of its own lacks the last."""


class Trial(StrictModel):
    """The first epochs of a training.

    Attributes:
        rates: learning rates by dotted name.
        map_at_r: on the validation classes, of the best of these epochs; None if the training
            diverged.
    """

    rates: dict[str, float]
    map_at_r: float | None


class Searched(StrictModel):
    """The trials of a loss, the first with the rates of the profile."""

    trials: list[Trial]

    @property
    def best(self) -> Trial:
        """The trial with the highest MAP@R, the first of equal ones or if all diverged."""
        return max(self.trials, key=lambda trial: trial.map_at_r or 0.0)


def draw_rates(
    hyperparameters: Hyperparameters, search: Search, seed: int
) -> list[dict[str, float]]:
    """Return the learning rates of each trial by dotted name.

    Trunk and embedder keep their ratio. Every second trial multiplies the rates by factors that are
    log-uniform from the root of `search.factor` to `search.factor`, the one after it divides them
    by the same. The factors are the same for all losses.

    Args:
        seed: seed of the factors.
    """
    network, loss_parameters = hyperparameters.network, hyperparameters.loss_parameters
    rates = [network.trunk_lr, network.embedder_lr]
    if loss_parameters is not None:
        rates.append(loss_parameters.lr)
    rng = np.random.default_rng(seed)
    trials, exponents = [], np.zeros(2)
    for number in range(search.trials):
        if number:
            exponents = rng.uniform(0.5, 1, 2) if number % 2 else -exponents
        of_network, of_loss = search.factor**exponents
        drawn = zip(RATES, rates, (of_network, of_network, of_loss), strict=False)
        # Three digits are enough, and can be read.
        trials.append({name: float(f"{rate * times:.3g}") for name, rate, times in drawn})
    return trials


class RateSearch:
    """The search of one loss of a study; `recipe.search` is there.

    Args:
        out: folder of the study.
        say: called with a line for each trial.
    """

    def __init__(
        self, recipe: StudyRecipe, loss: str, out: Path, say: Say, *, quiet: bool = False
    ) -> None:
        self.recipe, self.loss = recipe, loss
        self.name = f"{loss_named(loss).file_name}.search"
        self._out, self._say, self._quiet = out, say, quiet

    def searched(self) -> Searched:
        """Return the trials, trained where they are not finished."""
        plans = [task.plan for _, task in self.trials]
        steps = Steps(self._out / "steps")
        searched = steps.take(self.name, [self._epochs, plans], Searched, self._train)
        for rates, task in self.trials:
            # The best one goes on; nothing else needs the others.
            if rates != searched.best.rates:
                task.settings.file.unlink(missing_ok=True)
                shutil.rmtree(task.settings.folder, ignore_errors=True)
        return searched

    @cached_property
    def trials(self) -> list[tuple[dict[str, float], Task]]:
        """The learning rates and the training of each trial.

        Raises:
            InputError: the options of the training are not valid.
        """
        search = self.recipe.search
        assert search is not None
        rates = draw_rates(self._plan({}).hyperparameters, search, self.recipe.seed)
        return [(drawn, self._plan(drawn)) for drawn in rates]

    @property
    def _epochs(self) -> int:
        """Number of epochs of a trial, the last of which is validated."""
        search, hyperparameters = self.recipe.search, self._plan({}).hyperparameters
        assert search is not None
        every = hyperparameters.validate_every
        return every * math.ceil(search.steps / (every * hyperparameters.steps))

    def _plan(self, rates: Mapping[str, float]) -> Task:
        search = self.recipe.search
        assert search is not None
        name = model_name(self.loss, search.fold)
        changes = {"hyperparameters": rates}
        return plan_training(self.recipe, self.loss, search.fold, name, self._out, changes)

    def _train(self) -> Searched:
        from dmlbench.training import DivergedError

        trials = []
        for number, (rates, task) in enumerate(self.trials, start=1):
            self._say(f"{self.loss}, trial {number} of {len(self.trials)}")
            try:
                level = first_level(task, self._epochs, quiet=self._quiet)
            except DivergedError:
                trials.append(Trial(rates=rates, map_at_r=None))
            else:
                trials.append(Trial(rates=rates, map_at_r=level))
        return Searched(trials=trials)
