"""Compare the models of a study, once all are trained and measured, and combine what is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dmlbench.losses import without_controls
from dmlbench.results import Result
from dmlbench.results.files import FORMAT
from dmlbench.study.changes import Change
from dmlbench.study.compared_maps import (
    beside_usual,
    compare_maps_of_losses,
    condition_maps,
    maps_given_untrained,
)
from dmlbench.study.conditions import (
    ConditionFindings,
    ConditionRepresentations,
    compare_condition,
    compare_embeddings_of,
)
from dmlbench.study.find import find
from dmlbench.study.findings import Findings
from dmlbench.study.levels import (
    MeasuredStudy,
    at_further_gains,
    changes_after_level,
    compare_at_equal_steps,
    compare_chosen,
    compare_without_weakest,
    condition_at_level,
)
from dmlbench.study.measurements import (
    PROPERTIES,
    MeasuredInterventions,
    Measurement,
    labels_of,
    main_values,
    open_images,
    swept_group,
)
from dmlbench.study.models import StudyModel
from dmlbench.study.recipe import Model, StudyRecipe
from dmlbench.study.representations import RepresentationComparison, compare_models
from dmlbench.study.search import RateSearch
from dmlbench.study.steps import Steps
from dmlbench.study.trainings import Training
from dmlbench.study.trajectories import (
    ChosenPoints,
    ScoredPoint,
)
from dmlbench.study.works import measure

REPRESENTATIONS = "representations"


def gather(
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    conditions: Mapping[str, Sequence[StudyModel]],
    out: Path,
    chosen: ChosenPoints | None,
    searches: Sequence[RateSearch],
    left_out: Mapping[str, Change],
    diverged: Sequence[str],
) -> Findings:
    """Take the steps that compare models, and combine all steps of a study.

    Args:
        models: those of the study that are compared.
        conditions: those of each condition.
        chosen: the models compared at equal MAP@R; None without that comparison.
        searches: the searches for learning rates.
        left_out: losses that did not learn.
        diverged: names of the models whose training diverged.
    """
    properties, classes = measure_all(models)
    trainings = trainings_of(models)
    trajectories = _trajectories(models) if recipe.trajectories else {}
    study = MeasuredStudy(recipe, models, trainings, properties, trajectories, out)
    steps = Steps(out / "steps")
    maps = compare_maps_of_losses(recipe, models, steps)
    return find(
        recipe,
        trainings,
        properties,
        classes,
        labels_of(recipe.classes),
        maps.of_fold,
        maps.of_folds,
        maps_given_untrained(recipe, models, steps),
        study.groups(),
        _interventions(recipe, models),
        equal_map_at_r=compare_chosen(chosen, study, retrieval=True) if chosen else None,
        further_gains=at_further_gains(
            study, {fold: chosen.largest_gap(fold) for fold in chosen.levels}
        )
        if chosen
        else (),
        without_weakest=compare_without_weakest(chosen, study) if chosen else None,
        after_level=changes_after_level(chosen, study) if chosen else {},
        equal_steps=compare_at_equal_steps(study),
        searches={search.loss: search.searched() for search in searches},
        conditions={
            name: _compare_condition(
                recipe, name, models, trained, (properties, classes), steps, chosen
            )
            for name, trained in conditions.items()
        },
        trajectories=trajectories,
        other_maps=maps.of_methods,
        representations=_representations(recipe, models, steps) if recipe.representations else None,
        left_out=dict(left_out),
        diverged=tuple(diverged),
    )


def trainings_of(models: Sequence[StudyModel]) -> dict[Model, Training]:
    """Return the outcomes of the trainings, none of loaded models."""
    return {
        (model.loss, model.fold): training
        for model in models
        if (training := model.training()) is not None
    }


def measure_all(
    models: Sequence[StudyModel],
) -> tuple[dict[Model, Measurement], dict[Model, Measurement]]:
    """Return the measurements of models on the images of properties and on those of classes."""
    properties, classes = {}, {}
    for model in models:
        at = model.loss, model.fold
        properties[at], of_classes = measure(model)
        if of_classes is not None:
            classes[at] = of_classes
    return properties, classes


def _interventions(
    recipe: StudyRecipe, models: Sequence[StudyModel]
) -> dict[str, dict[Model, MeasuredInterventions]]:
    """Return the interventions of each sweep on each model, by swept group of factors."""
    return {
        swept_group(images): {(model.loss, model.fold): model.intervene(images) for model in models}
        for images in recipe.interventions
    }


def _representations(
    recipe: StudyRecipe, models: Sequence[StudyModel], steps: Steps
) -> RepresentationComparison:
    """Compare the embeddings of all models on the images of properties."""

    def compare() -> RepresentationComparison:
        results = {
            (model.loss, model.fold): model.embedded(PROPERTIES, recipe.properties)
            for model in models
        }
        return compare_models(results)

    # Models of different folds were not compared once.
    decides = [*_embeddings_decide(recipe, models), "all pairs"]
    return steps.take(REPRESENTATIONS, decides, RepresentationComparison, compare)


def _embeddings_decide(recipe: StudyRecipe, models: Sequence[StudyModel]) -> list[Any]:
    """Return what decides a comparison of embeddings."""
    return [
        FORMAT,
        {model.name: model.decides for model in models},
        open_images(recipe.properties).fingerprint,
    ]


def _trajectories(
    models: Sequence[StudyModel],
) -> dict[str, dict[int, list[ScoredPoint]]]:
    """Return the scored models of each training by loss and fold."""
    points: dict[str, dict[int, list[ScoredPoint]]] = {}
    for model in models:
        scored = [
            ScoredPoint(**vars(point), scores=main_values(model.score_point(point)))
            for point in model.points
        ]
        if scored:
            points.setdefault(model.loss, {})[model.fold] = scored
    return points


def _compare_condition(
    recipe: StudyRecipe,
    name: str,
    models: Sequence[StudyModel],
    trained: Sequence[StudyModel],
    usual: tuple[Mapping[Model, Measurement], Mapping[Model, Measurement]],
    steps: Steps,
    chosen: ChosenPoints | None,
) -> ConditionFindings:
    """Compare the models of a condition with those of the study.

    Args:
        usual: measurements of the models of the study; see `measure_all`.
        chosen: the models of the study that are compared at equal MAP@R.
    """
    pairs = beside_usual(models, trained)
    maps = condition_maps(recipe, name, models, trained, steps)
    representations = _condition_representations(recipe, name, models, trained, steps)
    properties, classes = measure_all(trained)
    training = recipe.conditions[name].training
    at_level = None
    if recipe.trajectories:
        of_losses = recipe.groups is None
        at_level = condition_at_level(models, pairs, chosen, by_loss_group=of_losses)
    return compare_condition(
        training, properties, usual[0], classes, usual[1], maps, representations, at_level
    )


def _condition_representations(
    recipe: StudyRecipe,
    name: str,
    models: Sequence[StudyModel],
    trained: Sequence[StudyModel],
    steps: Steps,
) -> ConditionRepresentations | None:
    """Compare the embeddings of each model of a condition with those of the study's models.

    Args:
        models: those of the study.
        trained: those of the condition.
    """
    if not recipe.representations:
        return None
    folds = {model.fold for model in trained}
    usual = [model for model in models if model.fold in folds and without_controls([model.loss])]

    def embedded(of: Sequence[StudyModel]) -> dict[Model, Result]:
        return {
            (model.loss, model.fold): model.embedded(PROPERTIES, recipe.properties) for model in of
        }

    def compare() -> ConditionRepresentations:
        return compare_embeddings_of(embedded(trained), embedded(usual))

    decides = _embeddings_decide(recipe, [*usual, *trained])
    step = f"{REPRESENTATIONS}.condition.{name}"
    return steps.take(step, decides, ConditionRepresentations, compare)
