"""Compare the models of a study at equal MAP@R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dmlbench.comparison import read_groups
from dmlbench.comparison.groups import Groups, loss_groups
from dmlbench.study.conditions import (
    ConditionAtLevel,
    compare_at_level,
)
from dmlbench.study.find import at_equal_retrieval
from dmlbench.study.findings import AtGain, EqualRetrieval
from dmlbench.study.measurements import Measurement, main_values
from dmlbench.study.models import StudyModel
from dmlbench.study.recipe import Model, StudyRecipe
from dmlbench.study.trainings import Training, untrained_levels
from dmlbench.study.trajectories import (
    ChosenPoints,
    Point,
    choose_at_gain,
    nearest,
)


def chosen_point(chosen: ChosenPoints, model: StudyModel) -> Point | None:
    """Return the chosen point of a model; None for a control."""
    return chosen.points.get(model.loss, {}).get(model.fold)


def compare_chosen(
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
    groups = groups_of(recipe, measured, out)
    return at_equal_retrieval(chosen, scored, names, groups, trainings, retrieved)


def at_further_gains(
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
            equal = compare_chosen(chosen, recipe, models, trainings, properties, out)
            compared.append(AtGain(**vars(equal), gain=gain))
    return tuple(compared)


def condition_at_level(
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


def groups_of(
    recipe: StudyRecipe, measured: Mapping[Model, Measurement], out: Path
) -> Groups | None:
    """Return the groups of the measured models; None if they are not of two."""
    results = [each.result(out / "results") for each in measured.values()]
    if recipe.groups is not None:
        return read_groups(Path(recipe.groups), results)
    return loss_groups(results)
