"""Run the steps of a study, in this process or on a Ray cluster."""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from pathlib import Path

from dmlbench.comparison.group_tests import RETRIEVAL_SCORE
from dmlbench.evaluation.executor_settings import LOCAL, ExecutorSettings
from dmlbench.losses import without_controls
from dmlbench.study.changes import Change, scores_of, training_changes
from dmlbench.study.compared_maps import maps_to_make
from dmlbench.study.findings import Findings
from dmlbench.study.gather import gather, measure_all, trainings_of
from dmlbench.study.levels import chosen_point
from dmlbench.study.measurements import labels_of, open_images, swept_group
from dmlbench.study.models import StudyModel
from dmlbench.study.recipe import StudyRecipe
from dmlbench.study.search import RateSearch
from dmlbench.study.trainings import untrained_levels
from dmlbench.study.trajectories import ChosenPoints, choose_points
from dmlbench.study.works import Kind, Runner, Work, work_on
from dmldata.common.errors import InputError, PrismError
from dmldata.common.output import Say, say


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
    conditions = {
        name: [
            StudyModel(recipe, loss, fold, out, say, condition=name, quiet=quiet)
            for fold in recipe.folds_of(name)
            for loss in condition.losses
        ]
        for name, condition in recipe.conditions.items()
    }
    searches = _searches(recipe, out, say, quiet=quiet)
    _check(recipe, [*models, *itertools.chain(*conditions.values())], searches)
    runner = Runner(recipe, out, executor, say, quiet=quiet)
    runner.run([Work("rates", search.loss) for search in searches])
    runner.run([work_on("model", model) for model in models])
    diverged = _diverged(models)
    models = _without(models, {model.loss for model in diverged})
    if diverged and not without_controls([model.loss for model in models]):
        raise PrismError(f"study '{recipe.name}': {diverged[0].diverged}")
    left_out = _unlearned(recipe, models) if recipe.require_learning else {}
    models = _without(models, left_out)
    compared = {model.loss for model in models}
    conditions = {
        name: [model for model in trained if model.loss in compared]
        for name, trained in conditions.items()
    }
    runner.run([work_on("model", model) for model in itertools.chain(*conditions.values())])
    diverged += _diverged([*itertools.chain(*conditions.values())])
    conditions = {
        name: remaining
        for name, trained in conditions.items()
        if (remaining := [model for model in trained if model.diverged is None])
    }
    chosen = _choose(recipe, models) if recipe.equal_map_at_r else None
    if chosen is not None:
        points = [(model, chosen_point(chosen, model)) for model in models]
        kinds: dict[Kind, bool] = {
            "checkpoint": not recipe.trajectories,
            "retrieval": recipe.classes is not None,
        }
        for kind in (kind for kind, needed in kinds.items() if needed):
            runner.run(
                [
                    work_on(kind, model)._replace(epoch=point.epoch)
                    for model, point in points
                    if point is not None and not point.best
                ]
            )
    runner.run(maps_to_make(recipe, models, conditions, out))
    names = [model.name for model in diverged]
    return gather(recipe, models, conditions, out, chosen, searches, left_out, names)


def _diverged(models: Sequence[StudyModel]) -> list[StudyModel]:
    return [model for model in models if model.diverged is not None]


def _without(models: Sequence[StudyModel], losses: Container[str]) -> list[StudyModel]:
    return [model for model in models if model.loss not in losses]


def _unlearned(recipe: StudyRecipe, models: Sequence[StudyModel]) -> dict[str, Change]:
    """Return the losses whose MAP@R is not above the untrained network's by its interval."""
    _, classes = measure_all(models)
    label = labels_of(recipe.classes)[0]
    changes = training_changes(scores_of(classes, label, RETRIEVAL_SCORE), recipe.compared)
    left_out = {
        loss: change
        for loss, change in changes.items()
        if change.ci95 is None or change.ci95[0] <= 0
    }
    if left_out.keys() == changes.keys():
        raise InputError(
            f"study '{recipe.name}': no loss is above the untrained network on {label} by its "
            "interval, so nothing can be compared; valid: more epochs, or without require_learning"
        )
    return left_out


def _searches(recipe: StudyRecipe, out: Path, say: Say, *, quiet: bool) -> list[RateSearch]:
    """Return the searches for learning rates that the recipe asks for."""
    losses = without_controls(recipe.trained) if recipe.search else []
    return [RateSearch(recipe, loss, out, say, quiet=quiet) for loss in losses]


def _choose(recipe: StudyRecipe, models: Sequence[StudyModel]) -> ChosenPoints | None:
    """Choose the checkpoints to compare at equal MAP@R; None if no two losses can be compared."""
    points = {(model.loss, model.fold): model.points for model in models}
    chosen = choose_points(points, untrained_levels(trainings_of(models)), recipe.least_gain)
    return chosen if len(chosen.points) > 1 else None


def _check(
    recipe: StudyRecipe, models: Sequence[StudyModel], searches: Sequence[RateSearch]
) -> None:
    """Check everything that can be wrong before anything is computed."""
    for images in (recipe.properties, recipe.classes, recipe.saliency):
        if images is not None:
            open_images(images)
    labels_of(recipe.classes)
    _check_interventions(recipe)
    if recipe.groups is not None and not Path(recipe.groups).is_file():
        raise InputError(f"study '{recipe.name}': groups: {recipe.groups}: no such file")
    if recipe.saliency is not None:
        from dmlbench.saliency import method_named

        for method in (recipe.saliency.method, *recipe.saliency.other_methods):
            method_named(method)
    for search in searches:
        _ = search.trials
    searched = {search.loss for search in searches}
    started: set[str] = set()
    for model in models:
        model.check(started, searched=model.loss in searched)


def _check_interventions(recipe: StudyRecipe) -> None:
    swept = [swept_group(images) for images in recipe.interventions]
    for group in swept:
        if swept.count(group) > 1:
            raise InputError(
                f"study '{recipe.name}': interventions: several sweeps of {group}; valid: one of "
                "each group of factors"
            )
