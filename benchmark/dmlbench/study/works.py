"""Pieces of work of a study, done in this process or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dmlbench.evaluation.executor_settings import ExecutorSettings
from dmlbench.losses import loss_named
from dmlbench.study.models import StudyModel, labels_of, model_name
from dmlbench.study.recipe import StudyRecipe
from dmlbench.study.search import RateSearch
from dmldata.common.cluster import LostWorkerError, Pool
from dmldata.common.errors import PrismError
from dmldata.common.output import Say

PROPERTIES, CLASSES, EQUAL = "properties", "classes", "properties.equal"
"""Names of steps of a model."""


class Work(NamedTuple):
    """A piece of work: all steps of a model, its checkpoints, or a search.

    Attributes:
        fold: None for the search for the learning rates of the loss.
        epoch: a checkpoint to score with intervals; None for all steps of the model.
        condition: the condition that the model is trained in.
        all_points: whether all checkpoints are scored, without intervals.
    """

    loss: str
    fold: int | None = None
    epoch: int | None = None
    condition: str | None = None
    all_points: bool = False

    def __str__(self) -> str:
        """Return its name in the lines that a study prints."""
        if self.fold is None:
            return f"{loss_named(self.loss).file_name}, learning rates"
        name = model_name(self.loss, self.fold, self.condition)
        if self.all_points:
            return f"{name}, all checkpoints"
        return name if self.epoch is None else f"{name}, epoch {self.epoch}"


NeededMaps = set[tuple[str, str | None]]
"""Names of models and methods of maps, None for the method of the study."""


def _measure(model: StudyModel, epoch: int | None, needed: NeededMaps) -> None:
    """Run all steps of one model, or score one of its checkpoints."""
    recipe = model.recipe
    if epoch is not None:
        model.measure_checkpoint(EQUAL, recipe.properties, epoch)
        return
    model.training()
    model.measure(PROPERTIES, recipe.properties)
    if recipe.classes is not None:
        model.measure(CLASSES, recipe.classes, labels_of(recipe.classes))
    for name, method in sorted(needed, key=str):
        if name == model.name:
            model.explain(method)


class _Worker:
    """Does pieces of work, in this process or on a node."""

    def __init__(self, recipe: StudyRecipe, out: Path, needed: NeededMaps, threads: int) -> None:
        self._recipe, self._out, self._needed = recipe, out, needed
        self._threads = threads

    def __call__(self, work: Work) -> None:
        import torch

        torch.set_num_threads(self._threads)
        self.do(work, lambda line: None, quiet=True)

    def do(self, work: Work, say: Say, *, quiet: bool) -> None:
        if work.fold is None:
            RateSearch(self._recipe, work.loss, self._out, say, quiet=quiet).searched()
            return
        where = self._recipe, work.loss, work.fold, self._out, say
        model = StudyModel(*where, condition=work.condition, quiet=quiet)
        if work.all_points:
            model.scored_points(self._recipe.properties)
            return
        _measure(model, work.epoch, self._needed)


class Runner:
    """Runs pieces of work one after the other, or on a Ray cluster.

    Attributes:
        needed_maps: the maps that models need.
    """

    def __init__(
        self, recipe: StudyRecipe, out: Path, executor: ExecutorSettings, say: Say, *, quiet: bool
    ) -> None:
        self._recipe, self._out, self._executor = recipe, out, executor
        self._say, self._quiet = say, quiet
        self.needed_maps: NeededMaps = set()

    def run(self, works: Sequence[Work]) -> None:
        threads = self._executor.threads or 1
        out = self._out.absolute() if self._executor.on_ray else self._out
        worker = _Worker(self._recipe, out, self.needed_maps, threads)
        if self._executor.on_ray:
            if works:
                _run_on_ray(works, worker, self._executor, self._say)
            return
        for number, work in enumerate(works, start=1):
            self._say(f"model {number} of {len(works)}: {work}")
            worker.do(work, self._say, quiet=self._quiet)


def _run_on_ray(
    works: Sequence[Work], worker: _Worker, executor: ExecutorSettings, say: Say
) -> None:
    """Run the models on a Ray cluster; an error is raised after all other models are done."""
    failed: list[PrismError] = []
    pool = Pool(worker, executor.address, workers=executor.workers, threads=executor.threads or 1)
    try:
        for work, error in pool.each(works):
            if isinstance(error, LostWorkerError):
                error = PrismError(f"{work}: its worker was lost: {error}")
            say(f"model {work}: {'failed' if error else 'done'}")
            failed += [error] if error else []
    finally:
        pool.close()
    if failed:
        raise failed[0]
