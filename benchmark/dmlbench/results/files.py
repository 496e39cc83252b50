"""What run.json, properties.json and saliency.json hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from dmlbench.scores.interventions import Interventions as Interventions
from dmlbench.scores.registry import PROPERTY_SCORES
from dmlbench.scores.score import PropertyScores as PropertyScores
from dmlbench.scores.score import Score as Score
from dmlbench.scores.uncertainty import Interval as Interval
from dmldata.common.strict import StrictModel
from dmldata.contract.manifest import Sha256

FORMAT: Literal[2] = 2
"""Of all three files; another number is another calculation, and results of it are made again."""

CLASSES = ("car_model", "class")
"""Properties that are what metric learning calls the class: of this project, and of benchmarks."""

Size = tuple[int, int]


class Subject(StrictModel):
    """What was measured: a model (id and SHA-256 of its tensors) on a dataset (fingerprint)."""

    model: str
    weights_sha256: Sha256 | None
    dataset: str


FolderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
"""A name that is one folder, never a path."""


EVERY_PROPERTY = tuple(score.key for score in PROPERTY_SCORES if score.required)
"""Keys of the scores that every property has, if only to say that it has none."""


class PropertyRequest(StrictModel):
    """Settings that decide properties.json; `only` as in `Settings`."""

    seed: int
    intervals: bool
    chance: bool
    only: tuple[str, ...] | None = None


class _Queries(StrictModel):
    """How many images are queries."""

    model_config = ConfigDict(extra="allow")

    scores: int


class _KnownSettings(StrictModel):
    """Of the settings of `score_properties`, those that readers of results use."""

    model_config = ConfigDict(extra="allow")

    max_queries: int
    queries: dict[str, _Queries]
    jackknife_groups: int | None


class PropertiesFile(StrictModel):
    """properties.json: what `dmlbench.scores.score_properties` gives, and of what.

    Attributes:
        embeddings_sha256: of the embeddings.npy beside it.
        settings: as `score_properties` states them.
        interventions: of a sweep dataset; None for others.
    """

    format: Literal[2] = FORMAT
    subject: Subject
    embeddings_sha256: Sha256
    request: PropertyRequest
    n: int
    dimensions: int
    properties: dict[str, PropertyScores]
    settings: dict[str, Any]
    interventions: Interventions | None

    @model_validator(mode="after")
    def _check(self) -> PropertiesFile:
        known = _KnownSettings.model_validate(self.settings)
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
    """Settings that decide every single map.

    Attributes:
        method: a name in `dmlbench.saliency.METHODS`.
        samples: noisy copies an image.
        sigma: standard deviation of the noise over the range of the image's tensor.
        seed, prime_seed: of the noise of `maps` and of `prime`.
        distance: what the maps explain.
        precision: "fp32", or "bf16" for a model run under autocast.

    All four of the noise are null for a method that draws none.
    """

    method: str
    samples: int | None
    sigma: float | None
    seed: int | None
    prime_seed: int | None
    distance: str
    precision: str = "fp32"

    @property
    def draws_noise(self) -> bool:
        """Whether `maps` and `prime` differ at all."""
        return self.seed is not None


class Mean(StrictModel):
    """A mean over images with its 95 % jackknife interval; `left_out` images had no value.

    Attributes:
        reason: why there is no mean.
    """

    value: float | None
    ci95: Interval | None
    images: int
    left_out: int
    reason: str | None = None


class SaliencyFile(StrictModel):
    """saliency.json: which maps maps.npz holds, and what can be said of one model's maps alone.

    Attributes:
        keys: of the images, in the order of the maps, which is that of the dataset.
        scenes: scene of each image in a sweep dataset, where jackknife groups are whole scenes.
        attention_on_car: Kobs & Hotho (2022), 0 is an even map, 1 is everything on the car.
        self_correlation: Pearson r of the maps with those under other noise, mean in Fisher-z;
            None where the method draws no noise.
    """

    format: Literal[2] = FORMAT
    subject: Subject
    maps_sha256: Sha256
    request: SaliencyRequest
    images: int
    keys: tuple[str, ...]
    scenes: tuple[int, ...] | None
    attention_on_car: Mean
    self_correlation: Mean


class ModelRecord(StrictModel):
    """The model as it was loaded; see `dmlbench.models.LoadedModel`.

    Attributes:
        id: names a folder: no path, in whatever file it stands.
    """

    id: FolderName
    reference: str
    loss: str | None
    distance: str
    dimensions: int
    preprocessing: dict[str, Any]
    notes: tuple[str, ...]
    weights_sha256: Sha256 | None


class DatasetRecord(StrictModel):
    """The dataset, and how it was opened.

    Attributes:
        url, options: as given; see `dmlbench.sources.open_source`.
        fingerprint: names a folder, as the model's id.
        version: empty for images that were not made for this project.
        image_size: width and height of all images; None where they may differ.
        design: "independent", "sweep", or "observed" where no property was controlled.
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
        """Name and, where there is one, version."""
        return f"{self.name} {self.version}".strip()


UNSTABLE = "UNSTABLE"
"""How the note on a model begins whose embedding is no function of the image alone."""


class Settings(StrictModel):
    """What was asked for. `batch_size` and `device` change float rounding at most.

    Attributes:
        only: the properties to score; None for all that vary.
        maps: images that get a saliency map; None for MAX_MAPS on a GPU or a cluster, and else for
            as many as can be made in MAP_SECONDS.
    """

    seed: int
    intervals: bool
    chance: bool
    only: tuple[str, ...] | None = None
    maps: int | None = Field(ge=0)
    samples: int = Field(ge=1)
    method: str = "smoothgrad_paper"
    precision: str = "fp32"
    batch_size: int | None = Field(default=None, ge=1)
    device: str = "auto"


class Step(StrictModel):
    """How one part of the results was made: when (UTC), in how many seconds, with and on what."""

    finished: str
    seconds: float
    versions: dict[str, str]
    hardware: dict[str, str | int | None]


class RunFile(StrictModel):
    """run.json, written last: a folder that holds it is complete.

    Attributes:
        name: what tables and pages call the model.
        settings: of the call that wrote this file; `maps` is the number that is there.
        steps: of `embeddings`, `properties` and `saliency`; null where an interrupted call left
            the part, and for maps that were not made.
        files: SHA-256 of the files beside it.
        notes: what had to be assumed, for the reader of a result.
    """

    format: Literal[2] = FORMAT
    name: str
    model: ModelRecord
    dataset: DatasetRecord
    settings: Settings
    steps: dict[str, Step | None]
    files: dict[str, Sha256]
    notes: tuple[str, ...]
