"""Streams of random numbers: one for each factor, seeded by the dataset's seed and its key.

So no factor's values depend on which others vary, and a longer plan begins with the shorter one.
"""

from __future__ import annotations

import zlib

import numpy as np

from dmldata.common.arrays import Ints
from dmldata.contract.factors import Factor
from dmlgen.planning.images import Column

MAX_SEED = 2**31 - 1
"""Largest seed of the renderer's noise."""


def stream_of(seed: int, name: str) -> np.random.Generator:
    """Return the generator of what is drawn under a name, whatever else is drawn."""
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))
    return np.random.Generator(np.random.PCG64(sequence))


def draw(factor: Factor, weights: tuple[float, ...] | None, seed: int, count: int) -> Column:
    """Draw values of a factor [count], all alike where there are no weights."""
    stream = stream_of(seed, factor.key)
    if weights is None:
        bins = stream.integers(len(factor.values), size=count)
    else:
        bins = stream.choice(len(factor.values), size=count, p=weights)
    return Column.of(factor.values, bins)


def draw_in_rounds(factor: Factor, seed: int, count: int) -> Column:
    """Draw all values in random order, again and again: each is drawn about equally often."""
    stream = stream_of(seed, factor.key)
    rounds = -(-count // len(factor.values))
    order = np.concatenate([stream.permutation(len(factor.values)) for _ in range(rounds)])
    return Column.of(factor.values, order[:count])


def noise_seeds(seed: int, scenes: int) -> Ints:
    """Return the seed of the renderer's noise of each scene [N].

    They are `SeedSequence(seed, spawn_key=(scene,)).generate_state(1)`, all at once: the number of
    the scene is the last word that is mixed into a pool, which is otherwise that of the seed. After
    the algorithm of NumPy's SeedSequence (M. O'Neill's seed_seq_fe), which NumPy keeps stable.
    """
    first, multiplier = 0x43B0D7E5, 0x931E8875
    mixed_before = 4 + 4 * 3
    constant = np.uint32(first * pow(multiplier, mixed_before, 2**32) % 2**32)
    pool = np.uint32(np.random.SeedSequence(seed).pool[0])
    with np.errstate(over="ignore"):
        word = np.arange(scenes, dtype=np.uint32) ^ constant
        word *= constant * np.uint32(multiplier)
        word ^= word >> np.uint32(16)
        state = pool * np.uint32(0xCA01F9DD) - word * np.uint32(0x4973F715)
        state ^= state >> np.uint32(16)
        state = (state ^ np.uint32(0x8B51F9DD)) * np.uint32(0x8B51F9DD * 0x58F38DED % 2**32)
        state ^= state >> np.uint32(16)
    return state.astype(np.int64) & MAX_SEED
