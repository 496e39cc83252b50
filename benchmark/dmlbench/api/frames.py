"""Scores as tidy data frames: a row for every score of every property of every model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from dmlbench.results.files import PropertyScores

INTERVALS = ("ci95_low", "ci95_high", "chance_low", "chance_high")
COLUMNS = ("model", "property", "score", "value", *INTERVALS)
"""`ci95_low` and `ci95_high` are the 95 % interval, `chance_low` and `chance_high` the central 95 %
of permuted labels; missing where they were not computed."""


def score_frame(properties: Mapping[str, Mapping[str, PropertyScores]]) -> pd.DataFrame:
    """Return the scores, by model and property, with COLUMNS."""
    rows = [
        (model, name, *numbers)
        for model, of_model in properties.items()
        for name, scored in of_model.items()
        for numbers in _numbers(scored)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _numbers(scored: PropertyScores) -> Iterator[tuple[str | float | None, ...]]:
    for key, score in scored.scores.items():
        yield key, score.value, *(score.ci95 or (None, None)), *(score.chance or (None, None))
