"""Run the steps of a study, in this process or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dmlbench.comparison import read_groups
from dmlbench.comparison.groups import Groups, loss_groups
from dmlbench.comparison.maps import compare_all_maps
from dmlbench.evaluation.executor_settings import LOCAL, ExecutorSettings
from dmlbench.losses import loss_named, without_controls
from dmlbench.results import Result
from dmlbench.results.files import FORMAT
from dmlbench.study.findings import Findings, MapComparison, Model, find
from dmlbench.study.models import Measurement, StudyModel, open_images
from dmlbench.study.recipe import ClassImages, StudyRecipe
from dmlbench.study.search import RateSearch, Searched
from dmlbench.study.steps import Steps
from dmlbench.study.trainings import Training
from dmlbench.study.trajectories import ChosenPoints, Point, choose_points, trajectory
from dmldata.common.cluster import LostWorkerError, Pool
from dmldata.common.errors import InputError, PrismError
from dmldata.common.output import Say, say

PROPERTIES, CLASSES, MAPS, REPEATS = "properties", "classes", "maps", "maps.folds"
EQUAL = "properties.equal"

Work = tuple[str, int | None, int | None]
"""A loss, a fold, and the epoch of a checkpoint to score; without an epoch all steps of the model,
without a fold the search for the learning rates of the loss."""


def run_study(
    recipe: StudyRecipe,
    out: Path,
    *,
    executor: ExecutorSettings = LOCAL,
    say: Say = say,
    quiet: bool = False,
) -> Findings:
    """Run all steps that are not finished, and combine their results.

    An interrupted step is resumed and a finished one is not repeated. A loss or fold that is added
    to the recipe costs only its own steps and the comparison of maps.

    Args:
        out: folder of the study: `steps/` (one JSON file per step), `models/` and `results/`; the
            last two may be removed once all steps are finished.
        executor: where it runs; on a Ray cluster, whose nodes share the file system, models run in
            parallel.
        say: called with a line for each step.

    Raises:
        InputError: the recipe is not valid, or what it names does not exist.

    ```python
    findings = run_study(load_study("mini"), Path("mini"))
    ```
    """
    models = [
        StudyModel(recipe, loss, fold, out, say, quiet=quiet)
        for fold in recipe.folds
        for loss in recipe.compared
    ]
    searches = _searches(recipe, out, say, quiet=quiet)
    _check(recipe, models, searches)
    runner = _Runner(recipe, out, executor, say, quiet=quiet)
    runner.run([(search.loss, None, None) for search in searches])
    runner.needs_maps = _names_to_map(recipe, models, out)
    runner.run([(model.loss, model.fold, None) for model in models])
    chosen = _choose(models) if recipe.equal_map_at_r else None
    if chosen is not None:
        runner.run(
            [
                (model.loss, model.fold, point.epoch)
                for model in models
                if (point := _point(chosen, model)) is not None and not point.best
            ]
        )
    return _gather(recipe, models, out, chosen, {each.loss: each.searched() for each in searches})


def _searches(recipe: StudyRecipe, out: Path, say: Say, *, quiet: bool) -> list[RateSearch]:
    """Return the searches for learning rates that the recipe asks for."""
    losses = without_controls(recipe.trained) if recipe.search else []
    return [RateSearch(recipe, loss, out, say, quiet=quiet) for loss in losses]


def _choose(models: Sequence[StudyModel]) -> ChosenPoints:
    """Choose the checkpoints to compare at equal MAP@R."""
    trainings = {(model.loss, model.fold): model.training() for model in models}
    return choose_points({at: trajectory(each) for at, each in trainings.items() if each})


def _point(chosen: ChosenPoints, model: StudyModel) -> Point | None:
    """Return the chosen point of a model; None for a control."""
    return chosen.points.get(model.loss, {}).get(model.fold)


def _named(work: Work) -> str:
    loss, fold, epoch = work
    name = loss_named(loss).file_name
    if fold is None:
        return f"{name}, learning rates"
    return f"{name}-fold{fold}" if epoch is None else f"{name}-fold{fold}, epoch {epoch}"


def _check(
    recipe: StudyRecipe, models: Sequence[StudyModel], searches: Sequence[RateSearch]
) -> None:
    """Check everything that can be wrong before anything is computed."""
    for images in (recipe.properties, recipe.classes, recipe.saliency):
        if images is not None:
            open_images(images)
    if recipe.groups is not None and not Path(recipe.groups).is_file():
        raise InputError(f"study '{recipe.name}': groups: {recipe.groups}: no such file")
    for search in searches:
        _ = search.trials
    searched = {search.loss for search in searches}
    for model in models:
        # What the search decides is trained first.
        if model.loss not in searched:
            _ = model.decides


def _measure(model: StudyModel, epoch: int | None, *, with_maps: bool) -> None:
    """Run all steps of one model, or score one of its checkpoints."""
    recipe = model.recipe
    if epoch is not None:
        model.measure_checkpoint(EQUAL, recipe.properties, epoch)
        return
    model.training()
    model.measure(PROPERTIES, recipe.properties)
    if recipe.classes is not None:
        model.measure(CLASSES, recipe.classes, _labels(recipe.classes))
    if with_maps:
        model.explain()


def _names_to_map(recipe: StudyRecipe, models: Sequence[StudyModel], out: Path) -> set[str]:
    """Return names of the models whose maps an unfinished comparison needs."""
    steps = Steps(out / "steps")
    return {
        model.name
        for name, of_it in _map_steps(recipe, models)
        if steps.read(name, _decides(recipe, of_it), MapComparison) is None
        for model in of_it
    }


def _map_steps(
    recipe: StudyRecipe, models: Sequence[StudyModel]
) -> Iterator[tuple[str, list[StudyModel]]]:
    """Yield the comparisons of maps: of the fold with most maps, and of all folds with maps."""
    if not recipe.maps:
        return
    most = max(recipe.maps, key=lambda fold: recipe.maps[fold])
    yield MAPS, [model for model in models if model.fold == most]
    if len(recipe.maps) > 1:
        yield REPEATS, [model for model in models if model.fold in recipe.maps]


def _decides(recipe: StudyRecipe, models: Sequence[StudyModel]) -> Any:
    images = recipe.saliency
    assert images is not None
    return [
        FORMAT,
        {model.name: model.decides for model in models},
        {model.name: recipe.maps[model.fold] for model in models},
        open_images(images).fingerprint,
        [recipe.seed, images.samples, images.method],
    ]


def _gather(
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    out: Path,
    chosen: ChosenPoints | None,
    searches: Mapping[str, Searched],
) -> Findings:
    measured: dict[str, dict[Model, Measurement]] = {PROPERTIES: {}, CLASSES: {}}
    trainings: dict[Model, Training] = {}
    labels = _labels(recipe.classes)
    for model in models:
        at = model.loss, model.fold
        measured[PROPERTIES][at] = model.measure(PROPERTIES, recipe.properties)
        if recipe.classes is not None:
            measured[CLASSES][at] = model.measure(CLASSES, recipe.classes, labels)
        training = model.training()
        if training is not None:
            trainings[at] = training
    steps = Steps(out / "steps")
    maps = {}
    for name, of_it in _map_steps(recipe, models):
        compare = partial(_compare, of_it)
        maps[name] = steps.take(name, _decides(recipe, of_it), MapComparison, compare)
    results = out / "results"
    equal = {} if chosen is None else _measured_at(chosen, recipe, models)
    return find(
        recipe,
        trainings,
        measured[PROPERTIES],
        measured[CLASSES],
        labels,
        maps.get(MAPS),
        maps.get(REPEATS),
        _groups(recipe, [each.result(results) for each in measured[PROPERTIES].values()]),
        chosen,
        equal,
        _groups(recipe, [each.result(results) for each in equal.values()]) if equal else None,
        searches,
    )


def _measured_at(
    chosen: ChosenPoints, recipe: StudyRecipe, models: Sequence[StudyModel]
) -> dict[Model, Measurement]:
    """Return the measurements of the models that are compared at equal MAP@R."""
    measured = {}
    for model in models:
        point = _point(chosen, model)
        if point is not None:
            measured[model.loss, model.fold] = (
                model.measure(PROPERTIES, recipe.properties)
                if point.best
                else model.measure_checkpoint(EQUAL, recipe.properties, point.epoch)
            )
    return measured


def _compare(models: Sequence[StudyModel]) -> MapComparison:
    """Compare the maps of every pair of models, on the images that all of them have maps of."""
    results = [model.explain() for model in models]
    held = [set(result.saliency.keys) for result in results if result.saliency is not None]
    if len(held) < len(results):
        raise InputError("a model of the study allows no maps; valid: a recipe without saliency")
    common = set.intersection(*held)
    first = results[0].saliency
    assert first is not None
    table = compare_all_maps(results, [key for key in first.keys if key in common])
    names = {
        result.model: (model.loss, model.fold)
        for result, model in zip(results, models, strict=True)
    }
    return MapComparison(**vars(table), names=names)


def _labels(images: ClassImages | None) -> tuple[str, ...]:
    """Return the properties that are classes."""
    from dmlbench.training.data import find_label

    if images is None:
        return ()
    source = open_images(images)
    return tuple(find_label(source, name) for name in images.label or (None,))


def _groups(recipe: StudyRecipe, results: Sequence[Result]) -> Groups | None:
    if recipe.groups is not None:
        return read_groups(Path(recipe.groups), results)
    return loss_groups(results)


class _Worker:
    """Does pieces of work, in this process or on a node."""

    def __init__(self, recipe: StudyRecipe, out: Path, needs_maps: set[str], threads: int) -> None:
        self._recipe, self._out, self._needs_maps = recipe, out, needs_maps
        self._threads = threads

    def __call__(self, work: Work) -> None:
        import torch

        torch.set_num_threads(self._threads)
        self.do(work, lambda line: None, quiet=True)

    def do(self, work: Work, say: Say, *, quiet: bool) -> None:
        loss, fold, epoch = work
        if fold is None:
            RateSearch(self._recipe, loss, self._out, say, quiet=quiet).searched()
            return
        model = StudyModel(self._recipe, loss, fold, self._out, say, quiet=quiet)
        _measure(model, epoch, with_maps=model.name in self._needs_maps)


class _Runner:
    """Runs pieces of work one after the other, or on a Ray cluster.

    Attributes:
        needs_maps: names of the models that need maps.
    """

    def __init__(
        self, recipe: StudyRecipe, out: Path, executor: ExecutorSettings, say: Say, *, quiet: bool
    ) -> None:
        self._recipe, self._out, self._executor = recipe, out, executor
        self._say, self._quiet = say, quiet
        self.needs_maps: set[str] = set()

    def run(self, works: Sequence[Work]) -> None:
        threads = self._executor.threads or 1
        out = self._out.absolute() if self._executor.on_ray else self._out
        worker = _Worker(self._recipe, out, self.needs_maps, threads)
        if self._executor.on_ray:
            if works:
                _run_on_ray(works, worker, self._executor, self._say)
            return
        for number, work in enumerate(works, start=1):
            self._say(f"model {number} of {len(works)}: {_named(work)}")
            worker.do(work, self._say, quiet=self._quiet)


def _run_on_ray(
    works: Sequence[Work], worker: _Worker, executor: ExecutorSettings, say: Say
) -> None:
    """Run the models on a Ray cluster; an error is raised after all other models are done."""
    failed: list[PrismError] = []
    pool = Pool(worker, executor.address, workers=executor.workers, threads=executor.threads or 1)
    try:
        for work, error in pool.each(works):
            name = _named(work)
            if isinstance(error, LostWorkerError):
                error = PrismError(f"{name}: its worker was lost: {error}")
            say(f"model {name}: {'failed' if error else 'done'}")
            failed += [error] if error else []
    finally:
        pool.close()
    if failed:
        raise failed[0]
