"""Measure one model of a study."""

from __future__ import annotations

from pathlib import Path

from dmlbench.comparison.group_tests import RETRIEVAL_SCORE
from dmlbench.embedding import embed
from dmlbench.evaluation.dataset_input import dataset_properties, scene_ids
from dmlbench.evaluation.model_evaluation import evaluate_model
from dmlbench.models import LoadedModel
from dmlbench.results import Result
from dmlbench.results.files import (
    FORMAT,
    PropertyScores,
    Settings,
)
from dmlbench.results.folder import EMBEDDINGS, MAPS
from dmlbench.scores.options import ScoreSettings
from dmlbench.scores.score_properties import measure_neighbors
from dmlbench.sources import ImageSource
from dmlbench.study.measurements import (
    CLASSES,
    INTERVENTION,
    PROPERTIES,
    SCORED,
    CheckpointRetrieval,
    CheckpointScores,
    MeasuredInterventions,
    Measurement,
    compared_scores,
    labels_of,
    open_images,
    swept_group,
)
from dmlbench.study.network import TrainedModel
from dmlbench.study.recipe import Images
from dmlbench.study.trajectories import Point


class StudyModel(TrainedModel):
    """The model of one loss and fold, measured on all that the recipe names."""

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
            return CheckpointScores(properties=compared_scores(scored))

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
        earlier = self.existing_maps(method)
        if earlier is not None:
            return earlier
        step, decides, settings = self._maps_step(method)
        assert self.recipe.saliency is not None
        source = open_images(self.recipe.saliency)
        result = self._evaluate(source, settings, self._loaded, self._results_of(method))
        measurement = Measurement(
            run=result.run, properties=result.properties, saliency=result.saliency
        )
        self._steps.keep(step, decides, measurement)
        return result

    def existing_maps(self, method: str | None) -> Result | None:
        """Return the result with the maps by this method, if they were made and still exist."""
        finished = self._steps.read(*self._maps_step(method)[:2], Measurement)
        if finished is None:
            return None
        result = finished.result(self._results_of(method))
        return result if _has_maps(result) else None

    def _results_of(self, method: str | None) -> Path:
        """Return the folder of results with the maps of a method."""
        results = self.results
        return results if method is None else results.with_name(f"{results.name}-{method}")

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


def _has_maps(result: Result) -> bool:
    """Return whether the maps still exist unchanged."""
    if result.saliency is None or not result.folder.holds(MAPS):
        return False
    return result.folder.digests(MAPS) == {MAPS: result.saliency.maps_sha256}
