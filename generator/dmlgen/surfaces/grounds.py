"""Surfaces of outdoor grounds: albedo, height and roughness of one tile each.

Every function takes the pixels per side and a random generator, and returns a `Surface`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dmlgen.surfaces.noise import (
    Array,
    bricks,
    cells,
    fractal,
    scattered,
    smoothstep,
    warp,
)


@dataclass(frozen=True)
class Surface:
    """A baked tile.

    Attributes:
        albedo: linear RGB [N, N, 3], 0..1.
        height: meters [N, N]; None if the surface is only seen from far away.
        roughness: [N, N], 0..1; None likewise.
    """

    albedo: Array
    height: Array | None = None
    roughness: Array | None = None


GROUND_TILE = 4.0


def asphalt(size: int, rng: np.random.Generator) -> Surface:
    """Generate asphalt: stones of 3 to 12 mm in bitumen, worn, cracked, patched, with oil."""
    stones = fractal(size, 0.5, rng, 60)
    coarse = cells(size, scattered(round((GROUND_TILE / 0.022) ** 2), rng, 0.95))
    tone = rng.normal(0, 1, coarse.cell.max() + 1)[coarse.cell]
    face = smoothstep(coarse.inside, 0.0002, 0.0016)
    worn = 0.5 + 0.22 * fractal(size, 3.2, rng, 1)
    gray = 0.062 * (1 + 0.32 * stones + 0.42 * tone * face + 0.28 * (worn - 0.5))
    gray += 0.10 * (tone > 1.9) * face
    crack = _cracks(size, rng, 9, 0.0016)
    patch = _patches(size, rng)
    oil = smoothstep(fractal(size, 3.4, rng, 3), 2.1, 3.2)
    gray *= (1 - 0.75 * crack) * (1 - 0.33 * patch) * (1 - 0.55 * oil)
    dust = smoothstep(fractal(size, 2.6, rng, 2), 0.4, 2.6)
    albedo = gray[..., None] * np.array([1.03, 1.0, 0.96])
    albedo += (0.045 * dust * (1 - patch))[..., None] * np.array([1.1, 1.0, 0.82])
    height = 0.0014 * stones * 0.35 + 0.002 * face * (0.5 + 0.2 * tone) - 0.008 * crack
    roughness = 0.78 - 0.16 * oil - 0.05 * patch + 0.05 * stones
    return Surface(np.clip(albedo, 0.012, 0.5), height, np.clip(roughness, 0.4, 0.95))


def asphalt_wet(size: int, rng: np.random.Generator) -> Surface:
    """Generate asphalt after rain: darker, moist, with water standing in the low places."""
    dry = asphalt(size, rng)
    assert dry.height is not None
    low = fractal(size, 3.6, rng, 1) + 0.12 * fractal(size, 1.6, rng, 8)
    water = smoothstep(low, 0.45, 0.75)
    moist = smoothstep(low, -0.9, 0.4)
    albedo = dry.albedo * (1 - 0.35 * moist - 0.22 * water)[..., None]
    # Smoother, the sun behind the car would burn out all of the ground and not only its puddles.
    roughness = 0.72 - 0.10 * moist
    roughness = roughness * (1 - water) + 0.035 * water
    return Surface(np.clip(albedo, 0.01, 0.5), dry.height * (1 - water), roughness)


def concrete(size: int, rng: np.random.Generator) -> Surface:
    """Generate cast concrete slabs of 2 m with joints, stains and hairline cracks."""
    slab = bricks(size, GROUND_TILE, 2, 2, shifted=False)
    joint = 1 - smoothstep(slab.inside, 0.004, 0.011)
    tone = np.array([0.0, 0.05, -0.04, 0.02])[slab.cell]
    cloud, fine = fractal(size, 2.8, rng, 1), fractal(size, 1.2, rng, 20)
    stain = smoothstep(fractal(size, 3.0, rng, 2), 0.9, 2.6)
    crack = _cracks(size, rng, 5, 0.0009)
    pores = smoothstep(fractal(size, 0.6, rng, 80), 2.3, 3.0)
    gray = 0.27 * (1 + tone + 0.085 * cloud + 0.11 * fine) * (1 - 0.4 * stain)
    gray *= (1 - 0.75 * joint) * (1 - 0.5 * crack) * (1 - 0.4 * pores)
    albedo = gray[..., None] * np.array([1.05, 1.0, 0.92])
    height = 0.0008 * fine + 0.001 * cloud - 0.012 * joint - 0.003 * crack - 0.002 * pores
    roughness = 0.72 - 0.12 * stain + 0.03 * fine
    return Surface(np.clip(albedo, 0.02, 0.6), height, np.clip(roughness, 0.4, 0.95))


def tiles(size: int, rng: np.random.Generator) -> Surface:
    """Generate polished porcelain tiles of 67 cm indoors, wiped but walked on."""
    tile = bricks(size, GROUND_TILE, 6, 6, shifted=False)
    joint = 1 - smoothstep(tile.inside, 0.0015, 0.004)
    tone = rng.normal(0, 1, tile.cell.max() + 1)[tile.cell]
    cloud, fine = fractal(size, 2.6, rng, 3), fractal(size, 1.0, rng, 60)
    gray = 0.34 * (1 + 0.025 * tone + 0.04 * cloud + 0.03 * fine) * (1 - 0.55 * joint)
    albedo = gray[..., None] * np.array([1.02, 1.0, 0.96])
    walked = fractal(size, 2.6, rng, 2)
    roughness = 0.16 + 0.05 * walked + 0.01 * fine + 0.5 * joint
    height = -0.0012 * joint + 0.00003 * cloud
    return Surface(np.clip(albedo, 0.02, 0.6), height, np.clip(roughness, 0.06, 0.9))


def pavers(size: int, rng: np.random.Generator) -> Surface:
    """Generate concrete stones of 20 x 10 cm, laid in rows."""
    stone = bricks(size, GROUND_TILE, 40, 20)
    edge = smoothstep(stone.inside, 0.0015, 0.007)
    count = stone.cell.max() + 1
    tone, warmth = rng.normal(0, 1, count)[stone.cell], rng.normal(0, 1, count)[stone.cell]
    fine, cloud = fractal(size, 0.8, rng, 40), fractal(size, 2.8, rng, 1)
    gray = 0.17 * (1 + 0.17 * tone + 0.15 * fine + 0.10 * cloud) * (0.32 + 0.68 * edge)
    dirt = smoothstep(fractal(size, 2.4, rng, 2), 0.8, 2.4)
    gray *= 1 - 0.3 * dirt
    tint = np.stack([1.05 + 0.03 * warmth, np.ones_like(gray), 0.93 - 0.03 * warmth], axis=-1)
    moss = (1 - edge) * smoothstep(fractal(size, 2.6, rng, 2), 0.3, 1.6)
    albedo = gray[..., None] * tint + moss[..., None] * np.array([0.012, 0.022, 0.004])
    tilt = rng.normal(0, 0.0012, count)[stone.cell]
    height = 0.006 * edge + tilt * edge + 0.0005 * fine
    return Surface(np.clip(albedo, 0.015, 0.5), height, np.clip(0.78 + 0.04 * fine, 0.5, 0.95))


def cobbles(size: int, rng: np.random.Generator) -> Surface:
    """Generate granite setts of about 11 cm, rounded by use, with sand between them."""
    rows = 36
    points = scattered(rows * rows, rng, 0.32)
    points[:, 0] += (np.floor(points[:, 1] * rows) % 2) * 0.5 / rows
    rough = np.stack([fractal(size, 2.2, rng, 12), fractal(size, 2.2, rng, 12)], axis=-1)
    stone = cells(size, points, 0.0011 * rough)
    inside = stone.inside * GROUND_TILE
    top = smoothstep(inside, 0.003, 0.02)
    count = stone.cell.max() + 1
    tone, warmth = rng.normal(0, 1, count)[stone.cell], rng.normal(0, 1, count)[stone.cell]
    fine, grain = fractal(size, 0.9, rng, 30), fractal(size, 0.2, rng, 150)
    gray = 0.19 * (1 + 0.22 * tone + 0.12 * fine + 0.10 * grain)
    sand = 0.10 * (1 + 0.2 * grain + 0.2 * fractal(size, 2.4, rng, 2))
    mixed = gray * top + sand * (1 - top)
    mixed *= 0.55 + 0.45 * smoothstep(inside, 0.0, 0.012)
    tint = np.stack([1.02 + 0.04 * warmth, np.ones_like(gray), 0.95 - 0.04 * warmth], axis=-1)
    albedo = mixed[..., None] * tint
    dome = 1 - (1 - np.clip(inside / 0.05, 0, 1)) ** 2.2
    height = 0.016 * dome + 0.003 * tone * top + 0.0012 * fine
    roughness = 0.9 - 0.34 * top + 0.05 * fine
    return Surface(np.clip(albedo, 0.015, 0.6), height, np.clip(roughness, 0.35, 0.98))


def gravel(size: int, rng: np.random.Generator) -> Surface:
    """Generate pebbles of 1 to 4 cm on sand and smaller pebbles."""
    albedo, height = _pebbles(size, rng, 0.016, 0.005)
    for diameter, share in ((0.024, 0.45), (0.036, 0.16)):
        over, dome = _pebbles(size, rng, diameter, 0.011)
        lies = smoothstep(dome, 0.002, 0.004) * _chosen(size, rng, share)
        albedo = (
            over * lies[..., None]
            + albedo * (1 - 0.35 * lies * (dome < 0.006))[..., None] * (1 - lies)[..., None]
        )
        height = np.maximum(height, dome * lies)
    cloud = fractal(size, 2.8, rng, 1)
    dust = smoothstep(cloud, 0.2, 2.2)[..., None] * 0.35
    albedo = albedo * (1 - dust) + dust * np.array([0.30, 0.26, 0.20])
    albedo *= (1 + 0.08 * fractal(size, 2.4, rng, 2))[..., None]
    return Surface(np.clip(albedo, 0.02, 0.7), height, np.full((size, size), 0.85))


def grass(size: int, rng: np.random.Generator) -> Surface:
    """Generate a lawn: blades over earth, drier in places."""
    blades = fractal(size, 0.4, rng, 60)
    for shift in range(1, 5):
        blades = np.maximum(blades, np.roll(blades, (shift, shift % 3 - 1), axis=(0, 1)) - 0.12)
    blades = (blades - blades.mean()) / blades.std()
    dry = smoothstep(fractal(size, 2.6, rng, 2), -0.5, 2.0)[..., None]
    green = np.array([0.055, 0.10, 0.022]) * (1 - dry) + np.array([0.15, 0.13, 0.05]) * dry
    albedo = green * (1 + 0.34 * blades + 0.12 * fractal(size, 2.6, rng, 1))[..., None]
    return Surface(np.clip(albedo, 0.01, 0.5), 0.006 * blades, np.full((size, size), 0.85))


def _cracks(size: int, rng: np.random.Generator, count: int, width: float) -> Array:
    """Return the borders, 0 to 1, of a few large, ragged cells; `width` is in tiles and varies."""
    rough = np.stack([fractal(size, 2.4, rng, 3), fractal(size, 2.4, rng, 3)], axis=-1)
    border = cells(size, rng.random((count, 2)), 0.02 * rough).inside
    present = smoothstep(fractal(size, 2.8, rng, 2), -0.2, 1.2)
    return (1 - smoothstep(border, 0.25 * width, width)) * present


def _patches(size: int, rng: np.random.Generator) -> Array:
    """Return two repaired rectangles with sealed edges; 0 to 1."""
    wobble = 0.004 * fractal(size, 2.0, rng, 4)
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    patch = np.zeros((size, size))
    for left, top, width, height in ((0.12, 0.2, 0.30, 0.16), (0.62, 0.66, 0.13, 0.26)):
        edge = np.minimum.reduce([x - left, left + width - x, y - top, top + height - y]) + wobble
        inside = smoothstep(edge, 0.0, 0.004)
        sealed = smoothstep(edge, -0.004, 0.0) * (1 - smoothstep(edge, 0.004, 0.010))
        patch = np.maximum(patch, 0.55 * inside + 0.9 * sealed)
    return patch


def _pebbles(
    size: int, rng: np.random.Generator, diameter: float, height: float
) -> tuple[Array, Array]:
    """Return albedo [N, N, 3] and height in meters of densely packed pebbles."""
    rough = np.stack([fractal(size, 2.0, rng, 30), fractal(size, 2.0, rng, 30)], axis=-1)
    stone = cells(size, scattered(round((GROUND_TILE / diameter) ** 2), rng, 0.95), 0.0008 * rough)
    inside = np.clip(stone.inside * GROUND_TILE / (diameter * 0.45), 0, 1)
    count = stone.cell.max() + 1
    tone = np.exp(rng.normal(0, 0.38, count))[stone.cell]
    warmth = rng.normal(0, 1, count)[stone.cell]
    shade = (0.35 + 0.65 * smoothstep(inside, 0.0, 0.55)) * tone
    tint = np.stack([1.1 + 0.06 * warmth, np.ones_like(tone), 0.86 - 0.07 * warmth], axis=-1)
    return 0.21 * shade[..., None] * tint, height * np.sqrt(inside)


def _chosen(size: int, rng: np.random.Generator, share: float) -> Array:
    """Return where stones of the upper layers lie: 1 on about a share of the tile."""
    field = fractal(size, 1.4, rng, 10)
    field = warp(field, 3 * fractal(size, 2.0, rng, 10), 3 * fractal(size, 2.0, rng, 10))
    low = float(np.quantile(field, 1 - share))
    return smoothstep(field, low, low + 0.2)
