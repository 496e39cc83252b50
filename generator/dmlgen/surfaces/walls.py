"""Surfaces of walls for distances of some meters, and gray images by which other shaders mix."""

from __future__ import annotations

import numpy as np

from dmlgen.surfaces.grounds import Surface
from dmlgen.surfaces.noise import bricks, fractal, smoothstep, warp

BRICK_TILE = 2.0
WALL_TILE = 4.0


def brick(size: int, rng: np.random.Generator) -> Surface:
    """Generate bricks of 24 x 7 cm in running bond."""
    stone = bricks(size, BRICK_TILE, 26, 8)
    face = smoothstep(stone.inside, 0.004, 0.008)
    count = stone.cell.max() + 1
    tone, hue = rng.normal(0, 1, count)[stone.cell], rng.normal(0, 1, count)[stone.cell]
    fine, cloud = fractal(size, 1.0, rng, 20), fractal(size, 2.8, rng, 1)
    red = np.stack([0.23 + 0.025 * hue, 0.088 + 0.008 * hue, 0.055 - 0.004 * hue], axis=-1)
    clay = red * (1 + 0.20 * tone + 0.12 * fine)[..., None]
    mortar = (0.24 * (1 + 0.10 * fine))[..., None] * np.array([1.0, 0.95, 0.87])
    albedo = clay * face[..., None] + mortar * (1 - face)[..., None]
    return Surface(np.clip(albedo * (1 + 0.09 * cloud)[..., None], 0.015, 0.6))


def plaster(size: int, rng: np.random.Generator) -> Surface:
    """Generate painted render: fine structure, stains, faint streaks of rain."""
    fine, cloud = fractal(size, 0.9, rng, 30), fractal(size, 2.8, rng, 1)
    streaks = fractal(size, 1.6, rng, 4).mean(axis=0, keepdims=True) * np.ones((size, 1))
    streaks = warp(streaks, 4 * fractal(size, 2.8, rng, 2), np.zeros((size, size)))
    down = smoothstep(fractal(size, 2.8, rng, 1), -0.3, 1.5)
    streaks = smoothstep(streaks / streaks.std(), 0.8, 2.8) * down
    gray = 0.58 * (1 + 0.03 * fine + 0.045 * cloud) * (1 - 0.09 * streaks)
    return Surface(np.clip(gray[..., None] * np.array([1.0, 0.96, 0.88]), 0.05, 0.85))


def concrete_wall(size: int, rng: np.random.Generator) -> Surface:
    """Generate exposed concrete: panels of 2 x 1 m with joints and the holes of their ties."""
    panel = bricks(size, WALL_TILE, 4, 2, shifted=False)
    joint = 1 - smoothstep(panel.inside, 0.004, 0.012)
    tone = rng.normal(0, 0.05, panel.cell.max() + 1)[panel.cell]
    y, x = (np.mgrid[:size, :size] + 0.5) / size * WALL_TILE
    hole = np.hypot((x % 1.0) - 0.5, (y % 1.0) - 0.5)
    fine, cloud = fractal(size, 1.2, rng, 20), fractal(size, 2.6, rng, 1)
    gray = 0.30 * (1 + tone + 0.05 * fine + 0.09 * cloud) * (1 - 0.6 * joint)
    gray *= 1 - 0.7 * (1 - smoothstep(hole, 0.012, 0.02))
    return Surface(np.clip(gray[..., None] * np.array([1.03, 1.0, 0.94]), 0.03, 0.6))


def grime(size: int, rng: np.random.Generator) -> Surface:
    """Generate how much dirt sticks where: dust, splashes and runs; 0 to 1, 0.5 on average."""
    dust = 0.5 + 0.16 * fractal(size, 2.2, rng, 2) + 0.07 * fractal(size, 0.8, rng, 40)
    splash = smoothstep(fractal(size, 1.5, rng, 14), 1.1, 2.2)
    splash = warp(splash, np.zeros((size, size)), 6 * fractal(size, 2.0, rng, 10))
    runs = fractal(size, 2.4, rng, 3).mean(axis=0, keepdims=True) * np.ones((size, 1))
    runs = warp(runs / runs.std(), 6 * fractal(size, 2.8, rng, 2), np.zeros((size, size)))
    amount = np.clip(dust + 0.38 * splash - 0.08 * smoothstep(runs, 0.5, 2.0), 0, 1)
    return Surface(np.repeat(amount[..., None], 3, axis=2))


def clouds(size: int, rng: np.random.Generator) -> Surface:
    """Generate how much of the sky fair-weather clouds cover, seen from below; 0 to 1."""
    field = fractal(size, 2.9, rng, 2)
    field = warp(field, 22 * fractal(size, 3.4, rng, 2), 22 * fractal(size, 3.4, rng, 2))
    field = field + 0.12 * fractal(size, 2.2, rng, 16)
    density = np.clip((field - 0.35) / 1.6, 0, 1)
    cover = 1 - np.exp(-2.2 * density)
    return Surface(np.repeat(cover[..., None], 3, axis=2))
