"""How alike maps are, image by image, over images, and between models of different crops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from dmlbench.maps import (
    common_grid,
    compare_maps,
    compare_models,
    jensen_shannon,
    partial_ceiling,
    partial_correlation,
    pearson,
    summarize_correlations,
    summarize_divergences,
)
from dmlbench.models import Preprocessing


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return rng.random((5, 6, 7)), rng.random((5, 6, 7))


def test_identical_maps_have_correlation_one_and_no_divergence(maps):
    comparison = compare_maps(maps[0], maps[0])
    np.testing.assert_allclose(comparison.correlation, 1, atol=1e-12)
    np.testing.assert_allclose(comparison.divergence, 0, atol=1e-12)
    summary = summarize_correlations(comparison.correlation)
    assert summary.mean == pytest.approx(1, abs=2e-7)
    assert summary.std == pytest.approx(0, abs=1e-6)


def test_both_measures_are_scipys(maps):
    comparison = compare_maps(*maps)
    for row, (a, b) in enumerate(zip(*maps, strict=True)):
        flat_a, flat_b = a.ravel(), b.ravel()
        assert comparison.correlation[row] == pytest.approx(
            stats.pearsonr(flat_a, flat_b).statistic
        )
        assert comparison.divergence[row] == pytest.approx(
            distance.jensenshannon(flat_a, flat_b) ** 2
        )


def test_disjoint_maps_diverge_by_ln_2():
    assert jensen_shannon([[[1, 0]]], [[[0, 3]]])[0] == pytest.approx(np.log(2))


def test_float32_maps_are_compared_in_double_precision(maps):
    a = (maps[0] * 1e-3 + 100).astype(np.float32)
    expected = stats.pearsonr(a[0].ravel().astype(float), maps[1][0].ravel()).statistic
    assert pearson(a, maps[1])[0] == pytest.approx(expected, rel=1e-9)


def test_maps_without_variance_are_left_out_and_counted(maps):
    a, b = maps
    a[1], b[3] = 0.3, 0
    comparison = compare_maps(a, b)
    assert np.isnan(comparison.correlation).tolist() == [False, True, False, True, False]
    assert summarize_correlations(comparison.correlation).left_out == 2
    assert summarize_divergences(comparison.divergence).left_out == 1
    assert summarize_divergences(comparison.divergence).images == 4


def test_correlations_are_averaged_in_fisher_z():
    summary = summarize_correlations([0.0, 0.8])
    assert summary.mean == pytest.approx(np.tanh(np.arctanh(0.8) / 2))
    assert summary.std == pytest.approx(np.tanh(np.arctanh(0.8) / 2))
    assert summarize_correlations([1.0, -1.0]).mean == pytest.approx(0)


def test_what_maps_share_beyond_a_third_is_the_correlation_of_residuals():
    rng = np.random.default_rng(0)
    third, a, b = rng.normal(size=(3, 5, 6, 7))
    both = rng.normal(size=(5, 6, 7))
    a, b = a + 2 * third + both, b - third + both

    def residual(maps):
        flat, of = (each.reshape(5, -1) for each in (maps, third))
        return [y - np.polyval(np.polyfit(x, y, 1), x) for x, y in zip(of, flat, strict=True)]

    expected = [np.corrcoef(*pair)[0, 1] for pair in zip(residual(a), residual(b), strict=True)]
    with_third = pearson(a, third), pearson(b, third)
    assert partial_correlation(pearson(a, b), *with_third) == pytest.approx(expected)
    assert np.isnan(partial_correlation(with_third[1], np.ones(5), with_third[1])).all()


def test_noise_of_the_third_map_leaves_no_correlation_given_it():
    rng = np.random.default_rng(0)
    third, *rest = rng.normal(size=(4, 4, 200, 200))
    a, b, noise = (third + 0.5 * own for own in rest)
    reliability = 1 / (1 + 0.5**2)
    noisy = pearson(a, b), pearson(a, noise), pearson(b, noise)
    assert (partial_correlation(*noisy) > 0.3).all()
    assert partial_correlation(*noisy, reliability) == pytest.approx(0, abs=0.05)
    # More than all of the third map cannot be in another one.
    assert np.isnan(partial_correlation(*noisy, 0.5)).all()


@pytest.mark.parametrize("much", [0.5, 1.0, 3.0])
def test_two_models_that_share_all_but_noise_reach_the_ceiling_given_a_third(much):
    rng = np.random.default_rng(0)
    third, shared, *noises = rng.normal(size=(5, 2, 200, 200))
    both = much * third + shared
    a, b, noisy = (both + 0.7 * noises[0], both + 0.7 * noises[1], third + 0.5 * noises[2])
    own, of_third = (much**2 + 1) / (much**2 + 1 + 0.7**2), 1 / (1 + 0.5**2)
    with_third = pearson(a, noisy), pearson(b, noisy)
    partial = partial_correlation(pearson(a, b), *with_third, of_third)
    assert partial_ceiling((own, own), *with_third, of_third) == pytest.approx(partial, abs=0.03)
    assert partial == pytest.approx(1 / (1 + 0.7**2), abs=0.03)


def test_no_images_have_no_mean():
    summary = summarize_correlations([float("nan")])
    assert (summary.mean, summary.std, summary.images, summary.left_out) == (None, None, 0, 1)


def test_maps_of_different_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 2, 3\) and \(1, 3, 2\)"):
        pearson(np.ones((1, 2, 3)), np.ones((1, 3, 2)))


# The common grid


def whole(side):
    return Preprocessing(input_size=side, resize=side)


def test_finer_map_is_averaged_by_area_to_the_coarser_grid():
    fine, coarse = np.arange(16.0).reshape(1, 4, 4), np.arange(4.0).reshape(1, 2, 2)
    a, b = common_grid(fine, coarse, [whole(4).geometry(8, 8)], [whole(2).geometry(8, 8)])
    np.testing.assert_allclose(a, [[[2.5, 4.5], [10.5, 12.5]]])
    np.testing.assert_allclose(b, coarse)


def test_maps_are_restricted_to_the_intersection_of_the_crops():
    # Of an 8 x 8 image one model sees everything in 4 x 4, the other the center in 2 x 2.
    center = Preprocessing(input_size=2, resize=4)
    a, b = common_grid(
        np.arange(16.0).reshape(1, 4, 4),
        np.arange(4.0).reshape(1, 2, 2),
        [whole(4).geometry(8, 8)],
        [center.geometry(8, 8)],
    )
    np.testing.assert_allclose(a, [[[5, 6], [9, 10]]])
    np.testing.assert_allclose(b, [[[0, 1], [2, 3]]])


@given(st.integers(6, 20), st.integers(6, 20), st.integers(5, 40), st.integers(5, 40))
def test_constant_maps_stay_constant_on_any_common_grid(side_a, side_b, width, height):
    geometries = (
        [Preprocessing(input_size=side_a, resize=side_a + 1).geometry(width, height)],
        [Preprocessing(input_size=side_b, resize=side_b + 2).geometry(width, height)],
    )
    maps = np.full((1, side_a, side_a), 3.0), np.full((1, side_b, side_b), 0.5)
    a, b = common_grid(*maps, *geometries)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, 3)
    np.testing.assert_allclose(b, 0.5)


def test_crops_of_different_images_are_refused():
    with pytest.raises(ValueError, match="different size"):
        common_grid(*np.ones((2, 1, 4, 4)), [whole(4).geometry(8, 8)], [whole(4).geometry(8, 9)])


def test_images_of_different_size_share_the_coarsest_of_their_grids():
    # Squashed: 4 x 4 of any image. Covered: the middle square, in 2 x 2. One image is square, of
    # the other, twice as wide, the square is half: two of the four columns.
    squash = Preprocessing(input_size=4, resize=4, fit="squash")
    sizes = [(8, 8), (16, 8)]
    a, b = common_grid(
        np.arange(32.0).reshape(2, 4, 4),
        np.arange(8.0).reshape(2, 2, 2),
        [squash.geometry(*size) for size in sizes],
        [whole(2).geometry(*size) for size in sizes],
    )
    np.testing.assert_allclose(a, [[[2.5, 4.5], [10.5, 12.5]], [[19, 20], [27, 28]]])
    np.testing.assert_allclose(b, np.arange(8.0).reshape(2, 2, 2))


def test_models_that_crop_alike_are_compared_as_they_are(maps):
    a, b = maps
    sizes = [(60, 50), (50, 60), (60, 50), (40, 40), (50, 60)]
    rgb = Preprocessing(input_size=(6, 7), resize=(6, 7))
    bgr = Preprocessing(input_size=(6, 7), resize=(6, 7), bgr=True, interpolation="bicubic")
    comparison = compare_models(a, b, rgb, bgr, sizes)
    np.testing.assert_array_equal(comparison.correlation, pearson(a, b))


def test_the_same_attention_agrees_across_crops_and_input_sizes():
    # A blob in each image, seen by two models: 32 pixels of the whole height, 24 of a tighter crop.
    sizes = [(64, 64), (96, 64), (64, 64)]
    first = Preprocessing(input_size=32, resize=32)
    second = Preprocessing(input_size=24, resize=30)
    rows = [blob(preprocessing, sizes) for preprocessing in (first, second)]
    comparison = compare_models(*rows, first, second, sizes)
    assert (comparison.correlation > 0.99).all()


def blob(preprocessing, sizes):
    maps = []
    for row, (width, height) in enumerate(sizes):
        box = preprocessing.geometry(width, height).box
        side = preprocessing.input_size[0]
        x = box.left + (np.arange(side) + 0.5) / side * (box.right - box.left)
        y = box.top + (np.arange(side) + 0.5) / side * (box.bottom - box.top)
        squares = np.square(x - width / 2)[None, :] + np.square(y - 28 - 4 * row)[:, None]
        maps.append(np.exp(-squares / 200))
    return np.stack(maps)


def test_number_of_maps_and_images_must_agree(maps):
    with pytest.raises(ValueError, match="5 and 5 maps of 1 images"):
        compare_models(*maps, whole(7), whole(7), [(9, 9)])
