"""The content of a comparison of models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from dmlbench.comparison.clustering import Clustering
from dmlbench.comparison.differences import Difference, leaders
from dmlbench.comparison.group_tests import GroupComparison
from dmlbench.comparison.representations import RepresentationPair
from dmlbench.results.files import (
    DatasetRecord,
    EmbeddingGeometry,
    Faithfulness,
    Interval,
    Interventions,
    Mean,
    PropertyScores,
)
from dmldata.common.strict import StrictModel

FORMAT: Literal[2] = 2


class Spread(StrictModel):
    """Mean and standard deviation over images; `left_out` images had no value."""

    mean: float | None
    std: float | None
    ci95: Interval | None = None
    images: int
    left_out: int


class Bound(StrictModel):
    """Ceiling or floor that a correlation is judged by, or a difference, with its interval."""

    value: float | None = None
    ci95: Interval | None = None


class Pair(StrictModel):
    """Comparison of two models' maps of the same images. Source: protocol, section 4.

    Attributes:
        a, b: ids of the models.
        correlation: Pearson r of A with B, which share no noise, as in the paper. Mean and standard
            deviation are taken in Fisher-z and transformed back.
        divergence: Jensen-Shannon divergence (natural logarithm) of the same maps.
        ceiling: sqrt(reliability of A x that of B), the largest correlation that noise allows. None
            for maps without noise, and where maps had to be resampled to a common grid.
        floor: correlation with B's maps of other images.
        above_floor, below_ceiling: correlation - floor and ceiling - correlation, paired by image.
        more_on_car: attention on the car of A minus that of B, paired by image.
    """

    a: str
    b: str
    correlation: Spread
    divergence: Spread
    ceiling: Bound
    floor: Bound
    above_floor: Bound = Bound()
    below_ceiling: Bound = Bound()
    more_on_car: Bound = Bound()


def mean_correlations(pairs: Iterable[Pair]) -> dict[frozenset[str], float | None]:
    """Return the mean correlation of the maps by pair of models."""
    return {frozenset({pair.a, pair.b}): pair.correlation.mean for pair in pairs}


class SaliencyTable(StrictModel):
    """The models with maps and all their pairs, on the images that all of them have maps of.

    Attributes:
        attention_on_car, reliability: by model; see `results.files.SaliencyFile`.
        faithfulness: by model, of the models whose maps were checked.
        clustering: clustering of the models by the mean correlation of each pair.
    """

    models: tuple[str, ...]
    keys: tuple[str, ...]
    attention_on_car: dict[str, Mean]
    reliability: dict[str, Mean]
    faithfulness: dict[str, Faithfulness] = Field(default_factory=dict)
    pairs: tuple[Pair, ...]
    clustering: Clustering

    def pair(self, a: str, b: str) -> Pair:
        """Return the pair of two models, in either order."""
        return next(pair for pair in self.pairs if {pair.a, pair.b} == {a, b})


class ComparedModel(StrictModel):
    """A model of the comparison; `label` is its name, or its id if names are not unique."""

    id: str
    label: str
    reference: str
    loss: str | None
    distance: str
    folder: str


class Comparison(StrictModel):
    """Comparison of models on one dataset.

    Attributes:
        properties: scores by property, then by id of the model.
        differences: by property, the differences of all pairs of models.
        interventions: by id of the model, on a sweep dataset; empty on other designs.
        sensitivity_differences: of their sensitivity, for all pairs of models.
        geometry: by id of the model, the shape of its embeddings.
        representations: how alike the embeddings of every two models are.
        saliency: null if no image has maps of all models that have any.
        groups: null if the models are not of two groups.
        notes: notes for a reader of the numbers.
    """

    format: Literal[2] = FORMAT
    dataset: DatasetRecord
    models: tuple[ComparedModel, ...]
    properties: dict[str, dict[str, PropertyScores]]
    differences: dict[str, tuple[Difference, ...]]
    interventions: dict[str, Interventions]
    sensitivity_differences: tuple[Difference, ...] = ()
    geometry: dict[str, EmbeddingGeometry] = Field(default_factory=dict)
    representations: tuple[RepresentationPair, ...]
    saliency: SaliencyTable | None
    groups: GroupComparison | None
    notes: tuple[str, ...]

    @property
    def varied(self) -> tuple[str, ...]:
        """Names of the properties that vary, so that their scores say something."""
        return tuple(
            name
            for name, by_model in self.properties.items()
            if any(scored.varies for scored in by_model.values())
        )

    def leaders(self, name: str) -> frozenset[str]:
        """Return ids of the models that may be best at a property; see `differences.leaders`."""
        return leaders(self.properties[name], self.differences[name])

    def label(self, model: str) -> str:
        """Return the label of the model with this id."""
        return next(compared.label for compared in self.models if compared.id == model)

    def with_labels(self, text: str) -> str:
        """Return a text with the labels of models in place of their ids."""
        return with_labels(text, {model.id: model.label for model in self.models})


def labels_of(names: Mapping[str, str]) -> dict[str, str]:
    """Return what models are called, by their ids: by name, or by id where others have the name.

    >>> labels_of({"a-1f": "mine", "b-2e": "net", "c-3d": "net"})
    {'a-1f': 'mine', 'b-2e': 'b-2e', 'c-3d': 'c-3d'}
    """
    named = Counter(names.values())
    return {model: name if named[name] == 1 else model for model, name in names.items()}


def with_labels(text: str, labels: Mapping[str, str]) -> str:
    """Return a text with labels in place of the ids of models.

    >>> with_labels("m-1f was scored without intervals", {"m-1f": "mine"})
    'mine was scored without intervals'
    """
    for model, label in labels.items():
        text = text.replace(model, label)
    return text
