"""CKA, RSA and Procrustes: against independent implementations, and what must not change them."""

import itertools

import numpy as np
import pytest
from scipy import spatial, stats

from dmlbench.comparison.representations import compare_embeddings
from dmlbench.scores import cka, procrustes, rsa
from dmldata.common.errors import InputError

MEASURES = [cka, rsa, procrustes]


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def related(seed, n=60, dimensions=(5, 8)):
    """Two embeddings that share two directions."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 2))
    return tuple(
        shared @ rng.normal(size=(2, d)) + 0.7 * rng.normal(size=(n, d)) for d in dimensions
    )


def hsic_by_definition(a, b):
    """The U-statistic over all four distinct images: its kernel is symmetrized over the orders."""
    total, count = 0.0, 0
    for i, j, q, r in itertools.permutations(range(len(a)), 4):
        total += a[i, j] * (b[i, j] + b[q, r] - 2 * b[i, q])
        count += 1
    return total / count


def test_cka_is_the_ratio_of_unbiased_estimates():
    first, second = (unit(x) for x in related(0, n=8))
    a, b = first @ first.T, second @ second.T
    expected = hsic_by_definition(a, b) / np.sqrt(
        hsic_by_definition(a, a) * hsic_by_definition(b, b)
    )
    assert cka(*related(0, n=8)) == pytest.approx(expected, abs=1e-10)


def test_cka_of_unrelated_embeddings_is_0_whatever_the_dimensions():
    values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        values.append(cka(rng.normal(size=(40, 200)), rng.normal(size=(40, 200))))
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(len(values))


def test_models_that_share_no_more_than_scenes_are_as_alike_as_unrelated_ones():
    """The floor keeps scenes whole, as every model sees which images are of one scene."""
    rng = np.random.default_rng(0)
    scenes = np.repeat(np.arange(40), 10)
    a, b = (rng.normal(size=(40, 16))[scenes] + 0.5 * rng.normal(size=(400, 16)) for _ in "ab")
    (pair,) = compare_embeddings({"a": a, "b": b}, scenes.tolist(), rng)
    for measure in (pair.cka, pair.rsa, pair.procrustes):
        assert measure.ci95[0] < measure.floor < measure.ci95[1]
        assert abs(measure.value - measure.floor) < 0.1
    (unequal,) = compare_embeddings({"a": a, "b": b}, [0] * 50 + [1] * 350, rng)
    assert unequal.cka.floor is None
    assert unequal.cka.value is not None


def test_pairs_with_some_models_are_the_same_as_among_all_pairs():
    rng = np.random.default_rng(0)
    embeddings = {name: rng.normal(size=(60, 8)) for name in "abcd"}
    pairs = compare_embeddings(embeddings, None, np.random.default_rng(1))
    some = compare_embeddings(embeddings, None, np.random.default_rng(1), only_with=["a", "c"])
    assert list(some) == [pair for pair in pairs if {pair.a, pair.b} & {"a", "c"}]
    assert len(some) == 5


def test_rsa_is_the_spearman_correlation_of_cosine_distances():
    first, second = related(1)
    distances = [spatial.distance.pdist(x, "cosine") for x in (first, second)]
    expected = stats.spearmanr(*distances).statistic
    assert rsa(first, second) == pytest.approx(expected, abs=1e-5)


def test_procrustes_agrees_with_scipy():
    first, second = (unit(x) for x in related(2, dimensions=(6, 6)))
    # SciPy also scales, which takes away 1 - (sum of the singular values) ** 2.
    _, _, disparity = spatial.procrustes(first, second)
    nuclear = np.sqrt(1 - disparity)
    assert procrustes(first, second) == pytest.approx(1 - np.sqrt(1 - nuclear), abs=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
def test_rotation_scale_and_the_order_of_the_images_change_nothing(measure):
    first, second = related(3)
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    order = rng.permutation(len(first))
    value = measure(first, second)
    assert measure(first[order], 3 * second[order] @ rotation) == pytest.approx(value, abs=1e-9)
    assert measure(second, first) == pytest.approx(value, abs=1e-9)
    assert measure(first, first) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [3, 5, 129])
def test_equal_similarities_stay_equal_when_they_are_rotated(measure, dtype, classes):
    """Rounding would put them in an order. One minus a 129th is half a step of the tolerance."""
    rng = np.random.default_rng(0)
    one_hot = np.eye(classes)[rng.integers(0, classes, 260)]
    rotated = one_hot @ np.linalg.qr(rng.normal(size=(classes, classes)))[0]
    assert measure(one_hot.astype(dtype), rotated.astype(dtype)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_more_is_shared_the_higher(measure):
    rng = np.random.default_rng(4)
    base = rng.normal(size=(80, 6))
    values = [measure(base, base + noise * rng.normal(size=base.shape)) for noise in (0.2, 0.6, 2)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_collapsed_embedding_is_like_nothing(measure):
    for seed in range(30):  # how sums of equal numbers round depends on them and on NumPy's version
        rng = np.random.default_rng(seed)
        collapsed, other = (np.repeat(rng.normal(size=(1, 5)), 50, axis=0) for _ in range(2))
        assert np.isnan(measure(collapsed, other))
        assert np.isnan(measure(collapsed, rng.normal(size=(50, 5))))


@pytest.mark.parametrize("measure", MEASURES)
def test_what_cannot_be_compared_is_refused(measure):
    first, second = related(5)
    with pytest.raises(ValueError, match="60 and 59 embeddings"):
        measure(first, second[1:])
    with pytest.raises(ValueError, match="3 images, expected at least 4"):
        measure(first[:3], second[:3])
    with pytest.raises(InputError):
        measure(first, np.full_like(second, np.nan))
