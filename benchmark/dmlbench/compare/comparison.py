"""What a comparison of models holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from dmlbench.compare.clustering import Clustering
from dmlbench.compare.differences import Difference, leaders
from dmlbench.compare.group_tests import GroupComparison
from dmlbench.results.files import DatasetRecord, Interval, Interventions, Mean, PropertyScores
from dmldata.common.strict import StrictModel

FORMAT: Literal[1] = 1


class Spread(StrictModel):
    """Mean and standard deviation over images, interval of the mean; `left_out` had no value."""

    mean: float | None
    std: float | None
    ci95: Interval | None = None
    images: int
    left_out: int


class Bound(StrictModel):
    """What a correlation is read against, and its interval."""

    value: float | None
    ci95: Interval | None


class SharedNoise(StrictModel):
    """Both measures where the two models saw the very same noisy images."""

    correlation: Spread
    divergence: Spread


class Pair(StrictModel):
    """Two models' maps of the same images. Source: protocol, section 4.

    Attributes:
        a, b: ids of the models.
        correlation: Pearson r, A under one noise draw, B under the other, so that shared noise does
            not count as agreement; mean and standard deviation in Fisher-z, transformed back. As in
            the paper, whose models share no noise.
        divergence: Jensen-Shannon, natural logarithm, of the same maps.
        ceiling: sqrt(r(A, A') r(B, B')), what noise leaves possible.
        floor: r with B's maps of other images.
        shared_noise: null where seeds or input sizes differ, so that nothing was shared.
    """

    a: str
    b: str
    correlation: Spread
    divergence: Spread
    ceiling: Bound
    floor: Bound
    shared_noise: SharedNoise | None


def mean_correlations(pairs: Iterable[Pair]) -> dict[frozenset[str], float | None]:
    """By pair of models, the mean correlation of their maps."""
    return {frozenset({pair.a, pair.b}): pair.correlation.mean for pair in pairs}


class SaliencyTable(StrictModel):
    """The models that have maps and all their pairs, on the images that all of them have maps of.

    Attributes:
        attention_on_car, self_correlation: by model; see `results.files.SaliencyFile`.
        clustering: of the models, by the mean correlation of each pair.
    """

    models: tuple[str, ...]
    keys: tuple[str, ...]
    attention_on_car: dict[str, Mean]
    self_correlation: dict[str, Mean]
    pairs: tuple[Pair, ...]
    clustering: Clustering

    def pair(self, a: str, b: str) -> Pair:
        """The pair of two models, in either order."""
        return next(pair for pair in self.pairs if {pair.a, pair.b} == {a, b})


class ComparedModel(StrictModel):
    """A model of the comparison; `label` is its name, or its id where names are not unique."""

    id: str
    label: str
    reference: str
    loss: str | None
    distance: str
    folder: str


class Comparison(StrictModel):
    """Models on one dataset.

    Attributes:
        properties: by property, then by id of the model.
        differences: by property, of each pair of models.
        interventions: by id of the model, on a sweep dataset; empty on others.
        saliency: null where no image has maps of all models that have any.
        groups: null where the models are not of two groups.
        notes: what a reader of the numbers has to know.
    """

    format: Literal[1] = FORMAT
    dataset: DatasetRecord
    models: tuple[ComparedModel, ...]
    properties: dict[str, dict[str, PropertyScores]]
    differences: dict[str, tuple[Difference, ...]]
    interventions: dict[str, Interventions]
    saliency: SaliencyTable | None
    groups: GroupComparison | None
    notes: tuple[str, ...]

    def leaders(self, name: str) -> frozenset[str]:
        """Ids of the models that score highest on a property; see `differences.leaders`."""
        return leaders(self.properties[name], self.differences[name])

    def label(self, model: str) -> str:
        """What to call the model of this id."""
        return next(compared.label for compared in self.models if compared.id == model)
