"""From an image to a model's input, and back to where it came from."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dmlbench.maps.geometry import Box
from dmlbench.models import Preprocessing
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmldata.common.errors import DatasetError, ModelError, UnknownNameError


def random_image(width, height, mode="RGB"):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize("size", [(97, 61), (61, 97), (64, 64), (40, 33)])
def test_tensor_is_the_one_of_timms_evaluation_transform(size, mode):
    ensure_torchvision_imports()
    from timm.data import create_transform

    theirs = create_transform(
        (3, 48, 48), crop_pct=0.9, crop_mode=mode, interpolation="bicubic", mean=(0.5, 0.4, 0.3)
    )
    ours = Preprocessing(
        input_size=(48, 48),
        resize=(53, 53),
        mean=(0.5, 0.4, 0.3),
        interpolation="bicubic",
        fit="squash" if mode == "squash" else "cover",
    )
    image = random_image(*size)
    torch.testing.assert_close(ours.to_tensor(image), theirs(image), rtol=0, atol=1e-6)


def test_setting_of_the_paper_is_blue_first_on_0_to_255_minus_the_mean():
    paper = Preprocessing(
        input_size=227, resize=256, bgr=True, scale=255, mean=(104, 117, 128), std=(1, 1, 1)
    )
    red = paper.to_tensor(Image.new("RGB", (500, 500), (255, 0, 0)))
    assert red.shape == (3, 227, 227)
    assert red[:, 0, 0].tolist() == [-104, -117, 127]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_every_mode_of_image_becomes_three_channels(mode):
    assert Preprocessing(input_size=16).to_tensor(random_image(20, 30, mode)).shape == (3, 16, 16)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_an_image_of_more_bits_is_refused_and_not_clipped(mode):
    with pytest.raises(DatasetError, match=f"image: mode {mode}; valid: 8 bits per channel"):
        Preprocessing(input_size=16).to_tensor(Image.new(mode, (20, 30)))


def test_sizes_and_channels_may_be_numbers_of_numpy():
    plain = Preprocessing(input_size=16, mean=(0.5, 0.5, 0.5))
    assert Preprocessing(input_size=np.int64(16), mean=np.full(3, 0.5)) == plain


def test_box_of_the_crop_worked_by_hand():
    # 200 x 100 becomes 80 x 40; the center 32 x 32 starts at column 24, row 4; 2.5 pixels each.
    geometry = Preprocessing(input_size=32, resize=40).geometry(200, 100)
    assert geometry.resized == (40, 80)
    assert geometry.box == Box(60, 10, 140, 90)


def test_box_of_a_squashed_image_is_all_of_it():
    geometry = Preprocessing(input_size=32, resize=32, fit="squash").geometry(200, 100)
    assert geometry.box == Box(0, 0, 200, 100)


sizes = st.integers(1, 300)


@given(sizes, sizes, st.integers(1, 64), st.integers(1, 64), st.integers(0, 20), st.integers(0, 20))
def test_crop_lies_inside_every_image(width, height, rows, columns, more_rows, more_columns):
    preprocessing = Preprocessing(
        input_size=(rows, columns), resize=(rows + more_rows, columns + more_columns)
    )
    geometry = preprocessing.geometry(width, height)
    left, top, right, bottom = geometry.box
    assert 0 <= left < right <= width + 1e-9
    assert 0 <= top < bottom <= height + 1e-9
    assert geometry.carry_mask(np.ones((height, width), np.uint8)).sum() == rows * columns


def test_another_input_size_keeps_the_fraction_of_the_crop():
    assert Preprocessing(input_size=224, resize=256).with_input_size(112).resize == (128, 128)


def test_description_is_json_that_reads_back():
    preprocessing = Preprocessing(input_size=(32, 48), bgr=True, scale=255, interpolation="lanczos")
    text = json.dumps(preprocessing.describe())
    assert Preprocessing.from_description(json.loads(text)) == preprocessing


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"input_size": [224]}, "input_size"),
        ({"input_size": 0}, "input_size"),
        ({"input_size": 64, "resize": 32}, "smaller than input_size"),
        ({"mean": [0.5]}, "mean"),
        ({"std": [1, 0, 1]}, "above 0"),
        ({"scale": 2}, "valid: 1, 255"),
        ({"fit": "pad"}, "valid: cover, squash"),
    ],
)
def test_invalid_value_is_named_with_its_file(field, message):
    with pytest.raises(ModelError, match=message) as caught:
        Preprocessing.from_description(field, "model.json")
    assert str(caught.value).startswith("model.json: ")


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'bicubic'"):
        Preprocessing(interpolation="bicubik")
    with pytest.raises(UnknownNameError, match=r"in model.json.*did you mean 'input_size'"):
        Preprocessing.from_description({"input_sizes": 224}, "model.json")
