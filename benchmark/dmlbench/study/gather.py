"""Compare the models of a study, once all are trained and measured, and combine what is found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dmlbench.comparison import read_groups
from dmlbench.comparison.groups import Groups, loss_groups
from dmlbench.comparison.maps import compare_all_maps, correlations_given
from dmlbench.losses import without_controls
from dmlbench.results.files import FORMAT
from dmlbench.study.changes import UNTRAINED, Change
from dmlbench.study.conditions import (
    ConditionAtLevel,
    ConditionFindings,
    ConditionMaps,
    ConditionRepresentations,
    common_keys,
    compare_at_level,
    compare_condition,
    compare_embeddings_of,
    compare_maps,
)
from dmlbench.study.findings import (
    AtGain,
    EqualRetrieval,
    Findings,
    MapComparison,
    PartialCorrelations,
    at_equal_retrieval,
    find,
)
from dmlbench.study.models import (
    PROPERTIES,
    MeasuredInterventions,
    Measurement,
    StudyModel,
    labels_of,
    main_values,
    open_images,
    swept_group,
)
from dmlbench.study.recipe import Model, StudyRecipe
from dmlbench.study.representations import RepresentationComparison, compare_models
from dmlbench.study.search import RateSearch
from dmlbench.study.steps import Steps
from dmlbench.study.trainings import Training, untrained_levels
from dmlbench.study.trajectories import (
    ChosenPoints,
    Point,
    ScoredPoint,
    choose_at_gain,
    nearest,
)
from dmlbench.study.works import Work, measure, work_on

MAPS, REPEATS, GIVEN = "maps", "maps.folds", "maps.given_untrained"
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
    properties, classes = measure_all(recipe, models)
    trainings = trainings_of(models)
    steps = Steps(out / "steps")
    maps = {}
    for name, of_it, method in _map_steps(recipe, models):
        compare = partial(_compare, of_it, method)
        maps[name] = steps.take(
            name, _maps_decide(recipe, of_it, method, checked=name == MAPS), MapComparison, compare
        )
    return find(
        recipe,
        trainings,
        properties,
        classes,
        labels_of(recipe.classes),
        maps.get(MAPS),
        maps.get(REPEATS),
        _given_untrained(recipe, models, steps),
        _groups(recipe, properties, out),
        _interventions(recipe, models),
        equal_map_at_r=_at_equal_retrieval(
            chosen, recipe, models, trainings, properties, out, retrieval=True
        )
        if chosen
        else None,
        further_gains=_at_further_gains(recipe, models, trainings, properties, out),
        searches={search.loss: search.searched() for search in searches},
        conditions={
            name: _compare_condition(
                recipe, name, models, trained, (properties, classes), steps, chosen
            )
            for name, trained in conditions.items()
        },
        trajectories=_trajectories(models) if recipe.trajectories else {},
        other_maps={
            method: maps[name]
            for name, _, method in _map_steps(recipe, models)
            if method is not None
        },
        representations=_representations(recipe, models, steps) if recipe.representations else None,
        left_out=dict(left_out),
        diverged=tuple(diverged),
    )


def maps_to_make(
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    conditions: Mapping[str, Sequence[StudyModel]],
    out: Path,
) -> list[Work]:
    """Return the maps that unfinished comparisons need."""
    steps = Steps(out / "steps")
    needed: dict[Work, None] = {}
    for name, of_it, method in _map_steps(recipe, models):
        decides = _maps_decide(recipe, of_it, method, checked=name == MAPS)
        if steps.read(name, decides, MapComparison) is None:
            works = [work_on("maps", model)._replace(method=method) for model in of_it]
            needed |= dict.fromkeys(works)
    third = _third_maps(recipe, models)
    if third and steps.read(GIVEN, _maps_decide(recipe, third), PartialCorrelations) is None:
        needed |= dict.fromkeys(work_on("maps", model) for model in third)
    for condition, trained in conditions.items():
        pairs = _map_pairs(recipe, models, trained)
        decides = _maps_decide(recipe, list(itertools.chain(*pairs)))
        if pairs and steps.read(f"{MAPS}.condition.{condition}", decides, ConditionMaps) is None:
            needed |= dict.fromkeys(work_on("maps", model) for pair in pairs for model in pair)
    return list(needed)


def trainings_of(models: Sequence[StudyModel]) -> dict[Model, Training]:
    """Return the outcomes of the trainings, none of loaded models."""
    return {
        (model.loss, model.fold): training
        for model in models
        if (training := model.training()) is not None
    }


def measure_all(
    recipe: StudyRecipe, models: Sequence[StudyModel]
) -> tuple[dict[Model, Measurement], dict[Model, Measurement]]:
    """Return the measurements of models on the images of properties and on those of classes."""
    properties, classes = {}, {}
    for model in models:
        at = model.loss, model.fold
        properties[at], of_classes = measure(model)
        if of_classes is not None:
            classes[at] = of_classes
    return properties, classes


def chosen_point(chosen: ChosenPoints, model: StudyModel) -> Point | None:
    """Return the chosen point of a model; None for a control."""
    return chosen.points.get(model.loss, {}).get(model.fold)


def _map_steps(
    recipe: StudyRecipe, models: Sequence[StudyModel]
) -> Iterator[tuple[str, list[StudyModel], str | None]]:
    """Yield the comparisons of maps: their step, their models, and the method if it is another.

    They are of the fold with most maps, of all folds with maps, and of other methods.
    """
    if recipe.saliency is None:
        return
    of_fold = [model for model in models if model.fold == recipe.most_maps]
    yield MAPS, of_fold, None
    if len(recipe.maps) > 1:
        yield REPEATS, [model for model in models if model.fold in recipe.maps], None
    for method in recipe.saliency.other_methods:
        yield f"{MAPS}.method.{method}", of_fold, method


def _pairs(
    models: Sequence[StudyModel], trained: Sequence[StudyModel]
) -> list[tuple[StudyModel, StudyModel]]:
    """Return each model of a condition after its model in the study."""
    usual = {(model.loss, model.fold): model for model in models}
    return [(usual[model.loss, model.fold], model) for model in trained]


def _map_pairs(
    recipe: StudyRecipe, models: Sequence[StudyModel], trained: Sequence[StudyModel]
) -> list[tuple[StudyModel, StudyModel]]:
    """Return the pairs of `_pairs` that have maps."""
    return [pair for pair in _pairs(models, trained) if pair[1].fold in recipe.maps]


def _maps_decide(
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    method: str | None = None,
    *,
    checked: bool = False,
) -> Any:
    """Return what decides a comparison of maps.

    Args:
        checked: whether it tells how faithful the maps are.
    """
    from dmlbench.saliency import method_id

    images = recipe.saliency
    if images is None:
        return None
    return [
        FORMAT,
        {model.name: model.decides for model in models},
        {model.name: recipe.maps[model.fold] for model in models},
        open_images(images).fingerprint,
        [recipe.seed, images.samples, method_id(method or images.method)],
        *([images.faithfulness] if checked and images.faithfulness else []),
    ]


def _compare(models: Sequence[StudyModel], method: str | None) -> MapComparison:
    """Compare the maps of every pair of models, on the images that all of them have maps of."""
    results = [model.explain(method) for model in models]
    table = compare_all_maps(results, common_keys(results))
    names = {
        result.model: (model.loss, model.fold)
        for result, model in zip(results, models, strict=True)
    }
    return MapComparison(**vars(table), names=names)


def _given_untrained(
    recipe: StudyRecipe, models: Sequence[StudyModel], steps: Steps
) -> PartialCorrelations | None:
    """Compare the maps of the fold with most maps given those of the untrained network."""
    of_fold = _third_maps(recipe, models)
    if not of_fold:
        return None

    def compare() -> PartialCorrelations:
        *results, untrained = (model.explain() for model in of_fold)
        keys = common_keys([*results, untrained])
        pairs = correlations_given(results, untrained, keys)
        named = ((sorted(pair), partial_r) for pair, partial_r in pairs.items())
        return PartialCorrelations(pairs=[(a, b, partial_r) for (a, b), partial_r in named])

    return steps.take(GIVEN, _maps_decide(recipe, of_fold), PartialCorrelations, compare)


def _third_maps(recipe: StudyRecipe, models: Sequence[StudyModel]) -> list[StudyModel]:
    """Return the trained models of the fold with most maps, and last the untrained network.

    Empty if there is no such network, or nothing to compare.
    """
    of_fold = [model for model in models if model.fold == recipe.most_maps]
    trained = [model for model in of_fold if without_controls([model.loss])]
    untrained = [model for model in of_fold if model.loss == UNTRAINED]
    return [*trained, *untrained] if untrained and len(trained) > 1 else []


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

    decides = _embeddings_decide(recipe, models)
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
    maps = _condition_maps(recipe, name, _map_pairs(recipe, models, trained), steps)
    representations = _condition_representations(recipe, name, _pairs(models, trained), steps)
    properties, classes = measure_all(recipe, trained)
    training = recipe.conditions[name].training
    at_level = _condition_at_level(_pairs(models, trained), chosen) if recipe.trajectories else None
    return compare_condition(
        training, properties, usual[0], classes, usual[1], maps, representations, at_level
    )


def _condition_at_level(
    pairs: Sequence[tuple[StudyModel, StudyModel]], chosen: ChosenPoints | None
) -> ConditionAtLevel | None:
    """Compare at equal MAP@R; None if no loss of the condition is compared there."""
    if chosen is None:
        return None
    points, scores = {}, {}
    for before, model in pairs:
        usual = chosen_point(chosen, before)
        if usual is None:
            continue
        at = model.loss, model.fold
        points[at] = nearest(model.points, chosen.levels[model.fold])
        scored = before.score_point(usual), model.score_point(points[at])
        scores[at] = main_values(scored[0]), main_values(scored[1])
    return compare_at_level(points, scores) if points else None


def _condition_maps(
    recipe: StudyRecipe, name: str, pairs: Sequence[tuple[StudyModel, StudyModel]], steps: Steps
) -> ConditionMaps | None:
    """Compare the maps of each model of a condition with those of its model in the study."""
    if not pairs:
        return None

    def compare() -> ConditionMaps:
        return compare_maps(
            {
                (model.loss, model.fold): (before.explain(), model.explain())
                for before, model in pairs
            }
        )

    decides = _maps_decide(recipe, list(itertools.chain(*pairs)))
    return steps.take(f"{MAPS}.condition.{name}", decides, ConditionMaps, compare)


def _condition_representations(
    recipe: StudyRecipe, name: str, pairs: Sequence[tuple[StudyModel, StudyModel]], steps: Steps
) -> ConditionRepresentations | None:
    """Compare the embeddings of each model of a condition with those of its model in the study."""
    if not recipe.representations:
        return None

    def compare() -> ConditionRepresentations:
        return compare_embeddings_of(
            {
                (model.loss, model.fold): (
                    before.embedded(PROPERTIES, recipe.properties),
                    model.embedded(PROPERTIES, recipe.properties),
                )
                for before, model in pairs
            }
        )

    decides = _embeddings_decide(recipe, list(itertools.chain(*pairs)))
    step = f"{REPRESENTATIONS}.condition.{name}"
    return steps.take(step, decides, ConditionRepresentations, compare)


def _at_equal_retrieval(
    chosen: ChosenPoints,
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    trainings: Mapping[Model, Training],
    properties: Mapping[Model, Measurement],
    out: Path,
    *,
    retrieval: bool = False,
) -> EqualRetrieval:
    """Combine the scores of the models that are compared at equal MAP@R.

    Args:
        properties: measurements of the models of the study, whose names and groups they share.
        retrieval: whether their retrieval of classes that were not trained on is known.
    """
    scored, retrieved = {}, {}
    for model in models:
        point = chosen_point(chosen, model)
        if point is not None:
            scored[model.loss, model.fold] = model.score_point(point)
            if retrieval and recipe.classes is not None:
                retrieved[model.loss, model.fold] = model.retrieval(point)
    measured = {at: properties[at] for at in scored}
    names = {at: each.run.model.id for at, each in measured.items()}
    groups = _groups(recipe, measured, out)
    return at_equal_retrieval(chosen, scored, names, groups, trainings, retrieved)


def _at_further_gains(
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    trainings: Mapping[Model, Training],
    properties: Mapping[Model, Measurement],
    out: Path,
) -> tuple[AtGain, ...]:
    """Compare the losses at the other levels of the recipe that two of them reach."""
    points = {(model.loss, model.fold): model.points for model in models}
    compared = []
    for gain in recipe.further_gains:
        chosen = choose_at_gain(points, untrained_levels(trainings), gain)
        if len(chosen.points) > 1:
            equal = _at_equal_retrieval(chosen, recipe, models, trainings, properties, out)
            compared.append(AtGain(**vars(equal), gain=gain))
    return tuple(compared)


def _groups(recipe: StudyRecipe, measured: Mapping[Model, Measurement], out: Path) -> Groups | None:
    results = [each.result(out / "results") for each in measured.values()]
    if recipe.groups is not None:
        return read_groups(Path(recipe.groups), results)
    return loss_groups(results)
