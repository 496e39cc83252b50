"""Compare the models of a study at equal MAP@R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class MeasuredStudy:
    """The measured models of a study, which all comparisons at levels share.

    Attributes:
        properties: measurements of the models at their best epochs.
        trajectories: the scored models of each training; empty if checkpoints are not scored.
        out: folder of the study.
    """

    recipe: StudyRecipe
    models: Sequence[StudyModel]
    trainings: Mapping[Model, Training]
    properties: Mapping[Model, Measurement]
    trajectories: Trajectories
    out: Path

    def names(self) -> dict[Model, str]:
        """Return the names of the models in groups."""
        return {at: each.run.model.id for at, each in self.properties.items()}

    def groups(self) -> Groups | None:
        """Return the groups of all models; None if they are not of two."""
        return groups_of(self.recipe, self.properties, self.out)


def chosen_point(chosen: ChosenPoints, model: StudyModel) -> Point | None:
    """Return the chosen point of a model; None for a control."""
    return chosen.points.get(model.loss, {}).get(model.fold)


def compare_chosen(
    chosen: ChosenPoints, study: MeasuredStudy, *, retrieval: bool = False
) -> EqualRetrieval:
    """Combine the scores of the models that are compared at equal MAP@R.

    Args:
        retrieval: whether their retrieval of classes that were not trained on is known.
    """
    scored, retrieved, interpolated = {}, {}, {}
    for model in study.models:
        point = chosen_point(chosen, model)
        if point is not None:
            at = model.loss, model.fold
            scored[at] = model.score_point(point)
            if retrieval and study.recipe.classes is not None:
                retrieved[at] = model.retrieval(point)
            if study.trajectories:
                along = study.trajectories[model.loss][model.fold]
                between = scores_at(along, chosen.levels[model.fold])
                if between is not None:
                    interpolated[at] = between
    groups = groups_of(study.recipe, {at: study.properties[at] for at in scored}, study.out)
    return at_equal_retrieval(
        chosen, scored, study.names(), groups, study.trainings, retrieved, interpolated
    )


def compare_without_weakest(chosen: ChosenPoints, study: MeasuredStudy) -> EqualRetrieval | None:
    """Compare the losses at the highest MAP@R that all but those that set the levels reached.

    None where checkpoints are not scored, and where fewer than two losses are left.

    Args:
        chosen: the models compared at equal MAP@R.
    """
    points = {
        (model.loss, model.fold): model.points
        for model in study.models
        if model.loss in chosen.points and model.loss not in chosen.set_by.values()
    }
    others = choose_points(points)
    if not study.trajectories or len(others.points) < 2:
        return None
    return compare_chosen(others, study)


def changes_after_level(chosen: ChosenPoints, study: MeasuredStudy) -> dict[str, GroupTest]:
    """Test by how much properties change from the models at equal MAP@R to the best epochs."""
    groups = study.groups()
    by_name: dict[str, dict[str, float | None]] = {}
    for model in study.models:
        point, measured = chosen_point(chosen, model), study.properties[model.loss, model.fold]
        if point is None:
            continue
        at_level = main_values(model.score_point(point))
        for name, best in main_values(measured.properties.properties).items():
            before = at_level[name]
            change = None if best is None or before is None else best - before
            by_name.setdefault(name, {})[measured.run.model.id] = change
    return further_tests(groups, by_name, {}) if groups else {}


def compare_at_equal_steps(study: MeasuredStudy) -> tuple[AtSteps, ...]:
    """Test groups of losses at equal numbers of steps; empty if an epoch has no fixed number."""
    groups = study.groups()
    steps_of_epoch = {
        loss: study.recipe.training_of(loss).get("steps") or 0 for loss in study.trajectories
    }
    if groups is None or not all(steps_of_epoch.values()):
        return ()
    by_steps = {
        loss: {
            fold: points_by_steps(points, steps_of_epoch[loss]) for fold, points in by_fold.items()
        }
        for loss, by_fold in study.trajectories.items()
    }
    return at_equal_steps(groups, study.names(), by_steps)


def at_further_gains(study: MeasuredStudy, farthest: Mapping[int, float]) -> tuple[AtGain, ...]:
    """Compare the losses at the other levels of the recipe that two of them reach.

    Args:
        farthest: by fold, how far a model may be from the level of its fold.
    """
    points = {(model.loss, model.fold): model.points for model in study.models}
    compared = []
    for gain in study.recipe.further_gains:
        chosen = choose_at_gain(points, untrained_levels(study.trainings), gain, farthest)
        if len(chosen.points) > 1:
            equal = compare_chosen(chosen, study)
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
