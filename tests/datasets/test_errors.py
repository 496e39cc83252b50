"""Errors of the project, as they come back from the process of a worker."""

import pickle

import pytest

from dmldata.common.errors import DatasetError, FieldError, UnknownNameError
from dmldata.common.extras import MissingPackageError


@pytest.mark.parametrize(
    "error",
    [
        DatasetError("dataset.json: no shards"),
        FieldError({"count": 0}, "has to be 1 to 1000"),
        UnknownNameError("factor", "colour", ["color"]),
        MissingPackageError("torch"),
    ],
)
def test_an_error_of_a_worker_keeps_its_class_and_message(error):
    received = pickle.loads(pickle.dumps(error))
    assert (type(received), str(received), vars(received)) == (type(error), str(error), vars(error))
