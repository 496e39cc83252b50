"""Pieces of work of a study, done in this process or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from dmlbench.evaluation.executor_settings import ExecutorSettings
from dmlbench.losses import loss_named
from dmlbench.study.measurements import CLASSES, PROPERTIES, Measurement, labels_of
from dmlbench.study.models import StudyModel
from dmlbench.study.recipe import StudyRecipe
from dmlbench.study.search import RateSearch
from dmlbench.study.trainings import model_name
from dmldata.common.cluster import LostWorkerError, Pool
from dmldata.common.errors import PrismError
from dmldata.common.output import Say

Kind = Literal["rates", "model", "maps", "checkpoint", "retrieval"]
"""Search learning rates; train, score and map; make maps again that are needed; score a checkpoint;
score its retrieval of classes.

What takes the model's files is done as soon as it is trained: a study that goes on elsewhere does
not need them any more.
"""


class Work(NamedTuple):
    """A piece of work on one model, or a search for one loss.

    Attributes:
        condition: the condition that the model is trained in.
        epoch: of the checkpoint.
        method: of the maps; None for that of the study.
    """

    kind: Kind
    loss: str
    fold: int = 0
    condition: str | None = None
    epoch: int = 0
    method: str | None = None

    def __str__(self) -> str:
        """Return its name in the lines that a study prints."""
        name = model_name(self.loss, self.fold, self.condition)
        match self.kind:
            case "rates":
                return f"{loss_named(self.loss).file_name}, learning rates"
            case "model":
                return name
            case "maps":
                return f"{name}, maps{f' by {self.method}' if self.method else ''}"
            case "checkpoint":
                return f"{name}, epoch {self.epoch}"
            case "retrieval":
                return f"{name}, epoch {self.epoch}, classes"


def work_on(kind: Kind, model: StudyModel) -> Work:
    """Return a piece of work on a model."""
    return Work(kind, model.loss, model.fold, model.condition)


def measure(model: StudyModel) -> tuple[Measurement, Measurement | None]:
    """Score a model that did not diverge, and return its measurements on both sets of images."""
    recipe = model.recipe
    properties = model.measure(PROPERTIES, recipe.properties)
    if recipe.classes is None:
        return properties, None
    return properties, model.measure(CLASSES, recipe.classes, labels_of(recipe.classes))


def _finish(model: StudyModel) -> None:
    """Do all that the recipe requests of a model, whatever the other models are."""
    measure(model)
    if model.recipe.trajectories:
        for point in model.points:
            model.score_point(point)
    for images in model.recipe.interventions if model.condition is None else ():
        model.intervene(images)
    for method in model.methods:
        if not model.has_maps(method):
            model.explain(method)


class _Worker:
    """Does pieces of work, in this process or on a node."""

    def __init__(self, recipe: StudyRecipe, out: Path, threads: int) -> None:
        self._recipe, self._out, self._threads = recipe, out, threads

    def __call__(self, work: Work) -> None:
        import torch

        torch.set_num_threads(self._threads)
        self.do(work, lambda line: None, quiet=True)

    def do(self, work: Work, say: Say, *, quiet: bool) -> None:
        recipe = self._recipe
        if work.kind == "rates":
            RateSearch(recipe, work.loss, self._out, say, quiet=quiet).searched()
            return
        where = recipe, work.loss, work.fold, self._out, say
        model = StudyModel(*where, condition=work.condition, quiet=quiet)
        match work.kind:
            case "model":
                if model.diverged is None:
                    _finish(model)
            case "maps":
                model.explain(work.method)
            case "checkpoint" | "retrieval":
                for point in model.points:
                    if point.epoch == work.epoch:
                        (model.score_point if work.kind == "checkpoint" else model.retrieval)(point)


class Runner:
    """Runs pieces of work one after the other, or on a Ray cluster."""

    def __init__(
        self, recipe: StudyRecipe, out: Path, executor: ExecutorSettings, say: Say, *, quiet: bool
    ) -> None:
        self._recipe, self._out, self._executor = recipe, out, executor
        self._say, self._quiet = say, quiet

    def run(self, works: Sequence[Work]) -> None:
        threads = self._executor.threads or 1
        out = self._out.absolute() if self._executor.on_ray else self._out
        worker = _Worker(self._recipe, out, threads)
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
    pool = Pool(
        worker,
        executor.address,
        workers=executor.workers,
        threads=executor.threads or 1,
        gpus=None,
    )
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
