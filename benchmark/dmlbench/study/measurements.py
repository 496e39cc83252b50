"""What a study measures on a model, on the images that its recipe names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dmlbench.comparison.group_tests import RETRIEVAL_SCORE
from dmlbench.results import Result
from dmlbench.results.files import (
    DatasetRecord,
    Interventions,
    PropertiesFile,
    PropertyScores,
    RunFile,
    SaliencyFile,
)
from dmlbench.results.folder import ResultFolder
from dmlbench.scores.registry import MAIN, PAPER
from dmlbench.sources import ImageSource, open_source
from dmlbench.study.recipe import ClassImages, Images
from dmldata.common.errors import InputError
from dmldata.common.strict import StrictModel

PROPERTIES = "properties"
"""Name of the step that scores the images of properties."""

CLASSES = "classes"
"""Name of the step that scores the images of classes."""

INTERVENTION = "intervention"
"""Start of the names of the steps that measure what the changes of a sweep do."""

SCORED = {"seed", "intervals", "chance"}
"""Settings that decide scores."""


class Measurement(StrictModel):
    """The JSON files of a model's results on a dataset; `saliency` only if maps were requested."""

    run: RunFile
    properties: PropertiesFile
    saliency: SaliencyFile | None = None

    def result(self, results: Path) -> Result:
        """Return the result for `dmlbench.comparison`.

        Args:
            results: folder of all results that `evaluate` writes to.
        """
        folder = ResultFolder(results / self.run.model.id / self.run.dataset.fingerprint)
        return Result(folder, self.run, self.properties, self.saliency)


class CheckpointScores(StrictModel):
    """The scores of a checkpoint by property, without those that nothing compares."""

    properties: dict[str, PropertyScores]


class CheckpointRetrieval(StrictModel):
    """MAP@R of a checkpoint on the images of classes."""

    map_at_r: float | None


class MeasuredInterventions(StrictModel):
    """The interventions of a sweep on one model."""

    dataset: DatasetRecord
    interventions: Interventions


def open_images(images: Images) -> ImageSource:
    """Open the images that the recipe names.

    Raises:
        InputError: they do not exist or are damaged.
    """
    options = {name: value for name, value in images.options().items() if value is not None}
    return open_source(images.data, **options)


def swept_group(images: Images) -> str:
    """Return the group of factors that a sweep changes.

    Raises:
        InputError: the images are no sweep.
    """
    group = open_images(images).manifest.sweep_group
    if group is None:
        raise InputError(
            f"interventions: {images.data} is no sweep; valid: a dataset of "
            "'dmlgen render --factor GROUP'"
        )
    return group


def labels_of(images: ClassImages | None) -> tuple[str, ...]:
    """Return the properties that are classes."""
    from dmlbench.training.data import find_label

    if images is None:
        return ()
    source = open_images(images)
    return tuple(find_label(source, name) for name in images.label or (None,))


def compared_scores(scored: Mapping[str, PropertyScores]) -> dict[str, PropertyScores]:
    """Return what losses are compared by: NR-Precision, and the values that tests of groups take.

    There are many checkpoints, and replicates are nearly all of a score's text.
    """
    compared = {}
    for name, each in scored.items():
        values = {
            key: each.scores[key].model_copy(update={"replicates": None})
            for key in (PAPER.key, RETRIEVAL_SCORE)
        }
        scores = {MAIN.key: each.scores[MAIN.key], **values}
        facts = {field: getattr(each, field) for field in PropertyScores.model_fields}
        compared[name] = PropertyScores.model_validate(facts | scores)
    return compared


def main_values(scored: Mapping[str, PropertyScores]) -> dict[str, float | None]:
    """Return NR-Precision by property; None where there is none."""
    return {name: each.scores[MAIN.key].value for name, each in scored.items()}
