"""Findings of a study: scores averaged over folds, losses compared, groups tested."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from pydantic import Field

from dmlbench.comparison.comparison import Pair, SaliencyTable
from dmlbench.comparison.group_tests import (
    AgreementGiven,
    Agreements,
    GroupComparison,
    GroupTest,
    RetrievalTest,
)
from dmlbench.losses import loss_named, without_controls
from dmlbench.maps import summarize_correlations
from dmlbench.results.files import DatasetRecord
from dmlbench.study.averages import Averaged
from dmlbench.study.changes import Change, Differences
from dmlbench.study.conditions import ConditionFindings
from dmlbench.study.interventions import InterventionFindings
from dmlbench.study.recipe import Model, StudyRecipe
from dmlbench.study.representations import RepresentationComparison
from dmlbench.study.search import Searched
from dmlbench.study.trajectories import ChosenPoints, ScoredPoint
from dmldata.common.strict import StrictModel


class MapComparison(SaliencyTable):
    """Comparison of the maps of all models of one fold, or of the folds of each loss.

    Attributes:
        names: id of a model -> (loss, fold).
    """

    names: dict[str, Model]


class PartialCorrelations(StrictModel):
    """Partial correlation of the maps of two models, given those of the untrained network.

    Attributes:
        pairs: (id, id, the partial correlation, its ceiling); see `comparison.maps`.
    """

    pairs: list[tuple[str, str, float | None, float | None]]

    def agreements(self) -> Agreements:
        """Return them by pair of ids."""
        return {frozenset((a, b)): partial_r for a, b, partial_r, _ in self.pairs}


class RankCorrelation(StrictModel):
    """Spearman's rho over losses.

    Attributes:
        p: two-sided, over permutations of the losses.
        p_holm: p, adjusted for the number of properties.
    """

    rho: float
    p: float
    p_holm: float


class Trained(StrictModel):
    """Scores on the validation classes, averaged over the folds: before and after training.

    Attributes:
        trained: None for a control.
        beats: number of folds in which the trained network has the higher MAP@R.
    """

    untrained: dict[str, float]
    trained: dict[str, float] | None
    beats: int
    folds: int


class FoldAgreement(StrictModel):
    """Agreement of maps of one loss from different folds: means in Fisher-z over pairs of folds.

    Attributes:
        images: number of the images compared, those that all folds have maps of.
        others: on the same images, correlation with the maps of each other trained loss of the
            same fold, in the mean over folds.
        elsewhere: the same with those of other folds: neither the loss nor the fold in common.
    """

    r: float | None
    ceiling: float | None
    pairs: int
    images: int
    others: dict[str, float | None]
    elsewhere: dict[str, float | None]


class EqualRetrieval(ChosenPoints):
    """Properties of the losses at equal MAP@R.

    Attributes:
        properties: as in `Findings`, of the chosen models.
        groups: as in `Findings`, of the chosen models; tests of properties alone. They are tested
            given the MAP@R that the models were chosen by, too, as it is not quite equal.
        families: as in `Findings`.
        untrained: MAP@R of the untrained network by fold. A level that is not above it compares
            models that have learned nothing.
        retrieval: MAP@R of the chosen models by loss on images of classes that were not trained
            on, in the mean over folds; None where it is not known. Validation classes are few.
        retrieval_test: test of `retrieval` in both groups; None if that of a loss is not known.
        given_retrieval: by property, the test of `groups` given `retrieval`, instead of the MAP@R
            that the models were chosen by; empty if that of a loss is not known.
        interpolated: by property, the test of scores interpolated to the level; see
            `trajectories.scores_at`. Empty unless it is known of all models that are compared.
        interpolated_known: number of models of which it is known.
    """

    properties: dict[str, dict[str, dict[str, Averaged]]]
    groups: GroupComparison | None
    families: GroupComparison | None = None
    untrained: dict[int, float]
    retrieval: dict[str, float | None] = Field(default_factory=dict)
    retrieval_test: GroupTest | None = None
    given_retrieval: dict[str, RetrievalTest] = Field(default_factory=dict)
    interpolated: dict[str, GroupTest] = Field(default_factory=dict)
    interpolated_known: int = 0

    def group_of(self, loss: str) -> str:
        """Return the group that a loss is compared in."""
        units = self.groups.groups.units if self.groups else ()
        groups = {unit.name: unit.group for unit in units}
        return groups.get(loss, loss_named(loss).group)

    @property
    def models(self) -> int:
        """Number of models that are compared."""
        return sum(map(len, self.points.values()))

    def group_gains(self) -> dict[str, float]:
        """Return by group the MAP@R of its models in times the untrained network's, on average."""
        return self._group_means(self.untrained)

    def group_levels(self) -> dict[str, float]:
        """Return by group the validation MAP@R of its chosen models, in the mean over them."""
        return self._group_means(dict.fromkeys(self.levels, 1.0))

    def _group_means(self, unit: Mapping[int, float]) -> dict[str, float]:
        """Return by group the mean of its models' MAP@R, in a unit of each fold."""
        levels: dict[str, list[float]] = {}
        for loss, by_fold in self.points.items():
            of_group = levels.setdefault(self.group_of(loss), [])
            of_group += [point.map_at_r / unit[fold] for fold, point in by_fold.items()]
        return {group: fmean(of_group) for group, of_group in levels.items()}

    @property
    def unlearned(self) -> list[int]:
        """Folds whose level is not above the MAP@R of the untrained network."""
        return [fold for fold, level in self.levels.items() if level <= self.untrained[fold]]


