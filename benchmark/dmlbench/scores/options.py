"""How properties are scored, and how a score is written down."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores._kernels.parallel import Progress
from dmlbench.scores.labels import Ints
from dmlbench.scores.uncertainty import (
    chance_interval,
    generator,
    jackknife_interval,
    rescale,
)

MOST_QUERIES = 5_000
FEWEST_QUERIES = 1_000
MOST_PAIRS = 200_000_000


def default_queries(images: int) -> int:
    """Queries whose neighbours are put in order, where nothing else is said: at most 5,000, and
    fewer (down to 1,000) where they would make more than 200 million pairs with all images.

    >>> [default_queries(images) for images in (300, 20_000, 100_000, 1_000_000)]
    [5000, 5000, 2000, 1000]
    """
    return max(FEWEST_QUERIES, min(MOST_QUERIES, MOST_PAIRS // images))


@dataclass(frozen=True)
class Options:
    """How to score.

    Attributes:
        seed: of every random choice.
        groups: [N] jackknife group of each image; None for no intervals.
        permutations: number of permutations of the labels; 0 for no chance.
        max_queries: queries whose neighbours are put in order at most.
        threads: None for one a core.
        progress: called with a stage, what is done and how much there is.
        scenes: [N] codes of the scene of each image; None where each shows its own.
    """

    seed: int
    groups: Ints | None
    permutations: int
    max_queries: int
    threads: int | None
    progress: Progress | None
    scenes: Ints | None = None

    @property
    def resample(self) -> bool:
        """Whether anything beyond the score itself is wanted."""
        return self.groups is not None or self.permutations > 0

    def groups_of(self, rows: Ints) -> Ints | None:
        """Jackknife groups of some images."""
        return None if self.groups is None else self.groups[rows]

    def scenes_of(self, rows: Ints) -> Ints | None:
        """Scenes of some images."""
        return None if self.scenes is None else self.scenes[rows]

    def choose(self, rows: Ints, most: int, purpose: str) -> Ints:
        """At most `most` of the rows, seeded, in ascending order."""
        if len(rows) <= most:
            return rows
        return np.sort(generator(self.seed, purpose).permutation(rows)[:most])

    def stage(self, name: str, total: int) -> Callable[[int], None]:
        """A function to call with each further amount that is done of a stage."""
        so_far = 0

        def step(amount: int) -> None:
            nonlocal so_far
            so_far += amount
            if self.progress is not None:
                self.progress(name, so_far, total)

        return step


def same_rows(rows: Mapping[str, Ints]) -> list[list[str]]:
    """Names of the properties in groups that are about the same images.

    >>> same_rows({"a": np.array([0, 1]), "b": np.array([1]), "c": np.array([0, 1])})
    [['a', 'c'], ['b']]
    """
    together: dict[bytes, list[str]] = {}
    for name, one in rows.items():
        together.setdefault(one.tobytes(), []).append(name)
    return list(together.values())


ABSENT: dict[str, Any] = {"value": None, "ci95": None, "chance": None, "replicates": None}
"""The entry of a score that does not exist."""


_FROM_0 = ("r_precision", "map_at_r", "precision_at_1", "nmi", "retrieval_under_intervention")
_UNBOUNDED = ("nr_precision", "nr_precision_paper")


def score_range(score: str) -> tuple[float, float]:
    """The least and the greatest value that a score can have.

    >>> score_range("precision_at_1"), score_range("arp"), score_range("nr_precision")
    ((0.0, 1.0), (-inf, 1.0), (-inf, inf))
    """
    least = {"distance_spearman": -1.0} | dict.fromkeys(_FROM_0, 0.0)
    return least.get(score, -math.inf), math.inf if score in _UNBOUNDED else 1.0


def entry(
    score: str,
    value: float,
    replicates: NDArray[np.float64],
    permuted: NDArray[np.float64],
    scale: NDArray[np.float64] | float = 1.0,
) -> dict[str, Any]:
    """A score as it stands in a result: its value, `ci95`, `chance` and the replicates behind
    `ci95`, rescaled as `scale` says; null where there is none. `ci95` ends where the score does.

    >>> entry("arp", 0.5, np.array([]), np.array([]))
    {'value': 0.5, 'ci95': None, 'chance': None, 'replicates': None}
    """
    if not math.isfinite(value):
        return dict(ABSENT)
    rescaled = rescale(replicates, scale) if len(replicates) else replicates
    interval = jackknife_interval(value, rescaled) if len(replicates) else None
    return {
        "value": float(value),
        "ci95": None if interval is None else np.clip(interval, *score_range(score)).tolist(),
        "chance": chance_interval(permuted),
        "replicates": None if interval is None else rescaled.tolist(),
    }
