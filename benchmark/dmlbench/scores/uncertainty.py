"""Random groups and permutations of images: how sure a score is, and what is chance."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dmlbench.scores.jackknife import COVERAGE, GROUPS, Interval, assign_groups
from dmlbench.scores.labels import LabelColumn, belong_to_scenes, encode_labels
from dmldata.common.arrays import Ints
from dmldata.common.errors import InputError

PERMUTATIONS = 199
MIN_EXCHANGES = 40
"""Distinct ways of dealing labels to images below which no score can be rarer than the 2.5 % that a
central 95 % leaves on each side."""


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Return a random generator for one purpose, independent of those for other purposes.

    >>> first, again = (generator(0, "groups").integers(9, size=3).tolist() for _ in range(2))
    >>> first == again
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed {seed}; valid: an integer >= 0")
    return np.random.default_rng([int(seed), *(zlib.crc32(word.encode()) for word in purpose)])


def drop_groups(images: int, scenes: LabelColumn | None, seed: int) -> Ints | None:
    """Return the jackknife group [N] of each image, 0..19; None for fewer than 20 units.

    Units are images, or whole scenes where there are scenes [N]: renders of one scene stay
    together. Groups hold equal numbers of units, give or take one.
    """
    unit: Ints = np.arange(images)
    if scenes is not None:
        coded = encode_labels(scenes, images, "scenes")
        if coded.missing:
            row = int(np.setdiff1d(unit, coded.rows)[0])
            raise InputError(f"scenes: row {row} has none; valid: a scene for each image")
        unit = coded.codes
    if int(unit.max()) + 1 < GROUPS:
        return None
    return assign_groups(images, generator(seed, "groups"), units=unit.tolist())


def permuted_orders(
    codes: Ints, count: int, rng: np.random.Generator, scenes: Ints | None = None
) -> Iterator[Ints]:
    """Yield `count` random orders [n] of images, in which labels mean nothing to an embedding.

    Images of one scene are alike whatever the label, so an order leaves scenes whole: a label that
    belongs to the scene (all its images have it) changes places with that of another scene of as
    many images, any other label with those within its scene. Source: restricted permutations of
    grouped observations, as in Anderson and ter Braak, 2003.

    Args:
        codes: [n] label code of each image.
        scenes: [n] scene that each image shows; None where each shows its own.
    """
    if scenes is None:
        for _ in range(count):
            yield rng.permutation(len(codes))
        return
    sizes = np.bincount(scenes)[scenes]
    by_scene = np.argsort(scenes, kind="stable")
    blocks = [
        by_scene[sizes[by_scene] == size].reshape(-1, size) for size in np.unique(sizes).tolist()
    ]
    whole = belong_to_scenes(codes, scenes)
    for _ in range(count):
        order = np.empty(len(codes), dtype=np.intp)
        for block in blocks:
            order[block] = rng.permutation(block) if whole else rng.permuted(block, axis=1)
        yield order


def exchanges(codes: Ints, scenes: Ints) -> float:
    """Return in how many ways `permuted_orders` can deal labels; inf for very many.

    >>> exchanges(np.array([0, 1, 2]), np.array([0, 1, 2]))
    6.0
    >>> exchanges(np.array([0, 1, 0]), np.array([0, 0, 1]))
    2.0
    """
    place, label = scenes, codes
    if belong_to_scenes(codes, scenes):
        first, sizes = np.unique(scenes, return_index=True, return_counts=True)[1:]
        place, label = sizes, codes[first]
    of_places = np.unique(place, return_counts=True)[1]
    of_both = np.unique(np.stack([place, label]), axis=1, return_counts=True)[1]
    numbers = [
        np.array([math.lgamma(n + 1) for n in part.tolist()]) for part in (of_places, of_both)
    ]
    logarithm = float(numbers[0].sum() - numbers[1].sum())
    return float(round(math.exp(logarithm))) if logarithm < 30 else math.inf


def whole_scenes(rows: Ints, scenes: Ints, maximum: int, rng: np.random.Generator) -> Ints:
    """Return at most `maximum` of some images [n], in ascending order: random whole scenes.

    Args:
        scenes: [n] scene of each of these images.

    Returns:
        None of the images where no scene fits.
    """
    present, sizes = np.unique(scenes, return_counts=True)
    chosen, images = [], 0
    for scene in rng.permutation(len(present)).tolist():
        if images + sizes[scene] <= maximum:
            chosen.append(present[scene])
            images += int(sizes[scene])
    return np.sort(rows[np.isin(scenes, chosen)])


def permuted_codes(
    codes: Ints, count: int, rng: np.random.Generator, scenes: Ints | None = None
) -> Iterator[Ints]:
    """Yield `count` random permutations of label codes; see `permuted_orders`."""
    for order in permuted_orders(codes, count, rng, scenes):
        yield codes[order]


def chance_interval(permuted: NDArray[np.float64]) -> Interval | None:
    """Return the central 95 % (low, high) of scores of permuted labels; None where one is missing.

    The bounds are order statistics, chosen so that a score that is itself chance lies between them
    in 95 % of cases: the 5th and the 195th of 199.

    >>> chance_interval(np.arange(199.0))
    (4.0, 194.0)
    """
    if len(permuted) == 0 or not np.isfinite(permuted).all():
        return None
    ordered = np.sort(permuted)
    outside = int(np.floor((1 - COVERAGE) / 2 * (len(ordered) + 1) + 1e-9))
    return float(ordered[outside - 1]), float(ordered[-outside])
