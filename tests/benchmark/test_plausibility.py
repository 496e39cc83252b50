"""The warning about pixels that preprocessing leaves far from where a model expects them."""

import numpy as np
import pytest
from PIL import Image

from dmlbench.models import Preprocessing
from dmlbench.models.plausibility import check_pixels
from dmlbench.models.reality_check import PREPROCESSING as REALITY_CHECK

CAFFE = {"mean": (104, 117, 128), "std": (1, 1, 1)}


def pictures(brightness, contrast):
    """Four pictures of noise with this mean and standard deviation, of 255."""
    rng = np.random.default_rng(0)
    noise = rng.normal(brightness, contrast, (4, 32, 32, 3)).clip(0, 255).astype(np.uint8)
    return [Image.fromarray(pixels) for pixels in noise]


@pytest.mark.parametrize("brightness", [60, 120, 215])
@pytest.mark.parametrize("contrast", [25, 70])
@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(),
        Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3),
        Preprocessing(mean=(0, 0, 0), std=(1, 1, 1)),
        Preprocessing(mean=(0, 0, 0), std=(255,) * 3, scale=255),
        REALITY_CHECK,
    ],
)
def test_dark_bright_and_flat_pictures_on_the_right_scale_pass(brightness, contrast, preprocessing):
    assert check_pixels(preprocessing, pictures(brightness, contrast)) is None


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(scale=255),
        Preprocessing(mean=(0.5,) * 3, std=(0.5,) * 3, scale=255),
        Preprocessing(**CAFFE),
        Preprocessing(mean=(104, 117, 128), std=(58, 57, 57)),
    ],
)
@pytest.mark.parametrize("brightness", [60, 120, 215])
def test_wrong_scale_is_told_with_what_was_expected(preprocessing, brightness):
    warning = check_pixels(preprocessing, pictures(brightness, 60))
    unit = 0.25 if set(preprocessing.std) == {1.0} else 1
    assert warning.endswith(f"far from what its mean and std suggest: about 0 and {unit}")


def test_no_pictures_no_warning():
    assert check_pixels(Preprocessing(scale=255), []) is None
