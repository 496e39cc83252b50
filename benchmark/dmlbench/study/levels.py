"""Compare the models of a study at equal MAP@R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dmlbench.comparison import read_groups
from dmlbench.comparison.group_tests import GroupTest, further_tests
from dmlbench.comparison.groups import Groups, loss_groups
from dmlbench.study.conditions import (
    ConditionAtLevel,
    compare_at_level,
)
from dmlbench.study.find import at_equal_retrieval, at_equal_steps
from dmlbench.study.findings import AtGain, AtSteps, EqualRetrieval
from dmlbench.study.measurements import Measurement, main_values
from dmlbench.study.models import StudyModel
from dmlbench.study.recipe import Model, StudyRecipe
from dmlbench.study.trainings import Training, untrained_levels
from dmlbench.study.trajectories import (
    ChosenPoints,
    Point,
    ScoredPoint,
    choose_at_gain,
    choose_points,
    nearest,
    points_by_steps,
    scores_at,
)

Trajectories = Mapping[str, Mapping[int, Sequence[ScoredPoint]]]
"""The scored models of each training by loss and fold."""


def chosen_point(chosen: ChosenPoints, model: StudyModel) -> Point | None:
    """Return the chosen point of a model; None for a control."""
    return chosen.points.get(model.loss, {}).get(model.fold)


def compare_chosen(
    chosen: ChosenPoints,
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    trainings: Mapping[Model, Training],
    properties: Mapping[Model, Measurement],
    trajectories: Trajectories,
    out: Path,
    *,
    retrieval: bool = False,
) -> EqualRetrieval:
    """Combine the scores of the models that are compared at equal MAP@R.

    Args:
        properties: measurements of the models of the study, whose names and groups they share.
        trajectories: the scored models of each training; empty if checkpoints are not scored.
        retrieval: whether their retrieval of classes that were not trained on is known.
    """
    scored, retrieved, interpolated = {}, {}, {}
    for model in models:
        point = chosen_point(chosen, model)
        if point is not None:
            at = model.loss, model.fold
            scored[at] = model.score_point(point)
            if retrieval and recipe.classes is not None:
                retrieved[at] = model.retrieval(point)
            if trajectories:
                along = trajectories[model.loss][model.fold]
                between = scores_at(along, chosen.levels[model.fold])
                if between is not None:
                    interpolated[at] = between
    measured = {at: properties[at] for at in scored}
    names = {at: each.run.model.id for at, each in measured.items()}
    groups = groups_of(recipe, measured, out)
    return at_equal_retrieval(chosen, scored, names, groups, trainings, retrieved, interpolated)


def compare_without_weakest(
    chosen: ChosenPoints,
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    trainings: Mapping[Model, Training],
    properties: Mapping[Model, Measurement],
    trajectories: Trajectories,
    out: Path,
) -> EqualRetrieval | None:
    """Compare the losses at the highest MAP@R that all but those that set the levels reached.

    Args:
        chosen: the models compared at equal MAP@R.
        trajectories: as for `compare_chosen`; without them checkpoints are not scored.
    """
    points = {
        (model.loss, model.fold): model.points
        for model in models
        if model.loss in chosen.points and model.loss not in chosen.set_by.values()
    }
    others = choose_points(points)
    if not trajectories or len(others.points) < 2:
        return None
    return compare_chosen(others, recipe, models, trainings, properties, trajectories, out)


def changes_after_level(
    chosen: ChosenPoints,
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    properties: Mapping[Model, Measurement],
    out: Path,
) -> dict[str, GroupTest]:
    """Test by how much properties change from the models at equal MAP@R to the best epochs."""
    groups = groups_of(recipe, properties, out)
    by_name: dict[str, dict[str, float | None]] = {}
    for model in models:
        point, measured = chosen_point(chosen, model), properties[model.loss, model.fold]
        if point is None:
            continue
        at_level = main_values(model.score_point(point))
        for name, best in main_values(measured.properties.properties).items():
            before = at_level[name]
            change = None if best is None or before is None else best - before
            by_name.setdefault(name, {})[measured.run.model.id] = change
    return further_tests(groups, by_name, {}) if groups else {}


def compare_at_equal_steps(
    recipe: StudyRecipe,
    properties: Mapping[Model, Measurement],
    trajectories: Trajectories,
    out: Path,
) -> tuple[AtSteps, ...]:
    """Test groups of losses at equal numbers of steps; empty if an epoch has no fixed number."""
    groups = groups_of(recipe, properties, out)
    steps_of_epoch = {loss: recipe.training_of(loss).get("steps") or 0 for loss in trajectories}
    if groups is None or not all(steps_of_epoch.values()):
        return ()
    by_steps = {
        loss: {
            fold: points_by_steps(points, steps_of_epoch[loss]) for fold, points in by_fold.items()
        }
        for loss, by_fold in trajectories.items()
    }
    names = {at: each.run.model.id for at, each in properties.items()}
    return at_equal_steps(groups, names, by_steps)


def at_further_gains(
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    trainings: Mapping[Model, Training],
    properties: Mapping[Model, Measurement],
    trajectories: Trajectories,
    out: Path,
    farthest: Mapping[int, float],
) -> tuple[AtGain, ...]:
    """Compare the losses at the other levels of the recipe that two of them reach.

    Args:
        farthest: by fold, how far a model may be from the level of its fold.
    """
    points = {(model.loss, model.fold): model.points for model in models}
    compared = []
    for gain in recipe.further_gains:
        chosen = choose_at_gain(points, untrained_levels(trainings), gain, farthest)
        if len(chosen.points) > 1:
            equal = compare_chosen(chosen, recipe, models, trainings, properties, trajectories, out)
            compared.append(AtGain(**vars(equal), gain=gain))
    return tuple(compared)


def condition_at_level(
    models: Sequence[StudyModel],
    pairs: Sequence[tuple[StudyModel, StudyModel]],
    chosen: ChosenPoints | None,
    *,
    by_loss_group: bool,
) -> ConditionAtLevel | None:
    """Compare at equal MAP@R; None if no loss of the condition is compared there.

    Models of the condition that are farther from the level of their fold than all models of the
    study are left out, as are those whose loss is not compared there in the study.

    Args:
        models: those of the study.
        pairs: each model of the condition after its model in the study.
        by_loss_group: as for `compare_at_level`.
    """
    if chosen is None:
        return None
    points, scores, left_out = {}, {}, {}
    for before, model in pairs:
        usual = chosen_point(chosen, before)
        level = chosen.levels[model.fold]
        point = nearest(model.points, level)
        if usual is None or abs(point.map_at_r - level) > chosen.largest_gap(model.fold):
            left_out[model.loss] = point.map_at_r
            continue
        key = model.loss, model.fold
        points[key] = point
        scored = before.score_point(usual), model.score_point(point)
        scores[key] = main_values(scored[0]), main_values(scored[1])
    folds = {fold for _, fold in points}
    compared = {
        (model.loss, model.fold): main_values(model.score_point(at))
        for model in models
        if model.fold in folds and (at := chosen_point(chosen, model)) is not None
    }
    return compare_at_level(points, scores, compared, left_out, by_loss_group=by_loss_group)


def groups_of(
    recipe: StudyRecipe, measured: Mapping[Model, Measurement], out: Path
) -> Groups | None:
    """Return the groups of the measured models; None if they are not of two."""
    results = [each.result(out / "results") for each in measured.values()]
    if recipe.groups is not None:
        return read_groups(Path(recipe.groups), results)
    return loss_groups(results)
