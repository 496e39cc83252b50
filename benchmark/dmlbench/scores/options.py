"""How properties are scored: what a caller chooses, and what follows for the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from dmlbench.scores.uncertainty import PERMUTATIONS, generator, whole_scenes
from dmldata.common.arrays import Ints
from dmldata.common.errors import InputError
from dmldata.common.progress import Advance, Progress

MAX_QUERIES = 5_000
MIN_QUERIES = 1_000
MAX_PAIRS = 200_000_000


def default_queries(images: int) -> int:
    """Return the default number of queries whose neighbors are put in order.

    That is 5,000, or fewer (at least 1,000) where they would make more than 200 million pairs with
    all images.

    >>> [default_queries(images) for images in (300, 20_000, 100_000, 1_000_000)]
    [5000, 5000, 2000, 1000]
    """
    return max(MIN_QUERIES, min(MAX_QUERIES, MAX_PAIRS // images))


@dataclass(frozen=True)
class ScoreSettings:
    """What a caller chooses of how properties are scored; see `score_properties`."""

    seed: int = 0
    intervals: bool = True
    chance: bool = True
    permutations: int = PERMUTATIONS
    max_queries: int | None = None
    threads: int | None = None
    progress: Progress | None = None
    device: str = "cpu"

    def check(self) -> None:
        """Refuse settings that are not valid.

        Raises:
            InputError: a setting is too low, or no whole number.
        """
        for name in ("permutations", "max_queries", "threads"):
            number = getattr(self, name)
            if number is not None and not isinstance(number, Integral):
                raise InputError(f"{name} {number}; valid: a whole number")
        if self.permutations < PERMUTATIONS:
            raise InputError(f"permutations {self.permutations}; valid: at least {PERMUTATIONS}")
        if self.max_queries is not None and self.max_queries < 1:
            raise InputError(f"max_queries {self.max_queries}; valid: at least 1")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"threads {self.threads}; valid: at least 1, or None for one per core")


@dataclass(frozen=True)
class Options:
    """How the scores of the properties of some images are computed.

    Attributes:
        seed: seed of all random choices.
        groups: [N] jackknife group of each image; None for no intervals.
        permutations: number of permutations of the labels; 0 for no chance.
        max_queries: maximum number of queries whose neighbors are put in order.
        threads: number of threads; None for one per core.
        progress: called with (stage, done, total).
        scenes: [N] codes of the scene of each image; None where each shows its own.
        device: where hits are counted, a device of PyTorch.
    """

    seed: int
    groups: Ints | None
    permutations: int
    max_queries: int
    threads: int | None
    progress: Progress | None
    scenes: Ints | None = None
    device: str = "cpu"

    @property
    def resample(self) -> bool:
        """Whether intervals or chance are computed, and not only scores."""
        return self.groups is not None or self.permutations > 0

    def groups_of(self, rows: Ints) -> Ints | None:
        """Return the jackknife groups of some images."""
        return None if self.groups is None else self.groups[rows]

    def scenes_of(self, rows: Ints) -> Ints | None:
        """Return the scenes of some images."""
        return None if self.scenes is None else self.scenes[rows]

    def choose(self, rows: Ints, maximum: int, purpose: str) -> Ints:
        """Return at most `maximum` of the rows, drawn by the seed, in ascending order."""
        if len(rows) <= maximum:
            return rows
        return np.sort(generator(self.seed, purpose).permutation(rows)[:maximum])

    def choose_images(self, rows: Ints, maximum: int, purpose: str) -> Ints:
        """Return at most `maximum` of some images, in ascending order, scenes whole.

        Labels that vary within scenes change places within them for chance, and with few images of
        a scene they could not. Only where no scene fits are parts of scenes taken.
        """
        scenes = self.scenes_of(rows)
        if scenes is None or len(rows) <= maximum:
            return self.choose(rows, maximum, purpose)
        chosen = whole_scenes(rows, scenes, maximum, generator(self.seed, purpose))
        return chosen if len(chosen) else self.choose(rows, maximum, purpose)

    def stage(self, name: str, total: int) -> Advance:
        """Return a function to call with each further amount of a stage that is done."""
        so_far = 0

        def step(amount: int) -> None:
            nonlocal so_far
            so_far += amount
            if self.progress is not None:
                self.progress(name, so_far, total)

        return step


def same_rows(rows: Mapping[str, Ints]) -> list[list[str]]:
    """Return the names of properties, grouped by the images that they are about.

    >>> same_rows({"a": np.array([0, 1]), "b": np.array([1]), "c": np.array([0, 1])})
    [['a', 'c'], ['b']]
    """
    together: dict[bytes, list[str]] = {}
    for name, rows_of_property in rows.items():
        together.setdefault(rows_of_property.tobytes(), []).append(name)
    return list(together.values())
