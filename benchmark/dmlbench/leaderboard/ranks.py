"""Rank models by scores that are distinguishable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dmlbench.comparison.differences import Scored, exceeded_counts


class Rank(NamedTuple):
    """The best and the worst rank that a model may have.

    >>> str(Rank(1, 1)), str(Rank(2, 5))
    ('1', '2 to 5')
    """

    best: int
    worst: int

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best} to {self.worst}"


def ranks(models: Sequence[Scored], name: str, score: str) -> dict[str, Rank]:
    """Return the rank of each model that has this score of this property, by id.

    A model ranks below those that are better, and above those that are worse, over all pairs
    together: the ranges contain all ranks with 95 % confidence. A best rank of 1 is what `compare`
    marks.
    """
    scored = [
        entry
        for entry in models
        if name in entry.properties.properties
        and (known := entry.properties.properties[name].scores.get(score)) is not None
        and known.value is not None
    ]
    counts = exceeded_counts(scored, name, score)
    return {
        model: Rank(1 + better, len(scored) - worse) for model, (better, worse) in counts.items()
    }
