"""`embeddings:FILE.npy`: rows of a dataset's images, or a reason why they are not."""

import numpy as np
import pytest

from dmlbench.models import load_model
from dmldata.common.errors import ModelError

KEYS = ["a", "b", "c"]


@pytest.fixture
def store(tmp_path):
    """Write rows and, if any, keys; return the reference."""

    def write(rows, keys=None):
        np.save(tmp_path / "E.npy", rows)
        if keys is not None:
            (tmp_path / "E.keys.txt").write_text("\n".join(keys) + "\n")
        return f"embeddings:{tmp_path / 'E.npy'}"

    return write


def test_rows_without_keys_are_in_the_order_of_the_dataset(store):
    loaded = load_model(store(np.eye(3)), loss="triplet")
    assert np.array_equal(loaded.of(KEYS), np.eye(3))
    assert loaded.of(KEYS).dtype == np.float32
    assert (loaded.dimensions, loaded.loss, loaded.id[:2]) == (3, "triplet", "E-")
    assert loaded.describe()["preprocessing"] == {}


def test_rows_with_keys_come_in_any_order(store):
    loaded = load_model(store(np.eye(3), ["c", "a", "b"]))
    assert np.array_equal(loaded.of(KEYS), np.eye(3)[[1, 2, 0]])


def test_other_rows_are_another_model(store):
    assert load_model(store(np.eye(3))).id != load_model(store(2 * np.eye(3))).id


def test_other_keys_are_another_model_too(store):
    ids = [load_model(store(np.eye(3), keys)).id for keys in (None, KEYS, KEYS[::-1])]
    assert len(set(ids)) == 3


def test_images_cannot_be_given_to_it(store):
    loaded = load_model(store(np.eye(3)))
    assert "not the model" in loaded.no_maps
    with pytest.raises(ModelError, match="no model that could embed images"):
        loaded.model(None)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.eye(3)[0], r"E\.npy: embeddings: shape \[3\]; valid: \[N, D\]"),
        (np.array([["a"]]), r"E\.npy: embeddings: dtype <U1; valid: real numbers"),
        (np.full((3, 2), np.nan), r"E\.npy: embeddings: 3 rows hold NaN"),
        (np.full((3, 2), 1e300), r"E\.npy: embeddings: 3 rows hold NaN or infinity"),
        (np.zeros((3, 2)), r"E\.npy: embeddings: 3 rows are a zero vector"),
        (np.zeros((0, 2)), r"E\.npy: embeddings: empty"),
    ],
)
def test_arrays_that_are_no_embeddings_are_refused(store, rows, message):
    with pytest.raises(ModelError, match=message):
        load_model(store(rows))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["a", "b"], r"E\.keys\.txt: 2 keys for 3 rows"),
        (["a", "b", "a"], r"E\.keys\.txt: line 3: 'a' occurs twice"),
    ],
)
def test_keys_that_do_not_go_with_the_rows_are_refused(store, keys, message):
    with pytest.raises(ModelError, match=message):
        load_model(store(np.eye(3), keys))


def test_rows_of_another_dataset_are_refused(store):
    with pytest.raises(ModelError, match=r"3 rows for the 2 images .* keys in E\.keys\.txt"):
        load_model(store(np.eye(3))).of(KEYS[:2])
    keyed = load_model(store(np.eye(3), ["a", "b", "d"]))
    with pytest.raises(ModelError, match=r"E\.keys\.txt: no row for image 'c'.*1 rows without"):
        keyed.of(KEYS)
    with pytest.raises(ModelError, match=r"E\.keys\.txt: no image 'd' of the dataset"):
        keyed.of(KEYS[:2])


def test_options_on_reading_images_are_refused(store):
    with pytest.raises(ModelError, match="input_size sets how images are read"):
        load_model(store(np.eye(3)), input_size=32)


def test_objects_are_refused_and_not_run(store, spring):
    reference = store(np.array([[spring]], dtype=object))
    with pytest.raises(ModelError, match="holds pickled objects"):
        load_model(reference, trust_pickle=True)
    spring.assert_not_sprung()
