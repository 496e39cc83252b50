"""Compare the results of several models on one dataset."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from pydantic import BaseModel

from dmlbench.comparison.comparison import (
    ComparedModel,
    Comparison,
    SaliencyTable,
    labels_of,
    mean_correlations,
    with_labels,
)
from dmlbench.comparison.differences import (
    Difference,
    common_properties,
    score_differences,
    sensitivity_differences,
)
from dmlbench.comparison.group_tests import MAPS, GroupComparison, class_retrieval, compare_groups
from dmlbench.comparison.groups import Groups, loss_groups
from dmlbench.comparison.maps import compare_all_maps
from dmlbench.comparison.representations import (
    RepresentationPair,
    compare_representations,
    similarities,
)
from dmlbench.results import Result
from dmlbench.results.files import UNSTABLE, PropertyScores
from dmlbench.results.notes import queries_note
from dmldata.common.errors import InputError
from dmldata.common.progress import Progress


def compare_results(
    results: Sequence[Result],
    progress: Progress | None = None,
    *,
    at_least: int = 2,
    groups: Groups | None = None,
) -> Comparison:
    """Compare the property scores of models, their maps, and two groups of them if there are any.

    Args:
        results: results on one dataset; see `dmlbench.results.find_results`.
        progress: called as (stage, finished pairs of models, total pairs).
        at_least: minimum number of models; 1 allows tables of a single model, without pairs.
        groups: groups to test; by default classification losses against ranking losses.

    Raises:
        InputError: there are fewer than `at_least` models, or no property was scored for all.

    ```python
    comparison = compare_results(find_results([Path("results")]))
    comparison.differences["paint_hue"]  # of all pairs of models, with intervals
    ```
    """
    if len(results) < at_least:
        listed = ", ".join(result.model for result in results) or "none"
        raise InputError(f"a comparison needs results of {at_least} models, found {listed}")
    with_maps = [result for result in results if result.saliency is not None]
    keys = _common_keys(with_maps)
    properties = {
        name: {result.model: result.properties.properties[name] for result in results}
        for name in common_properties(results)
    }
    if not properties and any(result.properties.properties for result in results):
        raise InputError("no property was scored in all results; valid: results of the same ones")
    differences = score_differences(results)
    saliency = compare_all_maps(with_maps, keys, progress) if keys else None
    groups = groups or loss_groups(results)
    representations = compare_representations(results, progress)
    return Comparison(
        dataset=results[0].run.dataset,
        models=tuple(_models(results)),
        properties=properties,
        differences=differences,
        interventions={
            result.model: result.properties.interventions
            for result in results
            if result.properties.interventions is not None
        },
        sensitivity_differences=sensitivity_differences(results),
        geometry={
            result.model: result.properties.geometry
            for result in results
            if result.properties.geometry is not None
        },
        representations=representations,
        saliency=saliency,
        groups=(_compare_groups(groups, properties, saliency, representations) if groups else None),
        notes=(
            *_notes(results, with_maps, keys),
            *_property_notes(results, properties),
            *_tie_notes(differences, _labels(results)),
            *_table_notes(results, saliency, groups),
        ),
    )


def _compare_groups(
    groups: Groups,
    properties: dict[str, dict[str, PropertyScores]],
    saliency: SaliencyTable | None,
    representations: Sequence[RepresentationPair],
) -> GroupComparison:
    on_car = saliency.attention_on_car if saliency else {}
    values = {model: mean.value for model, mean in on_car.items()}
    agreements = {
        MAPS: mean_correlations(saliency.pairs if saliency else ()),
        **similarities(representations),
    }
    return compare_groups(groups, properties, values, agreements, class_retrieval(properties))


def _common_keys(results: Sequence[Result]) -> list[str]:
    """Return keys of the images that all models have maps of, in the order of the dataset."""
    held = [result.saliency.keys for result in results if result.saliency is not None]
    common = set.intersection(*map(set, held)) if held else set()
    return [key for key in held[0] if key in common] if held else []


def _models(results: Sequence[Result]) -> Iterator[ComparedModel]:
    labels = _labels(results)
    for result in results:
        run = result.run
        yield ComparedModel(
            id=run.model.id,
            label=labels[run.model.id],
            reference=run.model.reference,
            loss=run.model.loss,
            distance=run.model.distance,
            folder=str(result.folder.path),
        )


def _labels(results: Sequence[Result]) -> dict[str, str]:
    """Return the label of each model by its id."""
    return labels_of({result.model: result.run.name for result in results})


def _notes(
    results: Sequence[Result], with_maps: Sequence[Result], keys: Sequence[str]
) -> Iterator[str]:
    labels = _labels(results)
    without = [labels[result.model] for result in results if result.saliency is None]
    if without:
        yield f"no saliency maps: {', '.join(without)}"
    if len(with_maps) >= 2:
        yield from _map_notes(with_maps, keys)
    for result in results:
        for note in result.run.notes:
            if note.startswith(UNSTABLE):
                yield f"{labels[result.model]}: {note}"
        yield from (f"{labels[result.model]}: {note}" for note in result.properties.notes)
    subsets = (queries_note(result.properties.n, result.properties.settings) for result in results)
    yield from dict.fromkeys(filter(None, subsets))
    yield from _differences(
        "properties were scored", [result.properties.request for result in results]
    )


def _property_notes(results: Sequence[Result], common: Collection[str]) -> Iterator[str]:
    names = dict.fromkeys(name for result in results for name in result.properties.properties)
    lacking = [name for name in names if name not in common]
    if lacking:
        yield f"left out, as not all models are scored by them: {', '.join(lacking)}"


def _tie_notes(
    differences: Mapping[str, Sequence[Difference]], labels: Mapping[str, str]
) -> Iterator[str]:
    all_differences = [
        difference for of_property in differences.values() for difference in of_property
    ]
    reasons = dict.fromkeys(
        difference.reason
        for difference in all_differences
        if difference.value is not None and difference.reason
    )
    for reason in reasons:
        yield f"ties between models are not known: {with_labels(reason, labels)}"


def _table_notes(
    results: Sequence[Result], saliency: SaliencyTable | None, groups: Groups | None
) -> Iterator[str]:
    labels = _labels(results)
    absent = saliency.attention_on_car.values() if saliency is not None else ()
    for reason in dict.fromkeys(mean.reason for mean in absent if mean.value is None):
        yield f"no attention on the car: {reason}"
    if saliency is not None and saliency.clustering.left_out:
        left_out = ", ".join(labels[model] for model in saliency.clustering.left_out)
        yield f"in no cluster, as a correlation of maps is missing: {left_out}"
    if groups is not None and groups.left_out:
        left_out = ", ".join(labels.get(model, model) for model in groups.left_out)
        yield f"in neither of the two groups: {left_out}"
    if groups is None and any(result.run.model.loss for result in results):
        yield "no group tests: the models are not of both classification and ranking losses"


def _map_notes(results: Sequence[Result], keys: Sequence[str]) -> Iterator[str]:
    described = [result.saliency for result in results if result.saliency is not None]
    counts = sorted({file.images for file in described})
    if not keys:
        yield "no image has maps of all models: maps are not compared"
    elif counts != [len(keys)]:
        yield (
            f"models have {_words(counts)} maps: compared on the {len(keys)} images that all "
            "have maps of"
        )
    yield from _differences("maps were made", [file.request for file in described], "distance")
    quiet = sorted({file.request.method for file in described if not file.request.draws_noise})
    if quiet:
        yield (
            f"maps by {_words(quiet)} draw no noise: they have no agreement under other noise, and "
            "two models with such maps no ceiling"
        )
    if len({_view(result) for result in results}) > 1:
        yield (
            "models crop or resize differently: their maps are compared on a common grid, whose "
            "maps have less noise, so that such models have no ceiling"
        )


def _view(result: Result) -> tuple[str, ...]:
    """Return what decides which part of an image a model sees, and in how many pixels."""
    return tuple(
        str(result.run.model.preprocessing[key]) for key in ("input_size", "resize", "fit")
    )


def _differences(what: str, requests: Sequence[BaseModel], *expected: str) -> Iterator[str]:
    """Yield a note for each setting that differs between models, except `expected` ones."""
    for setting in type(requests[0]).model_fields:
        values = sorted({getattr(request, setting) for request in requests}, key=str)
        if len(values) > 1 and setting not in expected:
            yield f"{what} with different settings: {setting} {_words(values)}"


def _words(values: Sequence[object]) -> str:
    return " and ".join(map(str, values))
