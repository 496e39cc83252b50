"""The content of run.json, properties.json, saliency.json and pairs.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from dmlbench.scores.interventions import Interventions as Interventions
from dmlbench.scores.jackknife import Interval as Interval
from dmlbench.scores.registry import PROPERTY_SCORES
from dmlbench.scores.score import EmbeddingGeometry as EmbeddingGeometry
from dmlbench.scores.score import PropertyScores as PropertyScores
from dmlbench.scores.score import Score as Score
from dmlbench.scores.verification import PairCounts as PairCounts
from dmldata.common.strict import StrictModel
from dmldata.contract.manifest import Sha256

FORMAT: Literal[3] = 3
"""Format of all these files; results of another format are not reused but computed again."""

CLASSES = ("car_model", "class")
"""Properties that are classes in metric learning: of this project, and of benchmarks."""

Size = tuple[int, int]


class Subject(StrictModel):
    """What was measured: a model (id and SHA-256 of its tensors) on a dataset (fingerprint)."""

    model: str
    weights_sha256: Sha256 | None
    dataset: str


FolderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
"""The name of a single folder, never a path."""


EVERY_PROPERTY = tuple(score.key for score in PROPERTY_SCORES if score.required)
"""Keys of the scores that every property has, if only to say that it has none."""


class PropertyRequest(StrictModel):
    """Settings that decide properties.json; `only` is as in `Settings`."""

    seed: int
    intervals: bool
    chance: bool
    only: tuple[str, ...] | None = None


class _Queries(StrictModel):
    """The number of images that are queries."""

    model_config = ConfigDict(extra="allow")

    scores: int


class KnownSettings(StrictModel):
    """Those settings of `score_properties` that readers of results use."""

    model_config = ConfigDict(extra="allow")

    max_queries: int
    queries: dict[str, _Queries]
    pairs: dict[str, PairCounts] = Field(default_factory=dict)
    jackknife_groups: int | None


class PropertiesFile(StrictModel):
    """properties.json: the return value of `dmlbench.scores.score_properties`, and its input.

    Attributes:
        embeddings_sha256: SHA-256 of embeddings.npy in the same folder.
        scenes: scene of each image in a sweep dataset, in the order of the embeddings; else None.
        settings: the settings that `score_properties` returns.
        interventions: scores of a sweep dataset; None for other designs.
        notes: what a reader of the scores has to know of the embeddings.
        geometry: scores of the embeddings whatever the properties; None in files of before these.
    """

    format: Literal[3] = FORMAT
    subject: Subject
    embeddings_sha256: Sha256
    request: PropertyRequest
    n: int
    dimensions: int
    scenes: tuple[int, ...] | None
    properties: dict[str, PropertyScores]
    settings: dict[str, object]
    interventions: Interventions | None
    notes: tuple[str, ...] = ()
    geometry: EmbeddingGeometry | None = None

    @model_validator(mode="after")
    def _check(self) -> PropertiesFile:
        known = KnownSettings.model_validate(self.settings)
        for name, property_scores in self.properties.items():
            for key in EVERY_PROPERTY:
                if key not in property_scores.scores:
                    raise ValueError(f"{name}.{key}: missing")
            for key, score in property_scores.scores.items():
                if score.replicates is not None and len(score.replicates) != known.jackknife_groups:
                    raise ValueError(
                        f"{name}.{key}: {len(score.replicates)} replicates; valid: "
                        f"{known.jackknife_groups}, one per jackknife group of settings"
                    )
        return self


class SaliencyRequest(StrictModel):
    """Settings that decide each saliency map.

    Attributes:
        method: a name as `dmlbench.saliency.method_id` returns it.
        samples: number of noisy copies per image, or "auto": as many as make the map of an image
            reliable, at most 50.
        sigma: standard deviation of the noise over the range of the image's tensor.
        seed: seed of the noise.
        distance: distance between embeddings that the maps explain.
        precision: "fp32", or "bf16" for input gradients of convolutions in bf16.

    Of the three fields of the noise, those are null that the method does not take.
    """

    method: str
    samples: int | Literal["auto"] | None
    sigma: float | None
    seed: int | None
    distance: str
    precision: str = "fp32"

    @property
    def draws_noise(self) -> bool:
        """Whether the method draws noise."""
        return self.seed is not None


class Mean(StrictModel):
    """A mean over images with its 95 % jackknife interval; `left_out` images had no value.

    Attributes:
        reason: reason why there is no mean.
    """

    value: float | None
    ci95: Interval | None
    images: int
    left_out: int
    reason: str | None = None


class FaithfulnessRequest(StrictModel):
    """Settings that decide whether the maps of a result are faithful, beside the maps themselves.

    Attributes:
        images: number of images of deletion and insertion.
        randomized: number of them whose maps are made again with randomized weights.
        seed: seed of the random orders and of the random weights.
    """

    images: int
    randomized: int
    seed: int


class RandomizedStage(StrictModel):
    """How much of the maps is left after one stage of cascading randomization.

    Attributes:
        layers, all_layers: number of randomized layers, from the top on, and of all layers.
        lowest: name of the lowest randomized layer.
        correlation: mean Pearson r (in Fisher-z) of each map with that of the randomized model.
        floor: the same with the randomized model's maps of other images; None for a single image.
    """

    layers: int
    all_layers: int
    lowest: str
    correlation: Mean
    floor: float | None


class Faithfulness(StrictModel):
    """Whether maps show what the model does. Source: protocol, section 8.

    Attributes:
        deletion, insertion: see `dmlbench.saliency.deletion`; 0 is a random order.
        localization: see `dmlbench.maps.localization`; 0.5 is chance, and only sweeps have one.
        stages: the stages of `dmlbench.saliency.randomized_maps`, the top layers alone first.
        not_randomized: reason why there are no stages.
    """

    request: FaithfulnessRequest
    deletion: Mean
    insertion: Mean
    localization: Mean
    stages: tuple[RandomizedStage, ...]
    not_randomized: str | None = None

    @property
    def means(self) -> dict[str, Mean]:
        """The scores by their keys in the registry; randomization after the last stage."""
        absent = Mean(value=None, ci95=None, images=0, left_out=0, reason=self.not_randomized)
        return {
            "deletion": self.deletion,
            "insertion": self.insertion,
            "localization": self.localization,
            "randomization": self.stages[-1].correlation if self.stages else absent,
        }


class SaliencyFile(StrictModel):
    """saliency.json: description of maps.npz, and scores of this model's maps alone.

    Attributes:
        keys: keys of the images, in the order of the maps, which is that of the dataset.
        scenes: scene of each image in a sweep dataset, where jackknife groups are whole scenes.
        attention_on_car: see Kobs & Hotho (2022); 0 for an even map, 1 if all is on the car.
        reliability: how well the maps would agree with those under other noise, from two halves of
            the noisy copies; see `maps.bounds.reliability`. None where the method draws no noise.
        faithfulness: whether the maps show what the model does; None where it was not measured.
        mean_samples: mean number of noisy copies per image, for `samples` "auto".
    """

    format: Literal[3] = FORMAT
    subject: Subject
    maps_sha256: Sha256
    request: SaliencyRequest
    images: int
    keys: tuple[str, ...]
    scenes: tuple[int, ...] | None
    attention_on_car: Mean
    reliability: Mean
    faithfulness: Faithfulness | None = None
    mean_samples: float | None = None

    def scenes_of(self, keys: Sequence[str]) -> list[int] | None:
        """Return the scenes of some of the images; None if the images have none."""
        if self.scenes is None:
            return None
        by_key = dict(zip(self.keys, self.scenes, strict=True))
        return [by_key[key] for key in keys]


class Neighbor(StrictModel):
    """Keys of an image and of its nearest neighbor."""

    query: str
    neighbor: str

    @property
    def keys(self) -> tuple[str, str]:
        """Keys of both images."""
        return self.query, self.neighbor


class Pair(Neighbor):
    """An image, its nearest neighbor, and how far apart they are.

    Attributes:
        distance: distance from the query to the neighbor, of the kind that the maps explain; it
            may be a similarity.
    """

    distance: float


class PairsFile(StrictModel):
    """pairs.json: wrong nearest neighbors, whose maps are in pairs.npz.

    Attributes:
        embeddings_sha256: SHA-256 of the embeddings that the neighbors were searched in.
        property_key: the property in whose label the two images of a pair differ.
        pairs: pairs in the order of pairs.npz, where each has two rows; no image is in two pairs.
    """

    format: Literal[3] = FORMAT
    subject: Subject
    maps_sha256: Sha256
    embeddings_sha256: Sha256
    request: SaliencyRequest
    property_key: str
    pairs: tuple[Pair, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the images, in the order of the maps."""
        return tuple(key for pair in self.pairs for key in pair.keys)