class AtGain(EqualRetrieval):
    """Properties of the losses that reach so many times the untrained network's MAP@R."""

    gain: float


class AtSteps(StrictModel):
    """Properties of the losses after the same number of steps.

    Attributes:
        steps: number of steps, in every fold.
        levels: by group, MAP@R of its models on the validation classes, in the mean over them.
        tests: by property, of these models; given that MAP@R, too.
    """

    steps: int
    levels: dict[str, float]
    tests: dict[str, GroupTest]


class Findings(StrictModel):
    """The numbers of a study.

    Attributes:
        losses: in the order of tables: classification, ranking, controls.
        datasets: datasets that `properties`, `classes` and `saliency` were measured on.
        trainings: validation scores by loss.
        searches: trials of learning rates by loss; empty if the recipe asks for none.
        conditions: by name, what other conditions of training change.
        interventions: by swept group of factors, what changing it alone does to embeddings.
        trajectories: by loss and fold, the models along the training with their scores.
        other_maps: comparison of the maps of other methods, of the fold with most maps.
        representations: comparison of the embeddings of all models.
        left_out: losses that did not learn, with the change of their MAP@R.
        diverged: names of the models whose training diverged. Losses of the study are left out
            with all their folds.
        properties: scores by score, property and loss.
        changes: change of NR-Precision with training by property and trained loss; without the
            control 'none' empty.
        classes: retrieval scores by label, loss and score.
        retrieval_differences: by label of `classes`, pairs of losses that differ in MAP@R; empty
            without intervals.
        retrieval_spearman: by property, Spearman's rho over the trained losses between MAP@R of the
            first label of `classes` and NR-Precision: losses may differ in a property only because
            they retrieve better.
        maps: comparison of the maps of the fold with most maps.
        maps_given_untrained: of the same maps, what they share beyond the untrained network's.
        fold_agreement: by loss, if several folds have maps.
        groups: None if the losses are not of two groups.
        families: the same with losses that differ in one detail counted once; None if there are no
            such losses.
        equal_map_at_r: the trained losses at equal MAP@R on the validation classes; None if the
            recipe does not ask for it.
        further_gains: the losses at other levels of it.
        without_weakest: the same as `equal_map_at_r` without the losses that set its levels, so at
            higher ones; None without scored checkpoints, and where too few losses are left.
        after_level: by property, the test of how much it changes from the models at equal MAP@R to
            those of the best epochs; empty without the former.
        agreements_given_rates: by measure, the test of agreement within groups given the learning
            rates of the network that the search chose, as logarithms; empty without a search.
        equal_steps: the losses at each number of steps at which a model of all of them was kept.
    """

    recipe: StudyRecipe
    losses: tuple[str, ...]
    datasets: dict[str, DatasetRecord]
    trainings: dict[str, Trained]
    properties: dict[str, dict[str, dict[str, Averaged]]]
    changes: dict[str, dict[str, Change]]
    classes: dict[str, dict[str, dict[str, Averaged]]]
    retrieval_spearman: dict[str, RankCorrelation]
    maps: MapComparison | None
    fold_agreement: dict[str, FoldAgreement]
    groups: GroupComparison | None
    families: GroupComparison | None = None
    maps_given_untrained: PartialCorrelations | None = None
    equal_map_at_r: EqualRetrieval | None = None
    further_gains: tuple[AtGain, ...] = ()
    without_weakest: EqualRetrieval | None = None
    equal_steps: tuple[AtSteps, ...] = ()
    after_level: dict[str, GroupTest] = Field(default_factory=dict)
    agreements_given_rates: dict[str, AgreementGiven] = Field(default_factory=dict)
    retrieval_differences: dict[str, Differences] = Field(default_factory=dict)
    searches: dict[str, Searched] = Field(default_factory=dict)
    conditions: dict[str, ConditionFindings] = Field(default_factory=dict)
    interventions: dict[str, InterventionFindings] = Field(default_factory=dict)
    trajectories: dict[str, dict[int, list[ScoredPoint]]] = Field(default_factory=dict)
    other_maps: dict[str, MapComparison] = Field(default_factory=dict)
    representations: RepresentationComparison | None = None
    left_out: dict[str, Change] = Field(default_factory=dict)
    diverged: tuple[str, ...] = ()


