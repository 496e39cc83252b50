"""What a score is once it is computed: a value with its uncertainty, as result files hold it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from dmlbench.scores.jackknife import (
    Interval,
    Sample,
    jackknife_interval,
    proportion_interval,
    rescale,
)
from dmlbench.scores.registry import MAIN, declared
from dmlbench.scores.uncertainty import chance_interval
from dmldata.common.strict import StrictModel


class Score(StrictModel):
    """A score with its 95 % jackknife interval and the central 95 % of permuted labels.

    Attributes:
        replicates: the scores without each jackknife group, which `ci95` is made of: from those of
            two models on the same images and groups comes the interval of their difference. None
            without an interval.
    """

    value: float | None
    ci95: Interval | None
    chance: Interval | None
    replicates: tuple[float, ...] | None = None

    @property
    def is_chance(self) -> bool:
        """Whether the value lies inside `chance`; False where either is missing."""
        if self.value is None or self.chance is None:
            return False
        return self.chance[0] <= self.value <= self.chance[1]


ABSENT = Score(value=None, ci95=None, chance=None)
"""A score that does not exist."""

_NO_SAMPLES = np.zeros(0)

Scores = dict[str, Score]
"""Scores by key."""


def make_score(
    key: str,
    value: float,
    replicates: NDArray[np.float64] = _NO_SAMPLES,
    permuted: NDArray[np.float64] = _NO_SAMPLES,
    scale: NDArray[np.float64] | float = 1.0,
    sample: Sample | None = None,
) -> Score:
    """Return a score from its value and its samples; `ABSENT` where the value is not finite.

    Args:
        key: which score it is; `ci95` is cut off where the range of this score ends.
        value: the score of all images.
        replicates: [G], the score without each jackknife group; empty for no interval.
        permuted: [P], the scores of permuted labels; empty for no chance.
        scale: what the score grows with, by which the replicates are rescaled; see
            `jackknife.rescale`.
        sample: what the score is a share of; with it, the interval is that of a proportion.

    >>> make_score("arp", 0.5)
    Score(value=0.5, ci95=None, chance=None, replicates=None)
    """
    if not math.isfinite(value):
        return ABSENT
    rescaled = rescale(replicates, scale) if len(replicates) else replicates
    interval = None
    if len(replicates):
        interval = (
            jackknife_interval(value, rescaled)
            if sample is None
            else proportion_interval(value, rescaled, sample)
        )
    return Score(
        value=float(value),
        ci95=None if interval is None else _inside_range(key, interval),
        chance=chance_interval(permuted),
        replicates=None if interval is None else tuple(rescaled.tolist()),
    )


def _inside_range(key: str, interval: Interval) -> Interval:
    score = declared(key)
    low, high = np.clip(interval, score.lowest, score.highest).tolist()
    return low, high


class PropertyScores(StrictModel):
    """All scores of one property; every field beside the four named ones is a `Score`.

    Attributes:
        n: images with a label.
        labels: number of different labels.
        left_out: `no_label`, images without one; `label_once`, labels that occur in
            one image or, where they belong to scenes, in one scene.
        reason: why scores are missing.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Score] = Field(init=False)

    n: int
    labels: int
    left_out: dict[str, int]
    reason: str | None

    @property
    def scores(self) -> Scores:
        """By key: `nr_precision`, `arp`, ..."""
        return dict(self.__pydantic_extra__)

    @property
    def varies(self) -> bool:
        """Whether labels differ, and exchanging them changes NR-Precision: if not, it says nothing.

        In a sweep, a swept factor that has one value in all variants of a scene does not vary, nor
        does any factor for embeddings that are the same in all variants.
        """
        main = self.scores.get(MAIN.key, ABSENT)
        if self.labels < 2 or main.chance is None or main.value is None:
            return self.labels > 1
        return not all(
            math.isclose(main.value, end, rel_tol=1e-9, abs_tol=1e-9) for end in main.chance
        )


class EmbeddingGeometry(StrictModel):
    """The scores of embeddings whatever the properties, each with its interval.

    Attributes:
        images: images whose effective rank is measured.
        pair_images: images whose pairs are measured, for uniformity and hubness.
        scores: by key.
        random: by key, the value for as many random directions in as many dimensions, one draw.
    """

    images: int
    pair_images: int
    scores: dict[str, Score]
    random: dict[str, float | None]


class ScoredProperties(StrictModel):
    """The scores of all properties of one set of embeddings.

    Attributes:
        n: number of embeddings.
        dimensions: length of an embedding.
        properties: by name.
        settings: how the scores were computed.
        notes: what a reader of the scores has to know of the embeddings.
        geometry: scores of the embeddings whatever the properties.
    """

    n: int
    dimensions: int
    properties: dict[str, PropertyScores]
    settings: dict[str, object]
    notes: tuple[str, ...] = ()
    geometry: EmbeddingGeometry
