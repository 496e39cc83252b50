"""Take the steps that compare the maps of the models of a study."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dmlbench.comparison.maps import compare_all_maps, correlations_given
from dmlbench.losses import without_controls
from dmlbench.results.files import FORMAT
from dmlbench.study.changes import UNTRAINED
from dmlbench.study.conditions import (
    ConditionMaps,
    common_keys,
    compare_maps,
)
from dmlbench.study.findings import (
    MapComparison,
    PartialCorrelations,
)
from dmlbench.study.measurements import open_images
from dmlbench.study.models import StudyModel
from dmlbench.study.recipe import StudyRecipe
from dmlbench.study.steps import Steps
from dmlbench.study.works import Work, work_on

MAPS, REPEATS, GIVEN = "maps", "maps.folds", "maps.given_untrained"


class ComparedMaps(NamedTuple):
    """Comparisons of the maps of losses.

    Attributes:
        of_fold: of the fold with most maps.
        of_folds: of all folds that have maps, on the images that all of them have.
        of_methods: of the fold with most maps, by other methods.
    """

    of_fold: MapComparison | None
    of_folds: MapComparison | None
    of_methods: dict[str, MapComparison]


def maps_to_make(
    recipe: StudyRecipe,
    models: Sequence[StudyModel],
    conditions: Mapping[str, Sequence[StudyModel]],
    out: Path,
) -> list[Work]:
    """Return the maps that unfinished comparisons need and no earlier run has left."""
    steps = Steps(out / "steps")
    needed: dict[Work, StudyModel] = {}
    for name, of_it, method in _map_steps(recipe, models):
        decides = _maps_decide(recipe, of_it, method, checked=name == MAPS)
        if steps.read(name, decides, MapComparison) is None:
            needed |= {work_on("maps", model)._replace(method=method): model for model in of_it}
    third = _third_maps(recipe, models)
    if third and steps.read(GIVEN, _given_decides(recipe, third), PartialCorrelations) is None:
        needed |= {work_on("maps", model): model for model in third}
    for condition, trained in conditions.items():
        pairs = _map_pairs(recipe, models, trained)
        decides = _maps_decide(recipe, list(itertools.chain(*pairs)))
        if pairs and steps.read(f"{MAPS}.condition.{condition}", decides, ConditionMaps) is None:
            needed |= {work_on("maps", model): model for pair in pairs for model in pair}
    return [work for work, model in needed.items() if model.existing_maps(work.method) is None]


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


def compare_maps_of_losses(
    recipe: StudyRecipe, models: Sequence[StudyModel], steps: Steps
) -> ComparedMaps:
    """Compare the maps of the fold with most of them, of all folds, and of the other methods."""
    maps = {}
    methods = {}
    for name, of_it, method in _map_steps(recipe, models):
        maps[name] = steps.take(
            name,
            _maps_decide(recipe, of_it, method, checked=name == MAPS),
            MapComparison,
            partial(_compare, of_it, method),
        )
        if method is not None:
            methods[method] = maps[name]
    return ComparedMaps(maps.get(MAPS), maps.get(REPEATS), methods)


def _map_pairs(
    recipe: StudyRecipe, models: Sequence[StudyModel], trained: Sequence[StudyModel]
) -> list[tuple[StudyModel, StudyModel]]:
    """Return the pairs of `beside_usual` that have maps."""
    return [pair for pair in beside_usual(models, trained) if pair[1].fold in recipe.maps]


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


def _given_decides(recipe: StudyRecipe, models: Sequence[StudyModel]) -> list[Any]:
    """Return what decides partial correlations, which had no ceilings once."""
    return [_maps_decide(recipe, models), "ceilings"]


def _compare(models: Sequence[StudyModel], method: str | None) -> MapComparison:
    """Compare the maps of every pair of models, on the images that all of them have maps of."""
    results = [model.explain(method) for model in models]
    table = compare_all_maps(results, common_keys(results))
    names = {
        result.model: (model.loss, model.fold)
        for result, model in zip(results, models, strict=True)
    }
    return MapComparison(**vars(table), names=names)


def maps_given_untrained(
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
        named = ((sorted(pair), partial) for pair, partial in pairs.items())
        return PartialCorrelations(pairs=[(a, b, *partial) for (a, b), partial in named])

    return steps.take(GIVEN, _given_decides(recipe, of_fold), PartialCorrelations, compare)


def _third_maps(recipe: StudyRecipe, models: Sequence[StudyModel]) -> list[StudyModel]:
    """Return the trained models of the fold with most maps, and last the untrained network.

    Empty if there is no such network, or nothing to compare.
    """
    of_fold = [model for model in models if model.fold == recipe.most_maps]
    trained = [model for model in of_fold if without_controls([model.loss])]
    untrained = [model for model in of_fold if model.loss == UNTRAINED]
    return [*trained, *untrained] if untrained and len(trained) > 1 else []


def condition_maps(
    recipe: StudyRecipe,
    name: str,
    models: Sequence[StudyModel],
    trained: Sequence[StudyModel],
    steps: Steps,
) -> ConditionMaps | None:
    """Compare the maps of each model of a condition with those of its model in the study."""
    pairs = _map_pairs(recipe, models, trained)
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


def beside_usual(
    models: Sequence[StudyModel], trained: Sequence[StudyModel]
) -> list[tuple[StudyModel, StudyModel]]:
    """Return each model of a condition after its model in the study."""
    usual = {(model.loss, model.fold): model for model in models}
    return [(usual[model.loss, model.fold], model) for model in trained]
