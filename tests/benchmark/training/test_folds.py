"""Classes to train on and to validate on, and the batches that are drawn from them."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dmlbench.models import load_model
from dmlbench.sources import open_source
from dmlbench.training.batches import ClassBatches, EvaluationImages, TrainingImages
from dmlbench.training.data import class_images, find_label
from dmlbench.training.decoded import decode_images
from dmlbench.training.folds import split_classes
from dmlbench.training.hyperparameters import read_hyperparameters
from dmldata.common.errors import InputError


@given(classes=st.integers(8, 60), folds=st.integers(2, 4))
def test_folds_are_disjoint_and_each_class_validates_once(classes, folds):
    names = [f"car {number}" for number in range(classes)]
    found = [split_classes(names, fold, folds, "cars") for fold in range(folds)]
    for fold in found:
        assert sorted((*fold.train, *fold.validation)) == sorted(names)
    validated = [name for fold in found for name in fold.validation]
    assert sorted(validated) == sorted(names)
    sizes = [len(fold.validation) for fold in found]
    assert max(sizes) - min(sizes) <= 1


def test_folds_do_not_depend_on_the_order_of_the_images_and_keep_neighbors_together():
    names = [f"vw golf {number}" for number in (10, 2, 1)] + ["audi a4", "audi a6", "bmw"]
    fold = split_classes(names, 0, 2, "cars")
    assert fold.validation == ("audi a4", "audi a6", "bmw")
    assert fold.train == ("vw golf 1", "vw golf 2", "vw golf 10")
    assert split_classes(sorted(names), 0, 2, "cars") == fold


def test_names_that_differ_by_zeros_alone_have_an_order():
    names = ["car 1", "car 01", "car 2", "car 02"]
    orders = {split_classes(order, 0, 2, "cars") for order in itertools.permutations(names)}
    assert len(orders) == 1


@pytest.mark.parametrize(
    ("fold", "folds", "message"),
    [
        (0, 1, "fold 0 of 1; valid: --folds 2 or more"),
        (4, 4, "fold 4 of 4; valid: --folds 2 or more, --fold 0 to 3"),
        (0, 3, "leaves 1 of 5 classes to validate on; valid: at least 2, so --folds up to 2"),
    ],
)
def test_fold_that_cannot_be_is_refused(fold, folds, message):
    with pytest.raises(InputError, match=message):
        split_classes("abcde", fold, folds, "cars")


def batches_of(epoch, rank=0, seed=3):
    classes = np.repeat(np.arange(6), 5)
    draws = ClassBatches(np.arange(30) + 100, classes, 4, 12, 7, seed, rank, lambda: epoch)
    flat = list(draws)
    assert len(flat) == len(draws) == 84
    return [flat[start : start + 12] for start in range(0, 84, 12)]


def test_a_batch_has_so_many_images_of_each_of_its_classes():
    for batch in batches_of(0):
        counted = Counter((draw.row - 100) // 5 for draw in batch)
        assert sorted(counted.values()) == [4, 4, 4]
        assert len({draw.row for draw in batch}) == 12


def test_batches_depend_on_seed_epoch_and_device_and_on_nothing_else():
    first = batches_of(2)
    np.random.seed(9)  # noqa: NPY002
    assert batches_of(2) == first
    others = [batches_of(1), batches_of(2, rank=1), batches_of(2, seed=4)]
    assert all(other != first for other in others)


def test_a_training_image_is_a_seeded_part_of_the_picture(toys, tmp_path):
    source = open_source(str(toys))
    keys = source.samples["key"].to_pylist()[:4]
    preprocessing = load_model("timm:test_resnet?pretrained=false", input_size=32).preprocessing
    decoded = decode_images(source, keys, preprocessing, tmp_path, lambda: None)
    hyperparameters = read_hyperparameters("triplet", "quick")
    images = TrainingImages(decoded, [0, 0, 1, 1], preprocessing, hyperparameters)
    once, again, other = (images[draw][0] for draw in ((2, 5), (2, 5), (2, 6)))
    assert (once.shape, once.dtype) == ((32, 32, 3), np.uint8)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert images[(2, 5)][1] == 1


def test_decoded_images_give_the_input_that_evaluation_gives(toys, tmp_path, monkeypatch):
    source = open_source(str(toys))
    keys = source.samples["key"].to_pylist()[:6]
    preprocessing = load_model("timm:test_resnet?pretrained=false", input_size=32).preprocessing
    expected = [preprocessing.to_tensor(item.image) for item in source.samples_iter(keys=set(keys))]
    in_memory = decode_images(source, keys, preprocessing, tmp_path, lambda: None)
    monkeypatch.setattr("dmlbench.training.decoded.MEMORY", 0)
    in_a_file = decode_images(source, keys, preprocessing, tmp_path, lambda: None)
    for decoded in (in_memory, in_a_file):
        images = EvaluationImages(decoded, np.arange(6), preprocessing)
        pixels = torch.stack([torch.from_numpy(images[place][0]) for place in range(6)])
        assert preprocessing.normalized(pixels).equal(torch.stack(expected))
    assert list(tmp_path.iterdir()) == []


def test_the_class_is_the_car_model_the_class_or_what_is_asked_for(shapes, toys):
    rendered, photos = open_source(str(shapes)), open_source(str(toys))
    assert find_label(rendered, None) == "car_model"
    assert find_label(photos, None) == "class"
    with pytest.raises(InputError, match="label 'paint_hue' is cyclic, not categorical"):
        find_label(rendered, "paint_hue")
    with pytest.raises(InputError, match="label 'make' is not there; valid: --label with one of"):
        find_label(photos, "make")
    found = class_images(photos, "class")
    assert (len(found.keys), len(set(found.names))) == (96, 16)


def test_classes_that_are_numbers_have_these_as_names():
    class Numbered:
        samples = pa.table({"key": list("abcde")})

        def values(self, label):
            return np.array([0.0, 2.0, float("nan"), 0.0, None], dtype=object)

    images = class_images(Numbered(), "doors")
    assert (images.keys, images.names) == (("a", "b", "d"), ("0.0", "2.0", "0.0"))
