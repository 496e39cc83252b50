"""Compare the embeddings of the models of a study: of losses, and of the folds of one loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dmlbench.comparison.group_tests import Agreements
from dmlbench.comparison.representations import (
    MEASURES,
    RepresentationPair,
    compare_representations,
)
from dmlbench.losses import without_controls
from dmlbench.results import Result
from dmldata.common.strict import StrictModel

Model = tuple[str, int]
"""A loss and a fold."""


class RepresentationComparison(StrictModel):
    """Every pair of models.

    Attributes:
        names: id of a model -> (loss, fold).
    """

    names: dict[str, Model]
    pairs: tuple[RepresentationPair, ...]

    def agreements(self) -> dict[str, Agreements]:
        """Return each measure by pair of models of one fold, for tests of groups."""
        return {
            measure: {
                frozenset({pair.a, pair.b}): getattr(pair, measure).value
                for pair, first, second in self._named()
                if first[1] == second[1]
            }
            for measure in MEASURES
        }

    def with_other_losses(self, loss: str) -> list[RepresentationPair]:
        """Return the pairs of a loss with other trained losses, fold by fold."""
        return [
            pair
            for pair, first, second in self._named()
            if first[1] == second[1]
            and loss in (first[0], second[0])
            and first[0] != second[0]
            and len(without_controls({first[0], second[0]})) == 2
        ]

    def with_other_folds(self, loss: str) -> list[RepresentationPair]:
        """Return the pairs of a loss with itself, trained on other classes."""
        return [pair for pair, a, b in self._named() if a[0] == b[0] == loss]

    def _named(self) -> Iterable[tuple[RepresentationPair, Model, Model]]:
        return ((pair, self.names[pair.a], self.names[pair.b]) for pair in self.pairs)


def compare_models(results: Mapping[Model, Result]) -> RepresentationComparison:
    """Compare the embeddings of every pair of models; one id may be several models.

    Args:
        results: of the same images, with embeddings in their folders.
    """
    names = {result.model: model for model, result in results.items()}
    by_id = {result.model: result for result in results.values()}
    return RepresentationComparison(
        names=names, pairs=compare_representations(list(by_id.values()))
    )


def mean_value(pairs: Sequence[RepresentationPair], measure: str) -> float | None:
    """Return the mean of a measure over pairs; None if one lacks it."""
    values = [getattr(pair, measure).value for pair in pairs]
    return None if not values or None in values else float(np.mean(values))
