"""How much of a map lies on the car."""

import numpy as np
import pytest

from dmlbench.maps import attention_on_car, mask_in_input
from dmlbench.models import Preprocessing

MASK = np.array([[0, 0, 0, 0], [0, 1, 3, 0], [0, 2, 5, 0], [0, 0, 0, 0]], np.uint8)


def test_everything_on_the_car_is_one():
    assert attention_on_car(MASK > 0, MASK) == 1


def test_uniform_map_is_chance():
    assert attention_on_car(np.ones((4, 4)), MASK) == pytest.approx(0)


def test_everything_beside_the_car_is_below_chance():
    assert attention_on_car(MASK == 0, MASK) == pytest.approx(-(4 / 16) / (12 / 16))


def test_full_mask_and_empty_map_have_no_score():
    assert attention_on_car(np.ones((4, 4)), np.ones((4, 4))) is None
    assert attention_on_car(np.zeros((4, 4)), MASK) is None


def test_map_and_mask_of_different_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 4\).*\(2, 2\)"):
        attention_on_car(np.ones((4, 4)), np.ones((2, 2)))


def test_mask_takes_the_images_way_into_the_model():
    # 8 x 4 to 4 x 2 by nearest neighbor, then the center 2 x 2.
    mask = np.kron(np.array([[1, 2, 3, 4], [5, 0, 1, 2]], np.uint8), np.ones((2, 2), np.uint8))
    carried = mask_in_input(mask, Preprocessing(input_size=2, resize=2))
    assert carried.tolist() == [[2, 3], [0, 1]]


def test_mask_of_another_size_than_the_image_is_refused():
    geometry = Preprocessing(input_size=2, resize=2).geometry(8, 4)
    with pytest.raises(ValueError, match="mask of shape"):
        geometry.carry_mask(np.zeros((8, 4), np.uint8))
