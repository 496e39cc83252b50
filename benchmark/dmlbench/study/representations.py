"""Compare the embeddings of the models of a study: of losses, and of the folds of one loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from dmlbench.comparison.group_tests import Agreements
from dmlbench.comparison.representations import (
    RepresentationPair,
    compare_representations,
    similarities,
)
from dmlbench.losses import without_controls
from dmlbench.maps import summarize_correlations
from dmlbench.results import Result
from dmlbench.study.recipe import Model
from dmldata.common.strict import StrictModel


class RepresentationComparison(StrictModel):
    """Pairs of models, of one fold and of different ones.

    Attributes:
        names: id of a model -> (loss, fold).
    """

    names: dict[str, Model]
    pairs: tuple[RepresentationPair, ...]

    def agreements(self) -> Mapping[str, Agreements]:
        """Return each measure by pair of models of one fold, for tests of groups."""
        return similarities([pair for pair, a, b in self._named() if a[1] == b[1]])

    def with_other_losses(self, loss: str) -> list[RepresentationPair]:
        """Return the pairs of a loss with other trained losses, fold by fold."""
        return [pair for pair, a, b in self._across_losses(loss) if a[1] == b[1]]

    def with_control(self, loss: str, control: str) -> list[RepresentationPair]:
        """Return the pairs of a loss with a control, fold by fold."""
        return [
            pair for pair, a, b in self._named() if a[1] == b[1] and {a[0], b[0]} == {loss, control}
        ]

    def with_others_elsewhere(self, loss: str) -> list[RepresentationPair]:
        """Return the pairs of a loss with other trained losses of other folds."""
        return [pair for pair, a, b in self._across_losses(loss) if a[1] != b[1]]

    def with_other_folds(self, loss: str) -> list[RepresentationPair]:
        """Return the pairs of a loss with itself, trained on other classes."""
        return [pair for pair, a, b in self._named() if a[0] == b[0] == loss]

    def _across_losses(self, loss: str) -> Iterable[tuple[RepresentationPair, Model, Model]]:
        """Return the pairs of a loss with other trained losses, of any folds."""
        return (
            (pair, a, b)
            for pair, a, b in self._named()
            if loss in (a[0], b[0]) and len(without_controls({a[0], b[0]})) == 2
        )

    def _named(self) -> Iterable[tuple[RepresentationPair, Model, Model]]:
        return ((pair, self.names[pair.a], self.names[pair.b]) for pair in self.pairs)


def compare_models(results: Mapping[Model, Result]) -> RepresentationComparison:
    """Compare the embeddings of all models of a study.

    Args:
        results: of the same images, with embeddings in their folders.
    """
    names = {result.model: model for model, result in results.items()}
    return RepresentationComparison(
        names=names, pairs=compare_representations(list(results.values()))
    )


def mean_value(pairs: Sequence[RepresentationPair], measure: str) -> float | None:
    """Return the mean of a measure over pairs, taken in Fisher-z; None if one lacks it."""
    return mean_agreement([getattr(pair, measure).value for pair in pairs])


def mean_agreement(values: Sequence[float | None]) -> float | None:
    """Return the mean of agreements, taken in Fisher-z; None if one is not known."""
    known = [value for value in values if value is not None]
    return summarize_correlations(known).mean if len(known) == len(values) else None
