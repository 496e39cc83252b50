"""Train or load one model of a study, and measure it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmlbench import load_model
from dmlbench.comparison.group_tests import RETRIEVAL_SCORE
from dmlbench.embedding import embed
from dmlbench.evaluation.dataset_input import dataset_properties, scene_ids
from dmlbench.evaluation.model_evaluation import evaluate_model
from dmlbench.losses import loss_named
from dmlbench.models import LoadedModel
from dmlbench.models.reality_check import fill_in_loss
from dmlbench.results import Result
from dmlbench.results.files import (
    FORMAT,
    DatasetRecord,
    Interventions,
    PropertiesFile,
    PropertyScores,
    RunFile,
    SaliencyFile,
    Settings,
)
from dmlbench.results.folder import EMBEDDINGS, MAPS, ResultFolder
from dmlbench.scores.options import ScoreSettings
from dmlbench.scores.registry import MAIN, PAPER
from dmlbench.scores.score_properties import measure_neighbors
from dmlbench.sources import ImageSource, open_source
from dmlbench.study.recipe import ClassImages, Images, StudyRecipe
from dmlbench.study.search import RateSearch
from dmlbench.study.steps import Steps
from dmlbench.study.trainings import (
    Training,
    check_loss,
    check_network,
    model_name,
    plan_training,
    run_training,
)
from dmlbench.study.trajectories import Point, trajectory
from dmldata.common.errors import InputError
from dmldata.common.output import Say
from dmldata.common.strict import StrictModel

if TYPE_CHECKING:
    from dmlbench.training.task import Task


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


PROPERTIES = "properties"
"""Name of the step that scores the images of properties."""

CLASSES = "classes"
"""Name of the step that scores the images of classes."""

INTERVENTION = "intervention"
"""Start of the names of the steps that measure what the changes of a sweep do."""

SCORED = {"seed", "intervals", "chance"}
"""Settings that decide scores."""


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


class StudyModel:
    """The model of one loss and fold.

    Args:
        out: folder of the study.
        say: called with lines for the user.
        condition: name of the condition that it is trained in; None for the options of the study.
    """

    def __init__(
        self,
        recipe: StudyRecipe,
        loss: str,
        fold: int,
        out: Path,
        say: Say,
        *,
        condition: str | None = None,
        quiet: bool = False,
    ) -> None:
        self.recipe, self.loss, self.fold, self.condition = recipe, loss, fold, condition
        self.name = model_name(loss, fold, condition)
        self._out, self._say, self._quiet = out, say, quiet
        self._steps = Steps(out / "steps")

    @cached_property
    def decides(self) -> dict[str, Any]:
        """Return everything that decides the model.

        Raises:
            InputError: the settings of the training are not valid, or there is no such model.
        """
        if self.recipe.model is not None:
            return {"model": self._loaded.id}
        return self._task.plan

    def check(self, started: set[str], *, searched: bool) -> None:
        """Check what decides the model, as far as it is known before learning rates are searched.

        Args:
            started: keys of the networks that were built before, which this adds to.

        Raises:
            InputError: the settings of the training are not valid, or there is no such model.
        """
        if self.recipe.model is not None:
            _ = self.decides
            return
        task = self._plan({}) if searched else self._task
        network = task.settings.trunk, task.hyperparameters.size, task.hyperparameters.frozen_stages
        if loss_named(self.loss).group != "control":
            check_loss(task)
            if str(network) not in started:
                check_network(task)
                started.add(str(network))

    def training(self) -> Training | None:
        """Return the outcome of the training, after training; None for a loaded model."""
        if self.recipe.model is not None:
            return None
        return self._steps.take(self._training_step, self.decides, Training, self._outcome)

    @property
    def _training_step(self) -> str:
        return f"{self.name}.training"

    @property
    def diverged(self) -> str | None:
        """What was not a finite number in the training, after training; None if all was."""
        training = self.training()
        return None if training is None else training.diverged

    def measure(
        self, what: str, images: Images, only: tuple[str, ...] | None = None
    ) -> Measurement:
        """Score the model on these images.

        Args:
            what: name of the step.
            only: properties to score; by default all that vary.
        """
        source, settings = open_images(images), self._settings(0).model_copy(update={"only": only})

        def make() -> Measurement:
            result = self._evaluate(source, settings, self._loaded)
            return Measurement(run=result.run, properties=result.properties)

        decides = self._decides(source, settings, SCORED | {"only"})
        return self._steps.take(f"{self.name}.{what}", decides, Measurement, make)

    def intervene(self, images: Images) -> MeasuredInterventions:
        """Return what the changes of a sweep do to the embeddings of the model."""
        source = open_images(images)
        settings = self._settings(0).model_copy(update={"only": (), "chance": False})

        def make() -> MeasuredInterventions:
            result = self._evaluate(source, settings, self._loaded)
            interventions = result.properties.interventions
            assert interventions is not None
            return MeasuredInterventions(dataset=result.run.dataset, interventions=interventions)

        step = f"{self.name}.{INTERVENTION}.{swept_group(images)}"
        decides = self._decides(source, settings, {"seed", "intervals"})
        return self._steps.take(step, decides, MeasuredInterventions, make)

    def embedded(self, what: str, images: Images) -> Result:
        """Return the result of `measure`, with the embeddings in its folder.

        If they are missing there, the images are embedded again.
        """
        result = self.measure(what, images).result(self.results)
        if not result.folder.holds(EMBEDDINGS):
            self._evaluate(open_images(images), self._settings(0), self._loaded)
        return result

    @property
    def points(self) -> list[Point]:
        """The checkpoints and the best epoch of the training, after training."""
        training = self.training()
        return [] if training is None else trajectory(training)

    def score_point(self, point: Point) -> dict[str, PropertyScores]:
        """Return the scores of the model of `point` by property, on the images of properties.

        Those of a checkpoint have intervals and no chance level.
        """
        images = self.recipe.properties
        if point.best:
            return self.measure(PROPERTIES, images).properties.properties
        source = open_images(images)
        settings = self._settings(0).model_copy(update={"chance": False})
        decides = [*self._decides(source, settings, SCORED), point.epoch]

        def make() -> CheckpointScores:
            scored = self._neighbors(point.epoch, source)
            return CheckpointScores(properties=_compared_scores(scored))

        step = f"{self.name}.epoch{point.epoch:04d}"
        return self._steps.take(step, decides, CheckpointScores, make).properties

    def retrieval(self, point: Point) -> float | None:
        """Return MAP@R of the first label of the images of classes, of the model of `point`.

        None without such images, and where a checkpoint was not scored while its file was there:
        no model is trained again for it.
        """
        images = self.recipe.classes
        if images is None:
            return None
        (label, *_) = labels = labels_of(images)
        if point.best:
            measured = self.measure(CLASSES, images, labels).properties.properties
            return measured[label].scores[RETRIEVAL_SCORE].value
        source = open_images(images)
        decides = [*self._decides(source, self._settings(0), {"seed"}), label, point.epoch]
        step = f"{self.name}.{CLASSES}.epoch{point.epoch:04d}"
        retrieved = self._steps.read(step, decides, CheckpointRetrieval)
        if retrieved is None and self._checkpoint_file(point.epoch).is_file():
            scored = self._neighbors(point.epoch, source, (label,))
            value = scored[label].scores[RETRIEVAL_SCORE].value
            retrieved = self._steps.keep(step, decides, CheckpointRetrieval(map_at_r=value))
        return None if retrieved is None else retrieved.map_at_r

    @property
    def methods(self) -> tuple[str | None, ...]:
        """The methods of the maps that the recipe requests of this model; None is its own."""
        images = self.recipe.saliency
        if images is None or self.fold not in self.recipe.maps:
            return ()
        compared_by_all = self.condition is None and self.fold == self.recipe.most_maps
        return (None, *(images.other_methods if compared_by_all else ()))

    def has_maps(self, method: str | None) -> bool:
        """Return whether maps were made by this method, which may be removed by now."""
        return self._steps.read(*self._maps_step(method)[:2], Measurement) is not None

    def explain(self, method: str | None = None) -> Result:
        """Compute the maps that the recipe requests of this fold.

        The maps stay in the folder of results; if they are missing there, the step runs again.

        Args:
            method: one of the other methods of the recipe, whose results are in a folder of their
                own.
        """
        step, decides, settings = self._maps_step(method)
        results = self.results
        if method is not None:
            results = results.with_name(f"{results.name}-{method}")
        finished = self._steps.read(step, decides, Measurement)
        if finished is not None and _has_maps(earlier := finished.result(results)):
            return earlier
        assert self.recipe.saliency is not None
        source = open_images(self.recipe.saliency)
        result = self._evaluate(source, settings, self._loaded, results)
        measurement = Measurement(
            run=result.run, properties=result.properties, saliency=result.saliency
        )
        self._steps.keep(step, decides, measurement)
        return result

    def _maps_step(self, method: str | None) -> tuple[str, list[object], Settings]:
        """Return the step of the maps of a method, what decides it, and its settings."""
        images = self.recipe.saliency
        assert images is not None
        step, settings = f"{self.name}.saliency", self._settings(self.recipe.maps[self.fold])
        if method is not None:
            # Scores of the same embeddings are known already.
            only_maps = {"method": method, "intervals": False, "chance": False, "only": ()}
            step, settings = f"{step}.{method}", settings.model_copy(update=only_maps)
        asked = {"seed", "maps", "samples", "method"}
        decides = self._decides(open_images(images), settings, asked)
        if method is None and self.condition is None and self.fold == self.recipe.most_maps:
            settings = settings.model_copy(update={"faithfulness": images.faithfulness})
            decides += [images.faithfulness] if images.faithfulness else []
        return step, decides, settings

    @property
    def results(self) -> Path:
        """Folder of the results of all models."""
        return self._out / "results"

    def _decides(self, source: ImageSource, settings: Settings, asked: set[str]) -> list[object]:
        """Return everything that decides a measurement."""
        from dmlbench.saliency import method_id

        deciding = settings.model_dump(mode="json", include=asked)
        if "method" in deciding:
            deciding["method"] = method_id(settings.method)
        return [FORMAT, self.decides, self.name, source.fingerprint, deciding]

    def _settings(self, maps: int) -> Settings:
        images = self.recipe.saliency
        settings = Settings(
            seed=self.recipe.seed,
            intervals=True,
            chance=True,
            maps=maps,
            samples=50,
            precision="fp32",
            pairs=False,
            faithfulness=0,
        )
        if images is None:
            return settings
        return settings.model_copy(update={"samples": images.samples, "method": images.method})

    def _evaluate(
        self,
        source: ImageSource,
        settings: Settings,
        loaded: LoadedModel,
        results: Path | None = None,
    ) -> Result:
        return evaluate_model(
            loaded,
            source,
            results or self.results,
            settings,
            name=self.name,
            say=lambda line: None,
            quiet=self._quiet,
        )

    @cached_property
    def _loaded(self) -> LoadedModel:
        if self.recipe.model is not None:
            reference = fill_in_loss(self.recipe.model, self.loss, self.fold)
            return load_model(reference, loss=self.loss)
        self._train()
        return load_model(str(self._task.settings.file))

    def _neighbors(
        self, epoch: int, source: ImageSource, only: tuple[str, ...] | None = None
    ) -> dict[str, PropertyScores]:
        """Score the model of an epoch by neighbors, on all properties or on `only` some."""
        images = (item.image for item in source.samples_iter(with_mask=False))
        return measure_neighbors(
            embed(self._checkpoint(epoch), images),
            dataset_properties(source, only),
            ScoreSettings(self.recipe.seed, chance=False),
            scenes=scene_ids(source),
        )

    def _checkpoint(self, epoch: int) -> LoadedModel:
        self._train()
        return load_model(str(self._checkpoint_file(epoch)))

    def _checkpoint_file(self, epoch: int) -> Path:
        from dmlbench.training.checkpoints import checkpoint_file

        return checkpoint_file(self._task.settings.folder, epoch)

    @cached_property
    def _task(self) -> Task:
        rates: dict[str, float] = {}
        if self.recipe.search is not None and loss_named(self.loss).group != "control":
            search = RateSearch(self.recipe, self.loss, self._out, self._say, quiet=self._quiet)
            rates = search.searched().best.rates
        return self._plan(rates)

    def _plan(self, rates: Mapping[str, float]) -> Task:
        """Plan the training with these learning rates, where its condition has no others."""
        changes: dict[str, Any] = {}
        if self.condition is not None:
            changes |= self.recipe.conditions[self.condition].training
        changes["hyperparameters"] = {**rates, **changes.get("hyperparameters", {})}
        return plan_training(self.recipe, self.loss, self.fold, self.name, self._out, changes)

    def _outcome(self) -> Training:
        from dmlbench.training import DivergedError

        try:
            return self._train()
        except DivergedError as error:
            return Training(metrics={}, history=[], made_with={}, diverged=str(error))

    def _train(self) -> Training:
        """Train the model, or read its file.

        Raises:
            InputError: its file was gone, and trained again it is another model than the one that
                its steps are of, as it can be on other hardware.
        """
        outcome = run_training(self._task, self.name, self._say, quiet=self._quiet)
        earlier = self._steps.read(self._training_step, self.decides, Training)
        if earlier is not None and earlier.levels != outcome.levels:
            raise InputError(
                f"{self.name}: trained again, it is another model than its steps are of; valid: "
                f"remove {self._steps.path(self.name + '.*')}, or go on where its files are"
            )
        return outcome


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


def _compared_scores(scored: Mapping[str, PropertyScores]) -> dict[str, PropertyScores]:
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


def _has_maps(result: Result) -> bool:
    """Return whether the maps still exist unchanged."""
    if result.saliency is None or not result.folder.holds(MAPS):
        return False
    return result.folder.digests(MAPS) == {MAPS: result.saliency.maps_sha256}