class ModelRecord(StrictModel):
    """The model as it was loaded; see `dmlbench.models.LoadedModel`.

    Attributes:
        id: the name of a folder, never a path, so that no file can point outside the results.
    """

    id: FolderName
    reference: str
    loss: str | None
    distance: str
    dimensions: int
    preprocessing: dict[str, object]
    notes: tuple[str, ...]
    weights_sha256: Sha256 | None


class DatasetRecord(StrictModel):
    """The dataset, and how it was opened.

    Attributes:
        url, options: arguments of `dmlbench.sources.open_source`.
        fingerprint: the name of a folder, like the model's id.
        version: empty for images that were not made for this project.
        image_size: width and height of all images in pixels; None if they may differ.
        design: "independent", "sweep", or "observed" if no property was controlled.
    """

    url: str
    options: dict[str, str] = Field(default_factory=dict)
    name: str
    version: str
    fingerprint: FolderName
    images: int
    image_size: Size | None
    design: str

    @property
    def title(self) -> str:
        """Name and, if there is one, version."""
        return f"{self.name} {self.version}".strip()


UNSTABLE = "UNSTABLE"
"""Beginning of the note on a model whose embedding does not depend on the image alone."""


class Settings(StrictModel):
    """Settings of an evaluation; `batch_size` and `device` change at most the rounding of floats.

    Attributes:
        only: the properties to score; None for all that vary.
        maps: number of images with a saliency map; None for MAX_MAPS on a GPU or a cluster, and
            otherwise for as many as can be computed in MAP_SECONDS.
        faithfulness: number of these images on which the maps are checked; 0 for none, None for a
            fifth of them and at least four.
        precision: "fp32", "bf16" or "auto"; see `dmlbench.saliency.resolve_precision`.
        pairs: whether maps of wrong nearest neighbors are computed, too.

    >>> Settings(maps=8, device="cpu").samples
    50
    """

    seed: int = Field(default=0, ge=0)
    intervals: bool = True
    chance: bool = True
    only: tuple[str, ...] | None = None
    maps: int | None = Field(default=None, ge=0)
    samples: Annotated[int, Field(ge=1)] | Literal["auto"] = 50
    method: str = "smoothgrad_paper"
    precision: str = "auto"
    faithfulness: int | None = Field(default=None, ge=0)
    pairs: bool = True
    batch_size: int | None = Field(default=None, ge=1)
    device: str = "auto"


class Step(StrictModel):
    """Provenance of one part of the results: time (UTC), seconds, versions and hardware."""

    finished: str
    seconds: float
    versions: dict[str, str]
    hardware: dict[str, str | int | None]


class RunFile(StrictModel):
    """run.json, written last: a folder that has it is complete.

    Attributes:
        name: name of the model in tables and pages.
        settings: settings of the call that wrote this file; `maps` is the number of existing maps.
        steps: provenance of `embeddings`, `properties`, `saliency` and `pairs`; null if an
            interrupted call computed the part, and for maps that were not computed.
        files: SHA-256 of the other files of the folder.
        notes: assumptions that a reader of the result has to know.
    """

    format: Literal[3] = FORMAT
    name: str
    model: ModelRecord
    dataset: DatasetRecord
    settings: Settings
    steps: dict[str, Step | None]
    files: dict[str, Sha256]
    notes: tuple[str, ...]
