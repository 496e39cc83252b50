"""Denoising: known pictures under known noise."""

import numpy as np
import pytest

from dmlgen.scene.denoiser import Denoiser

SIZE = 48


@pytest.fixture(scope="module")
def scene():
    """Two halves of a wall, 0.2 and 0.8: the light without noise, albedo and normals."""
    light = np.full((SIZE, SIZE, 3), 0.2, np.float32)
    light[:, SIZE // 2 :] = 0.8
    normal = np.zeros_like(light)
    normal[..., 2] = 1.0
    return light, light.copy(), normal


def noisy(light):
    noise = np.random.default_rng(1).normal(0, 0.1, light.shape).astype(np.float32)
    return np.clip(light + noise, 0, None)


def test_noise_goes_and_the_edge_stays(scene):
    light, albedo, normal = scene
    before = noisy(light)
    after = Denoiser(SIZE, SIZE).denoise(before, albedo, normal)
    assert np.abs(after - light).mean() < np.abs(before - light).mean() / 5
    step = after[:, SIZE // 2 + 1].mean() - after[:, SIZE // 2 - 2].mean()
    assert step == pytest.approx(0.6, abs=0.03)


def test_neither_threads_nor_earlier_pictures_change_a_bit(scene):
    light, albedo, normal = scene
    first, second = Denoiser(SIZE, SIZE, threads=1), Denoiser(SIZE, SIZE, threads=2)
    second.denoise(1 - light, albedo, normal)
    expected = first.denoise(noisy(light), albedo, normal).copy()
    assert np.array_equal(second.denoise(noisy(light), albedo, normal), expected)


def test_what_it_is_given_stays_as_it_is(scene):
    light, albedo, normal = scene
    before = noisy(light)
    copy = before.copy()
    Denoiser(SIZE, SIZE).denoise(before, albedo, normal)
    assert np.array_equal(before, copy)
    assert np.array_equal(albedo, light)