def mean_r(pairs: Iterable[Pair]) -> float | None:
    """Return the mean correlation of the pairs, taken in Fisher-z."""
    known = [pair.correlation.mean for pair in pairs if pair.correlation.mean is not None]
    return summarize_correlations(known).mean


def mean_ceiling(pairs: Iterable[Pair]) -> float | None:
    """Return the mean ceiling of the pairs, taken in Fisher-z."""
    return summarize_correlations(
        [pair.ceiling.value for pair in pairs if pair.ceiling.value is not None]
    ).mean


def correlations_elsewhere(findings: Findings) -> dict[tuple[str, str], float]:
    """Return how the maps of every two trained losses of different folds correlate."""
    trained = without_controls(findings.losses)
    return {
        (loss, other): r
        for loss, agreement in findings.fold_agreement.items()
        for other, r in agreement.elsewhere.items()
        if trained.index(loss) < trained.index(other) and r is not None
    }


def correlations_of_losses(findings: Findings) -> dict[tuple[str, str], float]:
    """Return how the maps of every two trained losses of one fold correlate.

    They are of the images that all folds have maps of, as those of one loss from different folds;
    without several folds, of all.
    """
    trained = without_controls(findings.losses)
    correlations = {
        (loss, other): r
        for loss, agreement in findings.fold_agreement.items()
        for other, r in agreement.others.items()
        if trained.index(loss) < trained.index(other)
    }
    if not correlations and (maps := findings.maps) is not None:
        correlations = {
            (maps.names[pair.a][0], maps.names[pair.b][0]): pair.correlation.mean
            for pair in pairs_of(maps, trained)
        }
    return {pair: r for pair, r in correlations.items() if r is not None}


def pairs_of(maps: MapComparison, losses: Sequence[str]) -> list[Pair]:
    """Return the pairs of models of these losses."""
    selected = {model for model, (loss, _) in maps.names.items() if loss in losses}
    return [
        maps.pair(a, b)
        for a, b in itertools.combinations([m for m in maps.models if m in selected], 2)
    ]
